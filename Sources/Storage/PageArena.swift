// SPDX-License-Identifier: Apache-2.0
import Glibc
import Synchronization

/// Whole pages for large bodies, apart from the heap. What is given back goes to the kernel at once, and the same
/// address has new pages when it is used again: so a body may go while the kernel still sends its pages
/// (`Kernel.sendPages`), and nobody who reads them ever meets another body's bytes (promise 2).
///
/// The address space is taken in large regions, and kept: a mapping for each body would meet the kernel's limit of
/// mappings long before that of memory. Places are powers of two, which costs addresses, and no memory.
@safe final class PageArena: Sendable {
    static let shared = PageArena()

    private struct State {
        /// Addresses of free places, by class.
        var free: [[UInt]] = Array(repeating: [], count: PageArena.classCount)
        /// What is left of the youngest region.
        var next: UInt = 0
        var end: UInt = 0
    }

    /// In bytes: of what is sought, and of the places.
    static let minimum = 32 << 10
    private static let classCount = 8
    private static let maximum = minimum << (classCount - 1)
    private static let regionBytes = 64 << 20

    private let state = Mutex(State())

    /// Zeroed pages from a page's beginning on; nil for what is too small or too large to be had here, and when the
    /// system has no more room.
    func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard byteCount >= Self.minimum, byteCount <= Self.maximum else { return nil }
        let index = Self.classIndex(byteCount)
        let address = state.withLock { $0.free[index].popLast() ?? Self.place(Self.minimum << index, in: &$0) }
        return unsafe address.flatMap { unsafe UnsafeMutableRawPointer(bitPattern: $0) }
    }

    func free(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
        // Outside the lock: it is the work of a millisecond for the largest.
        let result = unsafe madvise(base, byteCount, MADV_DONTNEED)
        precondition(result == 0, "pages of a body cannot be given back")
        let address = UInt(bitPattern: base)
        state.withLock { $0.free[Self.classIndex(byteCount)].append(address) }
    }

    private static func classIndex(_ byteCount: Int) -> Int {
        let units = (byteCount + minimum - 1) / minimum
        return units <= 1 ? 0 : Int.bitWidth - (units - 1).leadingZeroBitCount
    }

    private static func place(_ byteCount: Int, in state: inout State) -> UInt? {
        if state.end - state.next < UInt(byteCount) {
            let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
            guard let region = unsafe mmap(nil, regionBytes, PROT_READ | PROT_WRITE, flags, -1, 0),
                unsafe region != MAP_FAILED
            else { return nil }
            state.next = UInt(bitPattern: region)
            state.end = state.next + UInt(regionBytes)
        }
        defer { state.next += UInt(byteCount) }
        return state.next
    }
}
