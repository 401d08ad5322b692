// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// What of X-Forwarded-For and its kin (RFC 7239) a request keeps on its way to the origin, and the scheme that they
/// say it came by.
@usableFromInline
package enum ForwardedRule: Sendable {
    /// What a trusted peer sent is continued, what anybody else sent is dropped.
    case append
    /// All is dropped.
    case replace
    /// All passes as it came.
    case off

    package static var names: FieldNameSet { ForwardingFields.allNames }

    /// Whether the origin is told whom a request came from.
    @inlinable
    package var isWritten: Bool {
        if case .off = self { false } else { true }
    }

    /// - Parameter believed: what the peer is believed in; nothing where it is no trusted proxy.
    package func apply(to head: inout RequestHead, believed: FieldNameSet) {
        switch self {
        case .append:
            var dropped = Self.names.subtracting(believed)
            dropped.insert(.xForwardedPort)
            head.fields.remove(dropped)
        case .replace: head.fields.remove(Self.names)
        case .off: break
        }
        head.isSecure = Self.nameHTTPS(head.fields, believed)
    }

    /// X-Forwarded-Proto decides where it is there, else the first proto of Forwarded.
    private static func nameHTTPS(_ fields: borrowing Fields, _ believed: FieldNameSet) -> Bool {
        guard believed.contains(.xForwardedProto), fields.contains(.xForwardedProto) else {
            return believed.contains(.forwarded) && ForwardedElements.beginWithHTTPS(fields)
        }
        return isUnderstood(fields) && fields.firstValue(of: .xForwardedProto).count == 5
    }

    /// Whether X-Forwarded-Proto says http or https, and no more than that: then the scheme in the key tells it all.
    package static func isUnderstood(_ fields: borrowing Fields) -> Bool {
        guard let index = fields.onlyIndex(of: .xForwardedProto) else { return false }
        let value = fields.value(at: index)
        return value.equals("http") || value.equals("https")
    }
}

/// The Forwarded lines of a request (RFC 7239 §4).
package enum ForwardedElements {
    /// What they say besides addresses, with the commas and semicolons between; nothing when that is all they say.
    package static func writeSite(_ fields: borrowing Fields, into buffer: inout ByteBuffer) {
        let base = buffer.count
        var isFound = false
        for index in fields.slots.indices where fields.slots[index].name == .forwarded {
            let value = fields.value(at: index)
            if buffer.count > base { buffer.append(ASCII.comma) }
            forEachPair(value) { pair, separator in
                if !isAddress(value.extracting(pair)) {
                    isFound = isFound || !pair.isEmpty
                    buffer.append(value.extracting(pair))
                }
                if let separator { buffer.append(separator) }
            }
        }
        if !isFound { buffer.truncate(to: base) }
    }

    static func beginWithHTTPS(_ fields: borrowing Fields) -> Bool {
        guard let index = fields.firstIndex(of: .forwarded) else { return false }
        let value = fields.value(at: index)
        var isSecure: Bool?
        forEachPair(value) { pair, _ in
            let text = value.extracting(pair)
            guard isSecure == nil, text.count > 6, text.extracting(0..<6).equalsIgnoringCase("proto=") else { return }
            let scheme = text.extracting(6..<text.count)
            isSecure = scheme.equalsIgnoringCase("https") || scheme.equalsIgnoringCase("\"https\"")
        }
        return isSecure ?? false
    }

    private static func isAddress(_ pair: borrowing Span<UInt8>) -> Bool {
        guard pair.count > 3 else { return false }
        let isClosed = !hasOpenQuote(pair)
        return isClosed
            && (pair.extracting(0..<4).equalsIgnoringCase("for=")
                || pair.extracting(0..<3).equalsIgnoringCase("by="))
    }

    private static func hasOpenQuote(_ text: borrowing Span<UInt8>) -> Bool {
        var isQuoted = false
        for index in text.indices where text[index] == ASCII.doubleQuote { isQuoted.toggle() }
        return isQuoted
    }

    /// Pairs without the blanks around them, and what stands behind each: a semicolon, a comma, or nothing.
    private static func forEachPair(_ value: borrowing Span<UInt8>, _ body: (Range<Int>, UInt8?) -> Void) {
        var start = 0
        var isQuoted = false
        for index in value.indices {
            let byte = value[index]
            if byte == ASCII.doubleQuote { isQuoted.toggle() }
            guard !isQuoted, byte == ASCII.comma || byte == ASCII.semicolon else { continue }
            body(value.trimmingBlanks(start..<index), byte)
            start = index + 1
        }
        body(value.trimmingBlanks(start..<value.count), nil)
    }
}
