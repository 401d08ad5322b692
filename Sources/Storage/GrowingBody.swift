// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Consecutive bytes of a body, kept alive by holding this value.
package struct BodyRun: Sendable {
    private let segment: BodySegment
    private let range: Range<Int>

    init(segment: BodySegment, range: Range<Int>) {
        self.segment = segment
        self.range = range
    }

    package var count: Int { range.count }

    package var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { segment.bytes(range) }
    }
}

/// A body while it arrives: one thread appends, any thread reads what is published so far.
///
/// Segments are 4, 16, 64 and then 256 KB each; a body of known length has one of exactly that length. A
/// segment never moves. Its bytes are written outside the lock above everything published, and published
/// under the lock, so that whoever sees the count sees the bytes.
package final class GrowingBody: Sendable {
    private let pieces: Mutex<BodyPieces>

    /// - Parameter expectedCount: the body's length where the origin told it.
    package init(expectedCount: Int? = nil) {
        let first = expectedCount.map { min(max($0, 1), Self.maximumFirstCapacity) } ?? Self.capacities[0]
        pieces = Mutex(BodyPieces(first: BodySegment(capacity: first)))
    }

    /// How many bytes may be read.
    package var count: Int { pieces.withLock { $0.count } }

    /// What the allocator spent on the segments so far.
    package var allocatedBytes: Int { pieces.withLock { $0.allocatedBytes } }

    /// Called by the one producer only.
    package func append(_ bytes: borrowing Span<UInt8>) {
        var taken = 0
        while taken < bytes.count {
            let (segment, used) = writableSegment()
            let part = min(bytes.count - taken, segment.capacity - used)
            segment.write(bytes.extracting(taken..<taken + part), at: used)
            pieces.withLock { $0.publish(part) }
            taken += part
        }
    }

    /// The published bytes from `offset` up to the end of their segment; nil when there are none yet.
    package func run(at offset: Int) -> BodyRun? { pieces.withLock { $0.run(at: offset) } }

    /// The whole body as it stands, unchanging; the producer appends nothing after this.
    package func sealed() -> StoredBody {
        var pieces = pieces.withLock { $0 }
        pieces.trimLast()
        return StoredBody(pieces)
    }

    private func writableSegment() -> (BodySegment, used: Int) {
        let (last, count) = pieces.withLock { ($0.last, $0.pieceCount) }
        if last.count < last.segment.capacity { return (last.segment, last.count) }
        // Only the producer adds segments, so nothing can have changed since the lock was left.
        let added = BodySegment(capacity: Self.capacities[min(count, Self.capacities.count - 1)])
        pieces.withLock { $0.add(added) }
        return (added, 0)
    }

    private static let capacities = [4 << 10, 16 << 10, 64 << 10, 256 << 10]
    /// A longer body arrives in segments, so that memory follows the bytes that really come.
    private static let maximumFirstCapacity = 4 << 20
}
