// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// What the process really spends, as the allocator and the kernel tell it.
package enum ProcessMemory {
    /// The bytes that the allocator spent on `object`, its own bookkeeping included.
    static func allocatedBytes(of object: AnyObject) -> Int {
        unsafe allocatedBytes(at: Unmanaged.passUnretained(object).toOpaque())
    }

    /// The same for a block of the heap.
    static func allocatedBytes(at block: UnsafeRawPointer) -> Int {
        unsafe CLinux_allocated_size(block) + MemoryLayout<Int>.size
    }

    /// Makes the allocator give memory back: few arenas, so that what one thread frees another can use, and a
    /// mapping of its own for each large block, which goes back to the kernel when it is freed. Called once, before
    /// the threads start.
    ///
    /// - Returns: whether the allocator took it.
    package static func tuneAllocator() -> Bool {
        CLinux_set_allocator(Int32(maximumArenas), Int32(mappingThresholdBytes)) != 0
    }

    /// Gives the free pages within the heap back to the kernel; takes milliseconds for a large heap.
    package static func trim() { CLinux_trim_allocator() }

    /// The resident set of this process; nil when the kernel does not tell.
    package static func residentBytes() -> Int? {
        let file = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { buffer in
            let count = unsafe read(file, buffer.baseAddress, buffer.count)
            guard count > 0 else { return nil }
            let fields = unsafe buffer[..<count].split(separator: UInt8(ascii: " "))
            guard unsafe fields.count > 1 else { return nil }
            let pages = unsafe fields[1].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
        }
    }

    private static let maximumArenas = 2
    private static let mappingThresholdBytes = 128 << 10
}
