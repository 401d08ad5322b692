// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// Accept-Encoding or Accept-Language as sorted members, without memory from the heap.
///
/// Only the order of weights is kept, not their size: a list of preferences means its order (RFC 4647 §2.3).
/// It is written as `de,en>fr!es`: German and English alike, then French, Spanish not at all.
struct WeightedFieldList {
    private struct Entry {
        var start: UInt32 = 0
        var length: UInt16 = 0
        var weight: UInt16 = 0

        var range: Range<Int> { Int(start)..<Int(start) + Int(length) }
    }

    private static let maximumEntries = 24
    /// No coding or language range is longer, and each is compared with many.
    private static let maximumNameBytes = 64
    private var entries = InlineArray<24, Entry>(repeating: Entry())
    private var count = 0

    /// False when a member is malformed or there are too many: the field is then to be taken as plain text.
    mutating func read(_ name: FieldName, of fields: borrowing Fields) -> Bool {
        for index in fields.slots.indices where fields.slots[index].name == name {
            let offset = Int(fields.slots[index].valueStart)
            let value = fields.value(at: index)
            var list = FieldListParser()
            while let range = list.next(in: value) {
                guard let member = WeightedMember.split(range, of: value), !member.hasOtherParameters,
                    insert(member, offset: offset, fields.bytes)
                else { return false }
            }
        }
        return true
    }

    private mutating func insert(_ member: WeightedMember, offset: Int, _ bytes: borrowing Span<UInt8>) -> Bool {
        let range = member.value.lowerBound + offset..<member.value.upperBound + offset
        for index in range where !WeightedFieldList.isPlain(bytes[index]) { return false }
        let name = WeightedFieldList.withoutOldPrefix(range, bytes)
        guard count < WeightedFieldList.maximumEntries, name.count <= WeightedFieldList.maximumNameBytes else {
            return false
        }
        let entry = Entry(start: UInt32(name.lowerBound), length: UInt16(name.count), weight: member.weight)
        var place = count
        while place > 0, WeightedFieldList.precedes(entry, entries[place - 1], bytes) {
            entries[place] = entries[place - 1]
            place -= 1
        }
        entries[place] = entry
        count += 1
        return true
    }

    /// Letters, digits and what stands in codings and language ranges; none of the bytes written between them.
    private static func isPlain(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") || byte == ASCII.star
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
    }

    /// x-gzip and x-compress mean gzip and compress (RFC 9110 §8.4.1).
    private static func withoutOldPrefix(_ range: Range<Int>, _ bytes: borrowing Span<UInt8>) -> Range<Int> {
        let name = bytes.extracting(range)
        let isOld = name.equalsIgnoringCase("x-gzip") || name.equalsIgnoringCase("x-compress")
        return isOld ? range.dropFirst(2) : range
    }

    /// By weight from the top, then by name.
    private static func precedes(_ one: Entry, _ other: Entry, _ bytes: borrowing Span<UInt8>) -> Bool {
        if one.weight != other.weight { return one.weight > other.weight }
        let (first, second) = (Int(one.start), Int(other.start))
        for offset in 0..<Int(min(one.length, other.length)) {
            let bytes = (ASCII.lowercased(bytes[first + offset]), ASCII.lowercased(bytes[second + offset]))
            if bytes.0 != bytes.1 { return bytes.0 < bytes.1 }
        }
        return one.length < other.length
    }

    func write(of fields: borrowing Fields, into buffer: inout ByteBuffer) {
        for index in 0..<count {
            let entry = entries[index]
            if index > 0 {
                let previous = entries[index - 1]
                if previous.weight == entry.weight, isSame(previous, entry, fields.bytes) { continue }
                if entry.weight > 0 {
                    buffer.append(previous.weight == entry.weight ? ASCII.comma : UInt8(ascii: ">"))
                }
            }
            // Each that is refused is marked, so that a list of refusals differs from a list of wishes.
            if entry.weight == 0 { buffer.append(UInt8(ascii: "!")) }
            writeLowercased(entry.range, fields.bytes, into: &buffer)
        }
    }

    /// Appends `accept-language==de` for the one language that is preferred to all others, or for
    /// `contentLanguage` when the list names it.
    func writePreferred(
        _ contentLanguage: Span<UInt8>?, of fields: borrowing Fields, into buffer: inout ByteBuffer
    ) -> Bool {
        guard let index = preferredIndex(contentLanguage, fields.bytes) else { return false }
        buffer.append("accept-language==")
        writeLowercased(entries[index].range, fields.bytes, into: &buffer)
        return true
    }

    private func preferredIndex(_ contentLanguage: Span<UInt8>?, _ bytes: borrowing Span<UInt8>) -> Int? {
        if let contentLanguage {
            for index in 0..<count where entries[index].weight > 0 {
                if bytes.extracting(entries[index].range).equalsIgnoringCase(contentLanguage) { return index }
            }
            return nil
        }
        guard count > 0, entries[0].weight > 0, bytes[entries[0].range.lowerBound] != ASCII.star else { return nil }
        for index in 1..<max(count, 1) where entries[index].weight == entries[0].weight {
            if !isSame(entries[0], entries[index], bytes) { return nil }
        }
        return 0
    }

    private func isSame(_ one: Entry, _ other: Entry, _ bytes: borrowing Span<UInt8>) -> Bool {
        bytes.extracting(one.range).equalsIgnoringCase(bytes.extracting(other.range))
    }

    private func writeLowercased(_ range: Range<Int>, _ bytes: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        for index in range where ASCII.isUpper(bytes[index]) {
            for index in range { buffer.append(ASCII.lowercased(bytes[index])) }
            return
        }
        buffer.append(bytes.extracting(range))
    }
}
