// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Walks over the elements of a comma-separated list without quoted strings (RFC 9110 §5.6.1). Empty elements
/// are handed out too: whether they may be skipped depends on the field.
struct ListElements {
    private var next = 0
    private var isDone = false

    /// The range of the next element, blanks around it taken away.
    mutating func next(in value: borrowing Span<UInt8>) -> Range<Int>? {
        guard !isDone else { return nil }
        let start = next
        let end = value.firstIndex(of: ASCII.comma, in: start..<value.count) ?? value.count
        isDone = end == value.count
        next = end + 1
        return value.trimmingBlanks(start..<end)
    }
}
