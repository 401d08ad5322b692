// SPDX-License-Identifier: Apache-2.0
package import Bytes

extension ByteBuffer {
    /// Appends the inside of a JSON string (RFC 8259 §7). Besides what JSON demands, everything that could end a
    /// line or drive a terminal is escaped (C0, DEL, C1, U+2028, U+2029), and bytes that are not UTF-8 become
    /// U+FFFD, so that no client can break a log line or the document around it.
    package mutating func append(jsonEscaped bytes: borrowing Span<UInt8>) {
        var index = 0
        while index < bytes.count {
            let plain = bytes.firstNotQuotable(in: index..<bytes.count)
            append(bytes.extracting(index..<plain))
            index = plain < bytes.count ? plain + append(jsonEscapedAt: plain, of: bytes) : plain
        }
    }

    /// One character that is not plain ASCII; answers how many bytes it took up.
    private mutating func append(jsonEscapedAt index: Int, of bytes: borrowing Span<UInt8>) -> Int {
        guard bytes[index] >= 0x80 else {
            append(jsonEscape: UInt32(bytes[index]))
            return 1
        }
        guard let scalar = UTF8Scalar(in: bytes, at: index) else {
            append(jsonEscape: 0xFFFD)
            return 1
        }
        if scalar.isUnsafeInLogs {
            append(jsonEscape: scalar.value)
        } else {
            append(bytes.extracting(index..<index + scalar.length))
        }
        return scalar.length
    }

    package mutating func append(jsonEscaped text: String) {
        var text = text
        text.makeContiguousUTF8()
        append(jsonEscaped: text.utf8.span)
    }

    private mutating func append(jsonEscape value: UInt32) {
        switch value {
        case 0x22: append("\\\"")
        case 0x5C: append("\\\\")
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        default:
            append("\\u")
            append(hexadecimal: UInt8(truncatingIfNeeded: value >> 8))
            append(hexadecimal: UInt8(truncatingIfNeeded: value))
        }
    }

    /// Appends bytes for a quoted field of an NCSA log line: whatever is not printable ASCII, and quotes and
    /// backslashes, as `\xHH`.
    package mutating func append(logEscaped bytes: borrowing Span<UInt8>) {
        var index = 0
        while index < bytes.count {
            let plain = bytes.firstNotQuotable(in: index..<bytes.count)
            append(bytes.extracting(index..<plain))
            guard plain < bytes.count else { return }
            append("\\x")
            append(hexadecimal: bytes[plain])
            index = plain + 1
        }
    }

    package mutating func append(hexadecimal byte: UInt8) {
        append(hexadecimalDigit: byte >> 4)
        append(hexadecimalDigit: byte & 15)
    }

    private mutating func append(hexadecimalDigit digit: UInt8) {
        append(digit + (digit < 10 ? 0x30 : 0x57))
    }
}

/// One well-formed UTF-8 sequence of two bytes or more (RFC 3629 §4).
private struct UTF8Scalar {
    let value: UInt32
    let length: Int

    /// Nil when the bytes at `index` are not well-formed.
    init?(in bytes: borrowing Span<UInt8>, at index: Int) {
        let lead = bytes[index]
        let (length, least): (Int, UInt32)
        switch lead {
        case 0xC2...0xDF: (length, least) = (2, 0x80)
        case 0xE0...0xEF: (length, least) = (3, 0x800)
        case 0xF0...0xF4: (length, least) = (4, 0x1_0000)
        default: return nil
        }
        guard bytes.count - index >= length else { return nil }
        var value = UInt32(lead) & (0x7F >> UInt32(length))
        for offset in 1..<length {
            let byte = bytes[index + offset]
            guard byte & 0xC0 == 0x80 else { return nil }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        guard value >= least, value <= 0x10_FFFF, !(0xD800...0xDFFF).contains(value) else { return nil }
        self.value = value
        self.length = length
    }

    /// C1 controls, and the line and paragraph separators.
    var isUnsafeInLogs: Bool { value < 0xA0 || value == 0x2028 || value == 0x2029 }
}
