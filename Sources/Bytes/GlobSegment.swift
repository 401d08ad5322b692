// SPDX-License-Identifier: Apache-2.0

/// What stands between two stars of a glob: found in a text in one pass, whatever either looks like.
struct GlobSegment: Sendable, Equatable {
    private enum Search: Sendable, Equatable {
        /// Knuth, Morris and Pratt: how much is still matched when the byte behind so many does not fit.
        case literal(ContiguousArray<UInt8>, fallback: ContiguousArray<UInt32>)
        /// With `?` in it: one bit an element, shifted by each byte (Baeza-Yates and Gonnet).
        case bits(count: Int, rows: ContiguousArray<UInt64>, rowOfByte: ContiguousArray<UInt16>)
    }

    private let search: Search

    /// - Parameters:
    ///   - elements: not empty; bytes as themselves.
    ///   - one: what stands for any byte.
    init(_ elements: ArraySlice<UInt16>, one: UInt16) {
        search = elements.contains(one) ? Self.bits(Array(elements), one) : Self.literal(elements)
    }

    var allocatedBytes: Int {
        switch search {
        case .literal(let bytes, let fallback): bytes.capacity + fallback.capacity * 4 + 64
        case .bits(_, let rows, let rowOfByte): rows.capacity * 8 + rowOfByte.capacity * 2 + 64
        }
    }

    private static func literal(_ elements: ArraySlice<UInt16>) -> Search {
        let bytes = ContiguousArray(elements.map { UInt8(truncatingIfNeeded: $0) })
        var fallback = ContiguousArray<UInt32>(repeating: 0, count: bytes.count)
        var matched = 0
        for index in 1..<max(bytes.count, 1) {
            while matched > 0, bytes[matched] != bytes[index] { matched = Int(fallback[matched - 1]) }
            if bytes[matched] == bytes[index] { matched += 1 }
            fallback[index] = UInt32(matched)
        }
        return .literal(bytes, fallback: fallback)
    }

    private static func bits(_ elements: [UInt16], _ one: UInt16) -> Search {
        let words = (elements.count + 63) / 64
        // The first row is that of bytes which stand nowhere.
        var rows = ContiguousArray<UInt64>(repeating: 0, count: words)
        for (place, element) in elements.enumerated() where element == one {
            rows[place / 64] |= 1 << UInt64(place % 64)
        }
        let anywhere = rows
        var rowOfByte = ContiguousArray<UInt16>(repeating: 0, count: 256)
        for (place, element) in elements.enumerated() where element != one {
            if rowOfByte[Int(element)] == 0 {
                rowOfByte[Int(element)] = UInt16(rows.count / words)
                rows += anywhere
            }
            rows[Int(rowOfByte[Int(element)]) * words + place / 64] |= 1 << UInt64(place % 64)
        }
        return .bits(count: elements.count, rows: rows, rowOfByte: rowOfByte)
    }

    /// Where its first occurrence within `range` ends.
    func firstEnd(in text: borrowing Span<UInt8>, _ range: Range<Int>) -> Int? {
        switch search {
        case .literal(let bytes, let fallback): Self.firstEnd(of: bytes, fallback, in: text, range)
        case .bits(let count, let rows, let rowOfByte):
            count <= 64
                ? Self.firstEnd(count, rows, rowOfByte, in: text, range)
                : Self.firstLongEnd(count, rows, rowOfByte, in: text, range)
        }
    }

    private static func firstEnd(
        of bytes: ContiguousArray<UInt8>, _ fallback: ContiguousArray<UInt32>, in text: borrowing Span<UInt8>,
        _ range: Range<Int>
    ) -> Int? {
        var matched = 0
        var index = range.lowerBound
        while index < range.upperBound {
            if matched == 0 {
                guard let next = text.firstIndex(of: bytes[0], in: index..<range.upperBound) else { return nil }
                index = next
            }
            while matched > 0, bytes[matched] != text[index] { matched = Int(fallback[matched - 1]) }
            if bytes[matched] == text[index] { matched += 1 }
            index += 1
            if matched == bytes.count { return index }
        }
        return nil
    }

    private static func firstEnd(
        _ count: Int, _ rows: ContiguousArray<UInt64>, _ rowOfByte: ContiguousArray<UInt16>,
        in text: borrowing Span<UInt8>, _ range: Range<Int>
    ) -> Int? {
        let last: UInt64 = 1 << UInt64(count - 1)
        var state: UInt64 = 0
        for index in range {
            state = (state << 1 | 1) & rows[Int(rowOfByte[Int(text[index])])]
            if state & last != 0 { return index + 1 }
        }
        return nil
    }

    private static func firstLongEnd(
        _ count: Int, _ rows: ContiguousArray<UInt64>, _ rowOfByte: ContiguousArray<UInt16>,
        in text: borrowing Span<UInt8>, _ range: Range<Int>
    ) -> Int? {
        let words = (count + 63) / 64
        let last: UInt64 = 1 << UInt64((count - 1) % 64)
        var state = ContiguousArray<UInt64>(repeating: 0, count: words)
        for index in range {
            let row = Int(rowOfByte[Int(text[index])]) * words
            var carry: UInt64 = 1
            for word in 0..<words {
                let next = state[word] >> 63
                state[word] = (state[word] << 1 | carry) & rows[row + word]
                carry = next
            }
            if state[words - 1] & last != 0 { return index + 1 }
        }
        return nil
    }
}
