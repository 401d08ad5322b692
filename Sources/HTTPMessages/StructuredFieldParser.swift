// SPDX-License-Identifier: Apache-2.0
import Bytes

/// The value is not what RFC 9651 §4.2 parses; the whole field is to be ignored.
package enum StructuredFieldError: Error, Sendable { case malformed }

/// Reads Dictionaries and Lists of RFC 9651, one member at a time. Parameters are checked and passed over.
package struct StructuredFieldParser: Sendable {
    /// A member's value. Ranges refer to the bytes parsed; escapes are left in strings.
    package enum Value: Sendable, Equatable {
        case integer(Int64)
        case string(Range<Int>)
        case token(Range<Int>)
        case boolean(Bool)
        /// Decimal, Byte Sequence, Date, Display String or Inner List, whose values no field here uses.
        case other
    }

    package struct Member: Sendable, Equatable {
        package var key: Range<Int>
        package var value: Value
    }

    private var index = 0

    package init() {}

    /// RFC 9651 §4.2.2. Nil after the last member.
    package mutating func nextDictionaryMember(
        in text: borrowing Span<UInt8>
    ) throws(StructuredFieldError) -> Member? {
        if index == 0 { skipBlanks(in: text) }
        guard index < text.count else { return nil }
        let key = try readKey(in: text)
        var value = Value.boolean(true)
        if take(ASCII.equals, in: text) { value = try readItemOrInnerList(in: text) }
        try skipParameters(in: text)
        try endMember(in: text)
        return Member(key: key, value: value)
    }

    /// RFC 9651 §4.2.1. Nil after the last member.
    package mutating func nextListMember(in text: borrowing Span<UInt8>) throws(StructuredFieldError) -> Value? {
        if index == 0 { skipBlanks(in: text) }
        guard index < text.count else { return nil }
        let value = try readItemOrInnerList(in: text)
        try skipParameters(in: text)
        try endMember(in: text)
        return value
    }

    // MARK: Between members

    private mutating func endMember(in text: borrowing Span<UInt8>) throws(StructuredFieldError) {
        skipBlanks(in: text)
        guard index < text.count else { return }
        guard take(ASCII.comma, in: text) else { throw .malformed }
        skipBlanks(in: text)
        // A comma at the end has no member after it.
        guard index < text.count else { throw .malformed }
    }

    private mutating func skipBlanks(in text: borrowing Span<UInt8>) {
        while index < text.count, ASCII.isBlank(text[index]) { index += 1 }
    }

    private mutating func take(_ byte: UInt8, in text: borrowing Span<UInt8>) -> Bool {
        guard index < text.count, text[index] == byte else { return false }
        index += 1
        return true
    }

    private mutating func skipParameters(in text: borrowing Span<UInt8>) throws(StructuredFieldError) {
        while take(ASCII.semicolon, in: text) {
            while take(ASCII.space, in: text) {}
            // Read for its form alone.
            _ = try readKey(in: text)
            if take(ASCII.equals, in: text) { _ = try readBareItem(in: text) }
        }
    }

    // MARK: Values

    /// RFC 9651 §4.2.3.3: lower case only.
    private mutating func readKey(in text: borrowing Span<UInt8>) throws(StructuredFieldError) -> Range<Int> {
        let start = index
        while index < text.count, StructuredFieldParser.isKeyByte(text[index], isFirst: index == start) { index += 1 }
        guard index > start else { throw .malformed }
        return start..<index
    }

    private static func isKeyByte(_ byte: UInt8, isFirst: Bool) -> Bool {
        if byte == ASCII.star || (ASCII.isLetter(byte) && !ASCII.isUpper(byte)) { return true }
        if isFirst { return false }
        return ASCII.isDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".")
    }

    private mutating func readItemOrInnerList(in text: borrowing Span<UInt8>) throws(StructuredFieldError) -> Value {
        guard take(UInt8(ascii: "("), in: text) else { return try readBareItem(in: text) }
        while index < text.count {
            while take(ASCII.space, in: text) {}
            if take(UInt8(ascii: ")"), in: text) { return .other }
            // Read for its form alone.
            _ = try readBareItem(in: text)
            try skipParameters(in: text)
            guard index < text.count, text[index] == ASCII.space || text[index] == UInt8(ascii: ")")
            else { throw .malformed }
        }
        throw .malformed
    }

    private mutating func readBareItem(in text: borrowing Span<UInt8>) throws(StructuredFieldError) -> Value {
        guard index < text.count else { throw .malformed }
        let first = text[index]
        switch first {
        case ASCII.doubleQuote: return .string(try readString(in: text))
        case UInt8(ascii: "?"): return .boolean(try readBoolean(in: text))
        case UInt8(ascii: ":"): return try readByteSequence(in: text)
        case UInt8(ascii: "@"):
            index += 1
            guard case .integer = try readNumber(in: text) else { throw .malformed }
            return .other
        case ASCII.percent:
            index += 1
            guard index < text.count, text[index] == ASCII.doubleQuote else { throw .malformed }
            _ = try readString(in: text)  // Read for its form alone.
            return .other
        default:
            if ASCII.isDigit(first) || first == UInt8(ascii: "-") { return try readNumber(in: text) }
            return .token(try readToken(in: text))
        }
    }

    /// RFC 9651 §4.2.4: at most 15 digits, or 12 and 3 of a Decimal.
    private mutating func readNumber(in text: borrowing Span<UInt8>) throws(StructuredFieldError) -> Value {
        let isNegative = take(UInt8(ascii: "-"), in: text)
        let start = index
        var number: Int64 = 0
        while index < text.count, ASCII.isDigit(text[index]), index - start <= 15 {
            number = number * 10 + Int64(text[index] &- 0x30)
            index += 1
        }
        let digits = index - start
        guard digits > 0, digits <= 15 else { throw .malformed }
        guard take(UInt8(ascii: "."), in: text) else { return .integer(isNegative ? -number : number) }
        let fraction = index
        while index < text.count, ASCII.isDigit(text[index]) { index += 1 }
        guard digits <= 12, index > fraction, index - fraction <= 3 else { throw .malformed }
        return .other
    }

    private mutating func readString(in text: borrowing Span<UInt8>) throws(StructuredFieldError) -> Range<Int> {
        index += 1
        let start = index
        while index < text.count {
            let byte = text[index]
            if byte == ASCII.doubleQuote {
                index += 1
                return start..<index - 1
            }
            guard byte >= 0x20, byte < 0x7F else { throw .malformed }
            if byte == ASCII.backslash {
                index += 1
                guard index < text.count, text[index] == ASCII.doubleQuote || text[index] == ASCII.backslash
                else { throw .malformed }
            }
            index += 1
        }
        throw .malformed
    }

    private mutating func readBoolean(in text: borrowing Span<UInt8>) throws(StructuredFieldError) -> Bool {
        guard index + 1 < text.count, text[index + 1] & 0xFE == 0x30 else { throw .malformed }
        index += 2
        return text[index - 1] == 0x31
    }

    private mutating func readByteSequence(in text: borrowing Span<UInt8>) throws(StructuredFieldError) -> Value {
        index += 1
        while index < text.count, text[index] != ASCII.colon {
            let byte = text[index]
            let isBase64 =
                ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "+") || byte == ASCII.slash
                || byte == ASCII.equals
            guard isBase64 else { throw .malformed }
            index += 1
        }
        guard take(ASCII.colon, in: text) else { throw .malformed }
        return .other
    }

    private mutating func readToken(in text: borrowing Span<UInt8>) throws(StructuredFieldError) -> Range<Int> {
        let start = index
        guard ASCII.isLetter(text[start]) || text[start] == ASCII.star else { throw .malformed }
        while index < text.count,
            ASCII.isTokenCharacter(text[index]) || text[index] == ASCII.colon
                || text[index] == ASCII.slash
        {
            index += 1
        }
        return start..<index
    }
}
