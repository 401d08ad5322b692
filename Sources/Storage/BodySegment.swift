// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Memory with one owner: from `PageArena.minimum` bytes on whole pages. (The heap would also put large blocks into
/// gaps that small ones left, and keep those pages for good.)
///
/// Its bytes are written once, before their owner publishes them under its lock, and never change after that;
/// `GrowingBody` and `copy` are the only writers. Hence threads may share it.
@safe private final class SegmentMemory: Sendable {
    nonisolated(unsafe) let base: UnsafeMutableRawPointer
    let capacity: Int
    /// It lies in pages of its own.
    let isPaged: Bool

    init(capacity: Int) {
        self.capacity = capacity
        if let pages = unsafe PageArena.shared.allocate(capacity) {
            unsafe base = pages
            isPaged = true
        } else {
            unsafe base = .allocate(byteCount: capacity, alignment: 16)
            isPaged = false
        }
    }

    deinit {
        if isPaged { unsafe PageArena.shared.free(base, capacity) } else { unsafe base.deallocate() }
    }

    var allocatedBytes: Int {
        let page = 4096
        let block = isPaged ? (capacity + page - 1) / page * page : unsafe ProcessMemory.allocatedBytes(at: base)
        return block + ProcessMemory.allocatedBytes(of: self)
    }
}

/// One run of body memory, shared by reference.
package struct BodySegment: Sendable {
    private let memory: SegmentMemory

    init(capacity: Int) { memory = SegmentMemory(capacity: capacity) }

    init(copying bytes: borrowing Span<UInt8>) {
        self.init(capacity: bytes.count)
        write(bytes, at: 0)
    }

    var capacity: Int { memory.capacity }
    var isPaged: Bool { memory.isPaged }

    /// What the system spent on it.
    var allocatedBytes: Int { memory.allocatedBytes }

    func write(_ bytes: borrowing Span<UInt8>, at offset: Int) {
        let count = bytes.count
        precondition(offset >= 0 && offset + count <= capacity)
        guard count > 0 else { return }
        unsafe bytes.withUnsafeBufferPointer { from in
            guard let source = from.baseAddress else { return }
            unsafe (memory.base + offset).copyMemory(from: source, byteCount: count)
        }
    }

    /// The bytes of `range`, all of which must have been published.
    @_lifetime(borrow self)
    func bytes(_ range: Range<Int>) -> Span<UInt8> {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity)
        let start = unsafe UnsafePointer((memory.base + range.lowerBound).assumingMemoryBound(to: UInt8.self))
        let span = unsafe Span(_unsafeStart: start, count: range.count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }
}
