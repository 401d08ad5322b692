// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Stops storing while the process is above its ceiling, so that between two looks of the governor nothing can
/// run away. The kernel is asked once per so many bytes stored, not by time.
final class MemoryPressure: Sendable {
    private let ceilingBytes: Int
    private let checkEveryBytes: Int
    private let uncheckedBytes = Atomic<Int>(0)
    private let isAboveCeiling = Atomic<Bool>(false)

    init(ceilingBytes: Int, checkEveryBytes: Int) {
        self.ceilingBytes = ceilingBytes
        self.checkEveryBytes = checkEveryBytes
    }

    /// Whether that many bytes may be stored.
    func admits(_ bytes: Int) -> Bool {
        guard ceilingBytes < .max else { return true }
        guard !isAboveCeiling.load(ordering: .relaxed) else { return false }
        guard uncheckedBytes.add(bytes, ordering: .relaxed).newValue > checkEveryBytes else { return true }
        check()
        return !isAboveCeiling.load(ordering: .relaxed)
    }

    /// Looks whether the process is above its ceiling now.
    func check() {
        guard ceilingBytes < .max else { return }
        uncheckedBytes.store(0, ordering: .relaxed)
        // Where the kernel does not tell, the count of the store is all there is.
        isAboveCeiling.store((ProcessMemory.residentBytes() ?? 0) > ceilingBytes, ordering: .relaxed)
    }
}
