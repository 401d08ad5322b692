// SPDX-License-Identifier: Apache-2.0
import Bytes

/// What invalidations look at in a record.
package struct RecordSubject: Equatable, Sendable {
    package let key: [UInt8]
    package let tags: ContiguousArray<UInt64>
    package let epoch: RecordEpoch
}

extension StoredRecord {
    /// From the beginning of the record of a response or of a form. nil when that is not enough of it, or it is of another kind, or
    /// nothing that this version understands. Its checksum stands at its end and is not looked at: what it is for is no
    /// more than to take a record away.
    package static func subject(_ beginning: borrowing Span<UInt8>) -> RecordSubject? {
        guard beginning.count >= commonByteCount, isOurs(beginning), beginning[5] <= version,
            let kind = Kind(rawValue: UInt8(truncatingIfNeeded: beginning.number(UInt16.self, at: 8))),
            kind != .varyRule
        else { return nil }
        let start = Int(beginning.number(UInt16.self, at: 6))
        let tagsEnd = start + 8 * Int(beginning.number(UInt16.self, at: 14))
        let keyEnd = tagsEnd + Int(beginning.number(UInt32.self, at: 16))
        guard start >= kind.leastFixedByteCount, keyEnd <= beginning.count else { return nil }
        var tags = ContiguousArray<UInt64>()
        for place in stride(from: start, to: tagsEnd, by: 8) { tags.append(beginning.number(UInt64.self, at: place)) }
        return RecordSubject(
            key: (tagsEnd..<keyEnd).map { beginning[$0] }, tags: tags,
            epoch: epoch(beginning, kind))
    }

    private static func isOurs(_ bytes: borrowing Span<UInt8>) -> Bool {
        bytes.extracting(0..<magic.utf8CodeUnitCount).equals(magic)
    }
}
