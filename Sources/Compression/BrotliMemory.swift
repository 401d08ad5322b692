// SPDX-License-Identifier: Apache-2.0
internal import CBrotli

/// All the memory of one of brotli's coders, at an address that does not change. It goes as a whole, so that a coder
/// that was left in the middle of something leaves nothing behind.
@safe final class BrotliMemory {
    let pointer: UnsafeMutablePointer<CBrotli_Memory>

    /// - Parameter isApart: it shares no allocator with other threads.
    init(limit: Int, isApart: Bool = false) {
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: CBrotli_Memory())
        unsafe pointer.pointee.remaining = limit
        unsafe pointer.pointee.spare = isApart ? nil : Self.spare
    }

    deinit {
        unsafe CBrotli_freeAll(pointer)
        unsafe pointer.deallocate()
    }

    /// Lives as long as the process; touched by atomic exchange alone.
    nonisolated(unsafe) private static let spare: UnsafeMutablePointer<CBrotli_Spare> = {
        let spare = UnsafeMutablePointer<CBrotli_Spare>.allocate(capacity: 1)
        unsafe spare.initialize(to: CBrotli_Spare())
        return unsafe spare
    }()
}
