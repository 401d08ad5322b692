// SPDX-License-Identifier: Apache-2.0
import Bytes

/// A query as the route's key options leave it.
enum QueryNormalization {
    /// Appends `?` and the query; nothing when there is none, or nothing of it is left.
    static func write(_ query: borrowing Span<UInt8>, options: borrowing KeyOptions, into buffer: inout ByteBuffer) {
        switch options.query {
        case .none: return
        case .asIs where options.dropped.isEmpty && options.kept.isEmpty:
            buffer.append(ASCII.questionMark)
            buffer.append(query)
        default: writeParameters(query, options: options, into: &buffer)
        }
    }

    private static func writeParameters(
        _ query: borrowing Span<UInt8>, options: borrowing KeyOptions, into buffer: inout ByteBuffer
    ) {
        let base = buffer.count
        if options.query == .sorted, isWorthSorting(query, limit: min(options.maximumSortedParameters, largestSort)) {
            writeSorted(query, options: options, base: base, into: &buffer)
            return
        }
        var start = 0
        while let parameter = nextParameter(in: query, from: start) {
            writeParameter(query.extracting(parameter), options: options, base: base, into: &buffer)
            start = parameter.upperBound + 1
        }
    }

    private static func writeParameter(
        _ parameter: borrowing Span<UInt8>, options: borrowing KeyOptions, base: Int, into buffer: inout ByteBuffer
    ) {
        guard !parameter.isEmpty, options.keeps(parameter.extracting(0..<nameLength(parameter))) else { return }
        buffer.append(buffer.count == base ? ASCII.questionMark : UInt8(ascii: "&"))
        buffer.append(parameter)
    }

    /// By insertion at the place that a binary search finds: the parameters are few, and this needs no memory.
    private static func writeSorted(
        _ query: borrowing Span<UInt8>, options: borrowing KeyOptions, base: Int, into buffer: inout ByteBuffer
    ) {
        var sorted = InlineArray<64, Range<Int>>(repeating: 0..<0)
        var count = 0
        var start = 0
        while let parameter = nextParameter(in: query, from: start) {
            start = parameter.upperBound + 1
            var (low, high) = (0, count)
            while low < high {
                let middle = (low + high) / 2
                if precedes(sorted[middle], parameter, in: query) { low = middle + 1 } else { high = middle }
            }
            var place = count
            while place > low {
                sorted[place] = sorted[place - 1]
                place -= 1
            }
            sorted[low] = parameter
            count += 1
        }
        for index in 0..<count {
            writeParameter(query.extracting(sorted[index]), options: options, base: base, into: &buffer)
        }
    }

    /// The room of the sort.
    private static let largestSort = 64

    /// By name, then by place.
    private static func precedes(_ one: Range<Int>, _ other: Range<Int>, in query: borrowing Span<UInt8>) -> Bool {
        let first = query.extracting(one)
        let second = query.extracting(other)
        let counts = (nameLength(first), nameLength(second))
        for index in 0..<min(counts.0, counts.1) where first[index] != second[index] {
            return first[index] < second[index]
        }
        if counts.0 != counts.1 { return counts.0 < counts.1 }
        return one.lowerBound < other.lowerBound
    }

    /// Whether the parameters are out of order, and few enough, and their names plain: two spellings of one name must
    /// keep their order, which chooses what a server reads.
    private static func isWorthSorting(_ query: borrowing Span<UInt8>, limit: Int) -> Bool {
        var count = 0
        var isSorted = true
        var previous: Range<Int>?
        var start = 0
        while let parameter = nextParameter(in: query, from: start) {
            if let previous, !precedes(previous, parameter, in: query) { isSorted = false }
            if !isPlainName(query.extracting(parameter)) { return false }
            previous = parameter
            start = parameter.upperBound + 1
            count += 1
        }
        return !isSorted && count <= limit
    }

    /// The parameter that begins at `start`, without its `&`; nil past the end.
    private static func nextParameter(in query: borrowing Span<UInt8>, from start: Int) -> Range<Int>? {
        guard start < query.count else { return nil }
        var end = start
        while end < query.count, query[end] != UInt8(ascii: "&") { end += 1 }
        return start..<end
    }

    private static func isPlainName(_ parameter: borrowing Span<UInt8>) -> Bool {
        for index in 0..<nameLength(parameter)
        where parameter[index] == ASCII.percent || parameter[index] == UInt8(ascii: "+") { return false }
        return true
    }

    private static func nameLength(_ parameter: borrowing Span<UInt8>) -> Int {
        for index in 0..<parameter.count where parameter[index] == ASCII.equals { return index }
        return parameter.count
    }
}
