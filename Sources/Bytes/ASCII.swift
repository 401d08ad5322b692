// SPDX-License-Identifier: Apache-2.0

/// Questions about single bytes, as the ABNF of RFC 9110 and RFC 5234 names them.
package enum ASCII {
    package static let tab = UInt8(ascii: "\t")
    package static let lineFeed = UInt8(ascii: "\n")
    package static let carriageReturn = UInt8(ascii: "\r")
    package static let space = UInt8(ascii: " ")
    package static let doubleQuote = UInt8(ascii: "\"")
    package static let comma = UInt8(ascii: ",")
    package static let semicolon = UInt8(ascii: ";")
    package static let equals = UInt8(ascii: "=")
    package static let colon = UInt8(ascii: ":")
    package static let slash = UInt8(ascii: "/")
    package static let backslash = UInt8(ascii: "\\")
    package static let questionMark = UInt8(ascii: "?")
    package static let percent = UInt8(ascii: "%")
    package static let star = UInt8(ascii: "*")

    package static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    package static func isUpper(_ byte: UInt8) -> Bool { byte &- 0x41 < 26 }

    package static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    /// OWS of RFC 9110 §5.6.3: space or tab.
    package static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    package static func lowercased(_ byte: UInt8) -> UInt8 { isUpper(byte) ? byte | 0x20 : byte }

    /// The value of a hexadecimal digit, or nil.
    package static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- 0x30 }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// tchar of RFC 9110 §5.6.2.
    package static func isTokenCharacter(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? tokenLow : tokenHigh) & (1 << UInt64(byte & 63)) != 0
    }

    /// `!#$%&'*+-.` and the digits, as bits 0 to 63.
    private static let tokenLow: UInt64 = 0x03FF_6CFA_0000_0000
    /// The letters and `^_`|~` and the back quote, as bits 64 to 127.
    private static let tokenHigh: UInt64 = 0x57FF_FFFF_C7FF_FFFE
}

extension Span where Element == UInt8 {
    /// Whether the bytes equal `text`, which must be lower case, in any case of letters.
    package func equalsIgnoringCase(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { wanted in
            for index in 0..<count where unsafe ASCII.lowercased(self[index]) != wanted[index] { return false }
            return true
        }
    }

    package func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { wanted in
            for index in 0..<count where unsafe self[index] != wanted[index] { return false }
            return true
        }
    }

    package func elementsEqual(_ other: borrowing Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index] != other[index] { return false }
        return true
    }

    /// The range of what is left after blanks at both ends are taken away.
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
