// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// How the end of a body is known.
package enum BodyFraming: Equatable, Sendable {
    case none
    case length(Int)
    case chunked
    /// A response's body ends with its connection.
    case untilClose

    // The derived == is a call from every other module.

    @inlinable package var isChunked: Bool {
        if case .chunked = self { true } else { false }
    }

    /// Whether there is any, as far as is known before it comes.
    @inlinable package var hasContent: Bool {
        switch self {
        case .none, .length(0): false
        case .length, .chunked, .untilClose: true
        }
    }

    @inlinable package var endsWithConnection: Bool {
        if case .untilClose = self { true } else { false }
    }
}

/// The rules of RFC 9112 §6.3. What could be framed in two ways is refused, because a request that two servers
/// divide differently smuggles a second one past the first.
package enum MessageFraming {
    package static func ofRequest(_ head: borrowing RequestHead) throws(RequestError) -> BodyFraming {
        if head.fields.contains(.transferEncoding) {
            guard head.version == .http11 else { throw .transferEncodingInHTTP10 }
            switch readCoding(head.fields) {
            case .malformed: throw .malformedTransferEncoding
            case .identity, .unregistered, .unknown: throw .unknownTransferCoding
            case .chunked: break
            }
            guard !head.fields.contains(.contentLength) else { throw .transferEncodingWithLength }
            return .chunked
        }
        switch readLength(head.fields) {
        case .none: return .none
        case .number(let length): return .length(length)
        case .malformed: throw .malformedContentLength
        case .differing: throw .differingContentLengths
        }
    }

    /// `requestMethod` is that of the request which the response answers.
    ///
    /// - Parameter ignoresUnregisteredCoding: whether one coding that nobody has registered counts as none.
    package static func ofResponse(
        _ head: borrowing ResponseHead, requestMethod: Method, ignoresUnregisteredCoding: Bool = false
    ) throws(ResponseError) -> BodyFraming {
        if requestMethod == .head || head.status.hasNoBody { return .none }
        // After a 2xx to CONNECT come a tunnel's bytes, whatever the fields say.
        if requestMethod == .connect, head.status.isSuccess { return .none }
        if head.fields.contains(.transferEncoding) {
            guard head.version == .http11 else { throw .transferEncodingInHTTP10 }
            guard !head.fields.contains(.contentLength) else { throw .transferEncodingWithLength }
            switch readCoding(head.fields) {
            case .chunked: return .chunked
            // RFC 9112 §6.3 item 4: without chunked at the end, the body ends with the connection.
            case .identity: return .untilClose
            case .unregistered where ignoresUnregisteredCoding: return .untilClose
            case .malformed: throw .malformedTransferEncoding
            // What a coding wraps cannot be passed on: the field that names it ends at this connection. A name that
            // is no coding, as of servers that say `binary`, may be one all the same.
            case .unregistered, .unknown: throw .unknownTransferCoding
            }
        }
        switch readLength(head.fields) {
        case .none: return .untilClose
        case .number(let length): return .length(length)
        case .malformed: throw .malformedContentLength
        case .differing: throw .differingContentLengths
        }
    }

    // MARK: Transfer-Encoding

    private enum Coding {
        /// Exactly one `chunked`.
        case chunked
        /// Exactly one `identity`, of which RFC 2616 knew.
        case identity
        /// Exactly one name that is no coding's, as of servers that say `binary` or name a character set.
        case unregistered
        case unknown, malformed
    }

    private static func readCoding(_ fields: borrowing Fields) -> Coding {
        var coding: Coding?
        for index in fields.slots.indices where fields.slots[index].name == .transferEncoding {
            let value = fields.value(at: index)
            var elements = ListElements()
            while let range = elements.next(in: value) {
                let element = readElement(value.extracting(range))
                if element == .malformed { return .malformed }
                // Two of a kind, or chunked before or after another.
                let isRepeated = coding == element && (element == .chunked || element == .identity)
                coding = coding == nil ? element : isRepeated ? .malformed : .unknown
                if coding == .malformed { return .malformed }
            }
        }
        return coding ?? .malformed
    }

    private static func readElement(_ element: borrowing Span<UInt8>) -> Coding {
        guard !element.isEmpty else { return .malformed }
        if element.equalsIgnoringCase("chunked") { return .chunked }
        if element.equalsIgnoringCase("identity") { return .identity }
        for index in element.indices where !ASCII.isTokenCharacter(element[index]) { return .malformed }
        for name in registered where element.equalsIgnoringCase(name) { return .unknown }
        // Whatever others might take for chunked is not guessed at.
        return containsChunked(element) ? .unknown : .unregistered
    }

    /// Transfer codings (RFC 9112 §7.2) and content codings (RFC 9110 §18.6), but for `chunked` and `identity`.
    private static let registered: [StaticString] = [
        "gzip", "x-gzip", "deflate", "compress", "x-compress", "trailers", "br", "zstd", "dcb", "dcz", "exi",
        "aes128gcm", "pack200-gzip",
    ]

    private static func containsChunked(_ element: borrowing Span<UInt8>) -> Bool {
        guard element.count >= 7 else { return false }
        for start in 0...element.count - 7
        where element.extracting(start..<start + 7).equalsIgnoringCase("chunked") { return true }
        return false
    }

    // MARK: Content-Length

    private enum Length { case none, number(Int), malformed, differing }

    /// Equal valid numbers, in one line or several, count as one (RFC 9112 §6.3); whoever passes the message on
    /// writes it once.
    private static func readLength(_ fields: borrowing Fields) -> Length {
        guard fields.contains(.contentLength) else { return .none }
        // Nearly always one number in one line.
        if let index = fields.onlyIndex(of: .contentLength), let number = DecimalText.parse(fields.value(at: index)) {
            return .number(number)
        }
        var length: Int?
        for index in fields.slots.indices where fields.slots[index].name == .contentLength {
            let value = fields.value(at: index)
            var elements = ListElements()
            while let range = elements.next(in: value) {
                guard let number = DecimalText.parse(value.extracting(range)) else { return .malformed }
                if let length, length != number { return .differing }
                length = number
            }
        }
        return length.map { .number($0) } ?? .malformed
    }
}
