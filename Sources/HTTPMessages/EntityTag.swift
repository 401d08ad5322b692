// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Entity tags as they stand in fields: `"opaque"` or `W/"opaque"` (RFC 9110 §8.8.3).
package enum EntityTag {
    package static func isStrong(_ tag: borrowing Span<UInt8>) -> Bool { isQuoted(tag, from: 0) }

    package static func isWeak(_ tag: borrowing Span<UInt8>) -> Bool {
        tag.count > 2 && tag[0] == UInt8(ascii: "W") && tag[1] == ASCII.slash && isQuoted(tag, from: 2)
    }

    /// RFC 9110 §8.8.3.2: the opaque parts are the same.
    package static func weaklyEqual(_ one: borrowing Span<UInt8>, _ other: borrowing Span<UInt8>) -> Bool {
        let (first, second) = (weakLength(one), weakLength(other))
        // Compared first: a list of many is asked for one long tag, which is to be looked at as a whole but once.
        guard one.count - first == other.count - second,
            one.extracting(first..<one.count).elementsEqual(other.extracting(second..<other.count))
        else { return false }
        return isQuoted(one, from: first)
    }

    /// RFC 9110 §8.8.3.2: both are strong and the same.
    package static func stronglyEqual(_ one: borrowing Span<UInt8>, _ other: borrowing Span<UInt8>) -> Bool {
        isStrong(one) && one.elementsEqual(other)
    }

    /// Whether the list in `value` has a tag weakly equal to `tag`, or is `*` (RFC 9110 §13.1.2).
    package static func list(_ value: borrowing Span<UInt8>, matches tag: borrowing Span<UInt8>) -> Bool {
        if value.extracting(value.trimmingBlanks(0..<value.count)).equals("*") { return true }
        var index = 0
        while index < value.count {
            guard let end = endOfTag(value, from: index) else { return false }
            let member = value.trimmingBlanks(index..<end)
            if weaklyEqual(value.extracting(member), tag) { return true }
            index = end + 1
        }
        return false
    }

    /// Whether `value` has a weak tag that is weakly equal to `tag`.
    package static func list(_ value: borrowing Span<UInt8>, hasWeak tag: borrowing Span<UInt8>) -> Bool {
        var index = 0
        while index < value.count {
            guard let end = endOfTag(value, from: index) else { return false }
            let member = value.extracting(value.trimmingBlanks(index..<end))
            if isWeak(member), weaklyEqual(member, tag) { return true }
            index = end + 1
        }
        return false
    }

    /// Writes the list in `value` with its weak tags made strong.
    package static func writeStrengthened(_ value: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        var index = 0
        while index < value.count {
            let end = endOfTag(value, from: index) ?? value.count
            let member = value.extracting(value.trimmingBlanks(index..<end))
            if index > 0 { buffer.append(", ") }
            buffer.append(isWeak(member) ? member.extracting(2..<member.count) : member)
            index = end + 1
        }
    }

    /// Tags hold commas but no escapes, so the common list rules do not fit.
    private static func endOfTag(_ value: borrowing Span<UInt8>, from start: Int) -> Int? {
        var index = start
        var isQuoted = false
        while index < value.count {
            if value[index] == ASCII.doubleQuote { isQuoted.toggle() }
            if value[index] == ASCII.comma, !isQuoted { return index }
            index += 1
        }
        return isQuoted ? nil : index
    }

    /// Of `W/`, if it is there.
    private static func weakLength(_ tag: borrowing Span<UInt8>) -> Int {
        tag.count > 2 && tag[0] == UInt8(ascii: "W") && tag[1] == ASCII.slash ? 2 : 0
    }

    /// etagc: visible characters but the quote, and what is beyond ASCII.
    private static func isQuoted(_ tag: borrowing Span<UInt8>, from start: Int) -> Bool {
        guard tag.count >= start + 2, tag[start] == ASCII.doubleQuote, tag[tag.count - 1] == ASCII.doubleQuote
        else { return false }
        for index in start + 1..<tag.count - 1 {
            let byte = tag[index]
            guard byte > 0x20, byte != ASCII.doubleQuote, byte != 0x7F else { return false }
        }
        return true
    }
}
