// SPDX-License-Identifier: Apache-2.0
package import Bytes
import Glibc

/// The same calls for memory whose life the compiler knows.
extension Kernel {
    package final func send(_ fd: FileDescriptor, _ bytes: borrowing Span<UInt8>) -> IOResult {
        unsafe bytes.withUnsafeBytes { unsafe send(fd, $0) }
    }

    package final func write(_ fd: FileDescriptor, _ bytes: borrowing Span<UInt8>) -> IOResult {
        unsafe bytes.withUnsafeBytes { unsafe write(fd, $0) }
    }

    /// One gathered write of a head and what follows it.
    package final func send(
        _ fd: FileDescriptor, _ first: borrowing Span<UInt8>, _ second: borrowing Span<UInt8>
    ) -> IOResult {
        unsafe first.withUnsafeBytes { first in
            unsafe second.withUnsafeBytes { second in
                let parts: InlineArray<2, iovec> = unsafe [
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count),
                ]
                return unsafe parts.span.withUnsafeBufferPointer { unsafe sendGathered(fd, $0) }
            }
        }
    }

    /// Reads to the end of `buffer`, after making room for at least `minimum` bytes there.
    package final func read(
        _ fd: FileDescriptor, appendingTo buffer: inout ByteBuffer, minimum: Int = 4096
    ) -> IOResult {
        var result = IOResult(0)
        // The count is in the result too.
        _ = unsafe buffer.fill(minimum: minimum) { room in
            result = unsafe read(fd, into: room)
            return max(0, result.value)
        }
        return result
    }

    package final func randomUInt64() -> UInt64 {
        var number: UInt64 = 0
        unsafe withUnsafeMutableBytes(of: &number) { unsafe randomBytes(into: $0) }
        return number
    }
}
