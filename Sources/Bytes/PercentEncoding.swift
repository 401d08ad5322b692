// SPDX-License-Identifier: Apache-2.0

/// Percent-encoding under RFC 3986 §2.1, §6.2.2.1 and §6.2.2.2.
package enum PercentEncoding {
    /// Unreserved bytes decoded, the other escapes in upper case, what no URI may hold escaped. Escapes in a text with a
    /// broken one stay as they are: decoding beside it could make one that nobody wrote.
    package static func writeNormalized(_ text: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        guard flaw(in: text) != .brokenEscape else { return writeEscaped(text, into: &buffer) }
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte == ASCII.percent, let decoded = decode(text, at: index) {
                if isUnreserved(decoded) { buffer.append(decoded) } else { writeEscape(decoded, into: &buffer) }
                index += 3
            } else {
                if ASCII.isURIByte(byte) { buffer.append(byte) } else { writeEscape(byte, into: &buffer) }
                index += 1
            }
        }
    }

    /// What no URI may hold is escaped, and nothing else is touched.
    package static func writeEscaped(_ text: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        var start = 0
        while start < text.count {
            let end = text.firstNotURI(in: start..<text.count)
            buffer.append(text.extracting(start..<end))
            if end < text.count { writeEscape(text[end], into: &buffer) }
            start = end + 1
        }
    }

    /// What makes a path unfit to be asked for: servers would read it in different ways.
    package enum Flaw: Error, Sendable {
        /// A `%` without two hexadecimal digits behind it.
        case brokenEscape
        /// `%00`, at which a path ends for some.
        case nul

        package var reason: StaticString {
            switch self {
            case .brokenEscape: "broken percent-escape in path"
            case .nul: "NUL in path"
            }
        }
    }

    package static func flaw(in text: borrowing Span<UInt8>) -> Flaw? {
        var found: Flaw?
        for index in 0..<text.count where text[index] == ASCII.percent {
            guard let byte = decode(text, at: index) else { return .brokenEscape }
            if byte == 0 { found = .nul }
        }
        return found
    }

    package static func writeEscape(_ byte: UInt8, into buffer: inout ByteBuffer) {
        buffer.append(ASCII.percent)
        buffer.append(hexDigit(byte >> 4))
        buffer.append(hexDigit(byte & 15))
    }

    private static func decode(_ text: borrowing Span<UInt8>, at index: Int) -> UInt8? {
        guard index + 2 < text.count, let high = ASCII.hexValue(text[index + 1]),
            let low = ASCII.hexValue(text[index + 2])
        else { return nil }
        return high << 4 | low
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? value &+ 0x30 : value &+ 0x37 }

    /// RFC 3986 §2.3.
    package static func isUnreserved(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }
}
