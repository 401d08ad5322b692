// SPDX-License-Identifier: Apache-2.0

/// Header and bytes of a segment in a single allocation; the header is the capacity in bytes.
private final class SegmentMemory: ManagedBuffer<Int, UInt8> {}

/// One run of body memory, shared by reference.
///
/// `@unchecked Sendable` holds because bytes are written once, before their owner publishes them under its
/// lock, and never change after that; `GrowingBody` and `copy` are the only writers.
package struct BodySegment: @unchecked Sendable {
    private let memory: SegmentMemory

    init(capacity: Int) {
        let made = SegmentMemory.create(minimumCapacity: capacity) { _ in capacity }
        memory = unsafe unsafeDowncast(made, to: SegmentMemory.self)
    }

    init(copying bytes: borrowing Span<UInt8>) {
        self.init(capacity: bytes.count)
        write(bytes, at: 0)
    }

    var capacity: Int { memory.header }

    /// What the allocator spent on it.
    var allocatedBytes: Int { ProcessMemory.allocatedBytes(of: memory) }

    func write(_ bytes: borrowing Span<UInt8>, at offset: Int) {
        let count = bytes.count
        precondition(offset >= 0 && offset + count <= capacity)
        guard count > 0 else { return }
        unsafe bytes.withUnsafeBufferPointer { from in
            guard let base = from.baseAddress else { return }
            unsafe memory.withUnsafeMutablePointerToElements { unsafe ($0 + offset).update(from: base, count: count) }
        }
    }

    /// The bytes of `range`, all of which must have been published.
    @_lifetime(borrow self)
    func bytes(_ range: Range<Int>) -> Span<UInt8> {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity)
        let start = unsafe memory.withUnsafeMutablePointerToElements { unsafe $0 + range.lowerBound }
        let span = unsafe Span(_unsafeStart: UnsafePointer(start), count: range.count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }
}
