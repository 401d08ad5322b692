// SPDX-License-Identifier: Apache-2.0
import CLinux

/// What the process really spends, as the allocator and the kernel tell it.
package enum ProcessMemory {
    /// The bytes that the allocator spent on `object`, its own bookkeeping included.
    static func allocatedBytes(of object: AnyObject) -> Int {
        let pointer = unsafe Unmanaged.passUnretained(object).toOpaque()
        return unsafe CLinux_allocated_size(pointer) + MemoryLayout<Int>.size
    }
}
