// SPDX-License-Identifier: Apache-2.0

/// Questions about single bytes, as the ABNF of RFC 9110 and RFC 5234 names them.
///
/// The compiler does not look into `package` functions of another module, so what parsers ask of every byte is
/// inlinable, and the constants are computed.
@usableFromInline
package enum ASCII {
    @inlinable package static var tab: UInt8 { UInt8(ascii: "\t") }
    @inlinable package static var lineFeed: UInt8 { UInt8(ascii: "\n") }
    @inlinable package static var carriageReturn: UInt8 { UInt8(ascii: "\r") }
    @inlinable package static var space: UInt8 { UInt8(ascii: " ") }
    @inlinable package static var doubleQuote: UInt8 { UInt8(ascii: "\"") }
    @inlinable package static var comma: UInt8 { UInt8(ascii: ",") }
    @inlinable package static var semicolon: UInt8 { UInt8(ascii: ";") }
    @inlinable package static var equals: UInt8 { UInt8(ascii: "=") }
    @inlinable package static var colon: UInt8 { UInt8(ascii: ":") }
    @inlinable package static var slash: UInt8 { UInt8(ascii: "/") }
    @inlinable package static var backslash: UInt8 { UInt8(ascii: "\\") }
    @inlinable package static var questionMark: UInt8 { UInt8(ascii: "?") }
    @inlinable package static var percent: UInt8 { UInt8(ascii: "%") }
    @inlinable package static var star: UInt8 { UInt8(ascii: "*") }

    @inlinable @inline(__always)
    package static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    @inlinable @inline(__always)
    package static func isUpper(_ byte: UInt8) -> Bool { byte &- 0x41 < 26 }

    @inlinable @inline(__always)
    package static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    /// OWS of RFC 9110 §5.6.3: space or tab.
    @inlinable @inline(__always)
    package static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    @inlinable @inline(__always)
    package static func lowercased(_ byte: UInt8) -> UInt8 { isUpper(byte) ? byte | 0x20 : byte }

    package static func uppercased(_ byte: UInt8) -> UInt8 { byte &- 0x61 < 26 ? byte & 0xDF : byte }

    /// The value of a hexadecimal digit, or nil.
    @inlinable @inline(__always)
    package static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- 0x30 }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// tchar of RFC 9110 §5.6.2.
    @inlinable @inline(__always)
    package static func isTokenCharacter(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? tokenLow : tokenHigh) & (1 << UInt64(byte & 63)) != 0
    }

    /// `!#$%&'*+-.` and the digits, as bits 0 to 63.
    @inlinable static var tokenLow: UInt64 { 0x03FF_6CFA_0000_0000 }
    /// The letters, `^_|~` and the back quote, as bits 64 to 127.
    @inlinable static var tokenHigh: UInt64 { 0x57FF_FFFF_C7FF_FFFE }
}

extension ASCII {
    /// What a URI may hold (RFC 3986 §2): unreserved and reserved characters, and `%`. Any other byte is escaped.
    @inlinable @inline(__always)
    package static func isURIByte(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? uriLow : uriHigh) & (1 << UInt64(byte & 63)) != 0
    }

    /// All from `!` to `?` but for `"`, `<` and `>`, as bits 0 to 63.
    @inlinable static var uriLow: UInt64 { 0xAFFF_FFFA_0000_0000 }
    /// All from `@` to `~` but for backslash, `^`, back quote, `{`, `|` and `}`, as bits 64 to 127.
    @inlinable static var uriHigh: UInt64 { 0x47FF_FFFE_AFFF_FFFF }
}

extension Span where Element == UInt8 {
    /// Whether the bytes equal `text`, which must be lower case, in any case of letters.
    @inlinable
    package func equalsIgnoringCase(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { wanted in
            for index in 0..<count where unsafe ASCII.lowercased(self[index]) != wanted[index] { return false }
            return true
        }
    }

    /// The same with other bytes, whatever their case.
    package func equalsIgnoringCase(_ other: borrowing Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where ASCII.lowercased(self[index]) != ASCII.lowercased(other[index]) { return false }
        return true
    }

    @inlinable
    package func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { wanted in
            for index in 0..<count where unsafe self[index] != wanted[index] { return false }
            return true
        }
    }

    @inlinable
    package func elementsEqual(_ other: borrowing Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        guard count >= 8 else {
            for index in 0..<count where self[index] != other[index] { return false }
            return true
        }
        var index = 0
        while index &+ 8 < count {
            guard word(at: index) == other.word(at: index) else { return false }
            index &+= 8
        }
        return word(at: count &- 8) == other.word(at: count &- 8)
    }

    /// The range of what is left after blanks at both ends are taken away.
    @inlinable
    package func trimmingBlanks(_ range: Range<Int>) -> Range<Int> {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, ASCII.isBlank(self[lower]) { lower += 1 }
        while upper > lower, ASCII.isBlank(self[upper - 1]) { upper -= 1 }
        return lower..<upper
    }

    /// A copy as text, for messages and logs; invalid UTF-8 is repaired.
    package func text() -> String {
        unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
