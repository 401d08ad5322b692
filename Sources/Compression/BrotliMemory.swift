// SPDX-License-Identifier: Apache-2.0
internal import CBrotli

/// All the memory of one of brotli's coders, at an address that does not change. It goes as a whole, so that a coder
/// that was left in the middle of something leaves nothing behind.
@safe final class BrotliMemory {
    let pointer: UnsafeMutablePointer<CBrotli_Memory>

    init(limit: Int) {
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: CBrotli_Memory())
        unsafe pointer.pointee.remaining = limit
    }

    deinit {
        unsafe CBrotli_freeAll(pointer)
        unsafe pointer.deallocate()
    }
}
