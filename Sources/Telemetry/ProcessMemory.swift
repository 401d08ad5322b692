// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Readings of the kernel's texts about memory; others open the files.
package enum ProcessMemory {
    package enum ParseError: Error, Equatable {
        /// The text is not what the kernel writes there.
        case malformed
    }

    package enum Limit: Sendable, Equatable {
        case unlimited
        case bytes(UInt64)
    }

    /// The resident set, from the text of `/proc/self/statm`, which counts pages: size, resident, shared, …
    package static func residentBytes(
        statm: borrowing Span<UInt8>, pageBytes: UInt64
    ) throws(ParseError) -> UInt64 {
        var reader = NumberReader()
        guard reader.next(in: statm) != nil, let pages = reader.next(in: statm) else { throw .malformed }
        let (bytes, overflow) = pages.multipliedReportingOverflow(by: pageBytes)
        guard !overflow else { throw .malformed }
        return bytes
    }

    /// The limit of the control group, from the text of `memory.max` (version 2) or `memory.limit_in_bytes`
    /// (version 1, where "none" is a number near 2^63).
    package static func limit(cgroup: borrowing Span<UInt8>) throws(ParseError) -> Limit {
        var end = cgroup.count
        while end > 0, cgroup[end - 1] == ASCII.lineFeed { end -= 1 }
        if cgroup.extracting(0..<end).equals("max") { return .unlimited }
        var reader = NumberReader()
        guard let bytes = reader.next(in: cgroup), reader.isAtEnd(of: cgroup) else { throw .malformed }
        return bytes >= 1 << 62 ? .unlimited : .bytes(bytes)
    }
}

/// Decimal numbers with white space between them.
private struct NumberReader {
    private var index = 0

    /// Nil when something else comes, or a number past 64 bits.
    mutating func next(in text: borrowing Span<UInt8>) -> UInt64? {
        skipSpace(in: text)
        let start = index
        var value: UInt64 = 0
        while index < text.count, ASCII.isDigit(text[index]) {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(text[index] - 0x30))
            guard !overflow, !carry else { return nil }
            value = sum
            index += 1
        }
        return index > start ? value : nil
    }

    mutating func isAtEnd(of text: borrowing Span<UInt8>) -> Bool {
        skipSpace(in: text)
        return index == text.count
    }

    private mutating func skipSpace(in text: borrowing Span<UInt8>) {
        while index < text.count, text[index] == ASCII.space || text[index] == ASCII.lineFeed { index += 1 }
    }
}
