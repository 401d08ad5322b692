// SPDX-License-Identifier: Apache-2.0
internal import CBrotli

/// All the memory of one of brotli's coders, at an address that does not change. It goes as a whole, so that a coder
/// that was left in the middle of something leaves nothing behind.
@safe final class BrotliMemory {
    let pointer: UnsafeMutablePointer<CBrotli_Memory>
    private let allowance: MemoryAllowance

    /// - Parameter isApart: it shares no allocator with other threads.
    init(_ allowance: MemoryAllowance, isApart: Bool = false) {
        self.allowance = allowance
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: CBrotli_Memory())
        unsafe pointer.pointee.remaining = allowance.grantedBytes
        unsafe pointer.pointee.askable = allowance.limitBytes - allowance.grantedBytes
        unsafe pointer.pointee.spare = isApart ? nil : Self.spare
        // It is asked by the coder alone, whose memory this is.
        unsafe pointer.pointee.context = Unmanaged.passUnretained(allowance).toOpaque()
        unsafe pointer.pointee.grant = { context, size in
            guard let context = unsafe context else { return 0 }
            return unsafe Unmanaged<MemoryAllowance>.fromOpaque(context).takeUnretainedValue().grant(size) ? 1 : 0
        }
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
