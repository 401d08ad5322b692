// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// How the bodies of one route are compressed.
package final class CompressionPolicy: Sendable {
    /// In order of preference; empty: nothing is compressed, nor is anything decoded.
    package let codings: [ContentCoding]
    /// The same, with identity as the last resort.
    let choices: [ContentCoding]
    package let minimumByteCount: Int
    private let types: [Glob]
    private let excludedPaths: [Glob]
    /// The request field that opts out, in any case of letters; empty for none.
    private let optOutField: [UInt8]
    private let optOutName: FieldName
    /// The field line that asks the origin for the codings that are wanted of it.
    package let upstreamAcceptEncoding: [UInt8]
    /// After so many requests for a coded body it is worth the best level; 0 for never.
    package let climbsAfter: UInt32

    /// - Parameters:
    ///   - types: of content, in lower case, as `text/*`.
    ///   - excludedPaths: of requests.
    package init(
        codings: [ContentCoding], minimumByteCount: Int = 1024, types: [Glob] = [], excludedPaths: [Glob] = [],
        optOutField: String = "", upstreamCodings: [ContentCoding] = [], climbsAfter: UInt32 = 0
    ) {
        self.codings = codings
        choices = codings + [.identity]
        self.minimumByteCount = minimumByteCount
        self.types = types
        self.excludedPaths = excludedPaths
        let field = Array(optOutField.utf8)
        self.optOutField = field
        optOutName = FieldName.lookUp(field.span)
        upstreamAcceptEncoding = Self.acceptEncoding(upstreamCodings)
        self.climbsAfter = climbsAfter
    }

    private static func acceptEncoding(_ codings: [ContentCoding]) -> [UInt8] {
        let names = codings.isEmpty ? "identity" : codings.map { "\($0.name)" }.joined(separator: ", ")
        return Array("Accept-Encoding: \(names)\r\n".utf8)
    }

    package static let off = CompressionPolicy(codings: [])

    package var isOff: Bool { codings.isEmpty }

    // MARK: Responses

    /// Why a response stays as it is; nil when it may be compressed.
    ///
    /// - Parameters:
    ///   - contentLength: nil when it is not known yet.
    ///   - types: what was found out about media types before.
    package func refusal(
        of response: borrowing ResponseHead, to request: borrowing RequestHead, contentLength: Int?,
        types: inout MediaTypeMemory
    ) -> CompressionRefusal? {
        if isOff { return .off }
        if response.status.hasNoBody { return .noBody }
        // RFC 9110 §15.3.7: a part is cut from a body as it is.
        if response.status.code == 206 || response.fields.contains(.contentRange) { return .partial }
        guard case .none = ContentEncodingField.read(response.fields) else { return .alreadyCoded }
        if let contentLength, contentLength < minimumByteCount { return .tooShort }
        guard let type = response.fields.firstIndex(of: .contentType),
            types.takes(response.fields.value(at: type), self)
        else { return .type }
        if Self.forbidsTransformation(response.fields) { return .noTransform }
        if Self.hasDigest(response.fields) { return .digest }
        return isExcluded(request.path) ? .path : nil
    }

    /// - Parameter value: of Content-Type. Its parameters say nothing here (RFC 9110 §8.3.1).
    func takesType(_ value: borrowing Span<UInt8>) -> Bool {
        var end = 0
        while end < value.count, value[end] != ASCII.semicolon { end += 1 }
        let type = value.extracting(value.trimmingBlanks(0..<end))
        for place in 0..<type.count where ASCII.isUpper(type[place]) { return takesLowercased(type) }
        return takes(type)
    }

    private func takesLowercased(_ type: borrowing Span<UInt8>) -> Bool {
        var lowercased = ByteBuffer(capacity: type.count)
        for place in 0..<type.count { lowercased.append(ASCII.lowercased(type[place])) }
        return takes(lowercased.span)
    }

    private func takes(_ type: borrowing Span<UInt8>) -> Bool {
        for pattern in types where pattern.matches(type) { return true }
        return false
    }

    /// RFC 9111 §5.2.2.6. It is said to all on the way, so that a targeted field does not hide it.
    package static func forbidsTransformation(_ fields: borrowing Fields) -> Bool {
        fields.contains(.cacheControl) && mayNameTransformation(fields)
            && ResponseDirectives.parse(fields, targetedFields: []).flags.contains(.noTransform)
    }

    /// Whether reading the directives is worth the while: few other ones have the letter.
    private static func mayNameTransformation(_ fields: borrowing Fields) -> Bool {
        for index in fields.slots.indices where fields.slots[index].name == .cacheControl {
            let value = fields.value(at: index)
            if value.firstIndex(of: UInt8(ascii: "f"), or: UInt8(ascii: "F"), in: 0..<value.count) < value.count {
                return true
            }
        }
        return false
    }

    /// The body is vouched for byte by byte (RFC 9530, and its forerunners).
    private static func hasDigest(_ fields: borrowing Fields) -> Bool {
        for index in fields.slots.indices where fields.slots[index].name == .other {
            let name = fields.name(at: index)
            if name.equalsIgnoringCase("content-digest") || name.equalsIgnoringCase("repr-digest") { return true }
            if name.equalsIgnoringCase("digest") || name.equalsIgnoringCase("content-md5") { return true }
        }
        return false
    }

    private func isExcluded(_ path: borrowing Span<UInt8>) -> Bool {
        for pattern in excludedPaths where pattern.matches(path) { return true }
        return false
    }

    // MARK: Requests

    /// Whether the answer may be compressed for this client, apart from the codings that it takes.
    package func serves(_ request: borrowing RequestHead) -> Bool {
        !isOff && !optsOut(request.fields)
            && !(request.fields.contains(.cacheControl) && Self.asksForNoTransformation(request.fields))
    }

    private func optsOut(_ fields: borrowing Fields) -> Bool {
        if optOutField.isEmpty { return false }
        if optOutName != .other { return fields.contains(optOutName) }
        let wanted = optOutField
        for index in fields.slots.indices where fields.slots[index].name == .other {
            if fields.name(at: index).equalsIgnoringCase(wanted.span) { return true }
        }
        return false
    }

    /// RFC 9111 §5.2.1.6.
    private static func asksForNoTransformation(_ fields: borrowing Fields) -> Bool {
        for index in fields.slots.indices where fields.slots[index].name == .cacheControl {
            let value = fields.value(at: index)
            var list = FieldListParser()
            while let member = list.next(in: value) {
                if value.extracting(member).equalsIgnoringCase("no-transform") { return true }
            }
        }
        return false
    }

    /// The coding in which a body is sent.
    ///
    /// - Parameters:
    ///   - stored: the one in which the origin sent it.
    ///   - isCompressible: it came plain, and nothing speaks against compressing it.
    package func choice(
        for preferences: CodingPreferences, stored: ContentCoding, isCompressible: Bool
    ) -> ContentCoding {
        if stored != .identity { return preferences.best(of: [stored, .identity]) ?? .identity }
        return isCompressible ? preferences.best(of: choices) ?? .identity : .identity
    }
}

/// Why a body is not compressed.
package enum CompressionRefusal: Sendable, Equatable {
    case off, noBody, partial, alreadyCoded, tooShort, type, noTransform, digest, path
}
