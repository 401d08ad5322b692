// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// What servers may read in Cookie as the cookie of one name. They differ: in which of two counts, in letters' case,
/// in what quotes and commas mean, and in what a name may be escaped or padded with.
package enum CookieReading: Sendable, Equatable {
    /// Nobody reads one.
    case absent
    /// All read the pairs that `forEachPair` hands out.
    case pairs
    /// What is read depends on who reads: only the whole Cookie tells.
    case ambiguous

    package static func of(_ name: borrowing Span<UInt8>, in fields: borrowing Fields) -> CookieReading {
        var reading = CookieReading.absent
        for index in fields.slots.indices where fields.slots[index].name == .cookie {
            let value = fields.value(at: index)
            switch occurrence(of: name, in: value) {
            case .absent: continue
            case .ambiguous: return .ambiguous
            case .pairs: reading = .pairs
            }
            // Some servers give up at what is malformed, and some take one of several lines, or join them by commas.
            if !isWellFormed(value) || fields.onlyIndex(of: .cookie) == nil { return .ambiguous }
        }
        return reading
    }

    /// The values of all pairs of the name, as they were sent, in order.
    package static func forEachPair(
        of name: borrowing Span<UInt8>, in fields: borrowing Fields, _ body: (Span<UInt8>) -> Void
    ) {
        for index in fields.slots.indices where fields.slots[index].name == .cookie {
            let value = fields.value(at: index)
            var start = 0
            while start < value.count {
                let end = endOfPair(value, from: start)
                if let range = valueRange(of: name, in: value, start..<end) { body(value.extracting(range)) }
                start = end + 1
            }
        }
    }

    // MARK: Plain pairs

    private static func endOfPair(_ value: borrowing Span<UInt8>, from start: Int) -> Int {
        var end = start
        while end < value.count, value[end] != ASCII.semicolon { end += 1 }
        return end
    }

    /// `name=value`, the name spelled as wanted, behind nothing but blanks.
    private static func valueRange(
        of name: borrowing Span<UInt8>, in value: borrowing Span<UInt8>, _ pair: Range<Int>
    ) -> Range<Int>? {
        var start = pair.lowerBound
        while start < pair.upperBound, ASCII.isBlank(value[start]) { start += 1 }
        let end = start + name.count
        guard end < pair.upperBound, value[end] == ASCII.equals, value.extracting(start..<end).elementsEqual(name)
        else { return nil }
        return end + 1..<pair.upperBound
    }

    // MARK: All that may be taken for the name

    private static func occurrence(
        of name: borrowing Span<UInt8>, in value: borrowing Span<UInt8>
    ) -> CookieReading {
        var reading = CookieReading.absent
        for index in value.indices where beginsName(value, at: index) {
            guard let end = endOfName(name, in: value, from: index) else { continue }
            guard isPlainPair(name, in: value, at: index, end: end) else { return .ambiguous }
            reading = .pairs
        }
        return reading
    }

    /// Whether a name may begin here: not within a word, nor behind the equals sign of another pair.
    private static func beginsName(_ value: borrowing Span<UInt8>, at index: Int) -> Bool {
        guard index > 0 else { return true }
        let before = value[index - 1]
        if before == ASCII.equals { return index == 1 || !isWord(value[index - 2]) }
        return !isWord(before)
    }

    /// Where a name that may be read as `name` ends; nil when none begins here.
    private static func endOfName(
        _ name: borrowing Span<UInt8>, in value: borrowing Span<UInt8>, from start: Int
    ) -> Int? {
        var place = start
        for index in name.indices {
            guard let (byte, next) = letter(value, at: place), folded(byte) == folded(name[index]) else { return nil }
            place = next
        }
        return place == value.count || !isWord(value[place]) ? place : nil
    }

    /// A byte, whether or not it is percent-encoded, and where the next one begins.
    private static func letter(_ value: borrowing Span<UInt8>, at index: Int) -> (UInt8, Int)? {
        guard index < value.count else { return nil }
        if value[index] == ASCII.percent, index + 2 < value.count, let high = ASCII.hexValue(value[index + 1]),
            let low = ASCII.hexValue(value[index + 2])
        {
            return (high << 4 | low, index + 3)
        }
        return (value[index], index + 1)
    }

    /// PHP turns dots, blanks and brackets in names into underscores.
    private static func folded(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "["), UInt8(ascii: "+"), ASCII.space, ASCII.tab: UInt8(ascii: "_")
        default: ASCII.lowercased(byte)
        }
    }

    private static func isPlainPair(
        _ name: borrowing Span<UInt8>, in value: borrowing Span<UInt8>, at index: Int, end: Int
    ) -> Bool {
        var start = index
        while start > 0, value[start - 1] != ASCII.semicolon { start -= 1 }
        return valueRange(of: name, in: value, start..<endOfPair(value, from: start))?.lowerBound == end + 1
    }

    /// RFC 6265 §4.2.1, but for the number of blanks between pairs.
    private static func isWellFormed(_ value: borrowing Span<UInt8>) -> Bool {
        var start = 0
        while start <= value.count {
            let end = endOfPair(value, from: start)
            while start > 0, start < end, value[start] == ASCII.space { start += 1 }
            guard isWellFormedPair(value.extracting(start..<end)) else { return false }
            start = end + 1
        }
        return true
    }

    private static func isWellFormedPair(_ pair: borrowing Span<UInt8>) -> Bool {
        var index = 0
        while index < pair.count, ASCII.isTokenCharacter(pair[index]) { index += 1 }
        guard index > 0, index < pair.count, pair[index] == ASCII.equals else { return false }
        var content = index + 1..<pair.count
        if content.count > 1, pair[content.lowerBound] == ASCII.doubleQuote,
            pair[content.upperBound - 1] == ASCII.doubleQuote
        {
            content = content.dropFirst().dropLast()
        }
        for index in content where !isOctet(pair[index]) { return false }
        return true
    }

    private static func isOctet(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != ASCII.doubleQuote && byte != ASCII.comma && byte != ASCII.semicolon
            && byte != ASCII.backslash
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            || byte >= 0x80
    }
}
