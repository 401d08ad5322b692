// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Walks the members of a comma-separated field value (RFC 9110 §5.6.1).
///
/// Commas inside quoted strings separate nothing; empty members are skipped; blanks around members are not part
/// of them. The parser holds only its place, so that the bytes are handed to each step.
package struct FieldListParser: Sendable {
    private var position = 0
    /// A string did not end: whatever follows is read without strings, so that no byte is read a third time.
    private var isBroken = false

    package init() {}

    /// The next member, or nil after the last. From a string that never ends on quotes are bytes like any other, so
    /// that a broken member hides none of those after it.
    package mutating func next(in bytes: borrowing Span<UInt8>) -> Range<Int>? {
        while position < bytes.count {
            let start = position
            position = endOfMember(in: bytes, from: start)
            let member = bytes.trimmingBlanks(start..<position)
            position += 1
            if !member.isEmpty { return member }
        }
        return nil
    }

    private mutating func endOfMember(in bytes: borrowing Span<UInt8>, from start: Int) -> Int {
        var index = start
        var isQuoted = false
        while index < bytes.count {
            let byte = bytes[index]
            if byte == ASCII.doubleQuote, !isBroken {
                isQuoted.toggle()
            } else if byte == ASCII.backslash, isQuoted {
                index += 1
            } else if byte == ASCII.comma, !isQuoted {
                return index
            }
            index += 1
        }
        guard isQuoted else { return bytes.count }
        isBroken = true
        return bytes.firstIndex(of: ASCII.comma, in: start..<bytes.count) ?? bytes.count
    }
}

/// One member of the form `name`, `name=token` or `name="quoted"`, as Cache-Control and its kin have them.
package struct FieldListMember: Sendable, Equatable {
    package enum Argument: Sendable, Equatable {
        case absent
        case token(Range<Int>)
        /// Without its quotes; escapes are left in.
        case quoted(Range<Int>)
        /// Something follows the name that is no argument.
        case malformed
    }

    package var name: Range<Int>
    package var argument: Argument

    package init(name: Range<Int>, argument: Argument) {
        self.name = name
        self.argument = argument
    }

    /// Splits a member that `FieldListParser` found.
    package static func split(_ member: Range<Int>, of bytes: borrowing Span<UInt8>) -> FieldListMember {
        var end = member.lowerBound
        while end < member.upperBound, ASCII.isTokenCharacter(bytes[end]) { end += 1 }
        let name = member.lowerBound..<end
        if end == member.upperBound { return FieldListMember(name: name, argument: .absent) }
        guard bytes[end] == ASCII.equals else { return FieldListMember(name: name, argument: .malformed) }
        return FieldListMember(name: name, argument: argument(in: bytes, end + 1..<member.upperBound))
    }

    private static func argument(in bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Argument {
        guard let first = range.first else { return .malformed }
        if bytes[first] == ASCII.doubleQuote {
            guard range.count >= 2, bytes[range.upperBound - 1] == ASCII.doubleQuote else { return .malformed }
            return .quoted(range.lowerBound + 1..<range.upperBound - 1)
        }
        for index in range where !ASCII.isTokenCharacter(bytes[index]) { return .malformed }
        return .token(range)
    }
}

/// delta-seconds of RFC 9111 §1.2.2.
package enum DeltaSeconds {
    /// What a larger number counts as.
    package static let maximum: Int64 = 1 << 31

    /// The number that the range spells in digits only, at most `maximum`; nil when it spells none.
    package static func parse(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Int64? {
        guard !range.isEmpty else { return nil }
        var seconds: Int64 = 0
        for index in range {
            guard ASCII.isDigit(bytes[index]) else { return nil }
            seconds = min(seconds * 10 + Int64(bytes[index] &- 0x30), maximum)
        }
        return seconds
    }
}
