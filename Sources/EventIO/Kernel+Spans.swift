// SPDX-License-Identifier: Apache-2.0
package import Bytes
import Glibc

/// The same calls for memory whose life the compiler knows.
extension Kernel {
    package final func send(_ fd: FileDescriptor, _ bytes: borrowing Span<UInt8>) -> IOResult {
        unsafe bytes.withUnsafeBytes { unsafe send(fd, $0) }
    }

    package final func sendBeginning(_ fd: FileDescriptor, _ bytes: borrowing Span<UInt8>) -> IOResult {
        unsafe bytes.withUnsafeBytes { unsafe sendBeginning(fd, $0) }
    }

    package final func write(_ fd: FileDescriptor, _ bytes: borrowing Span<UInt8>) -> IOResult {
        unsafe bytes.withUnsafeBytes { unsafe write(fd, $0) }
    }

    package final func writeLog(_ log: LogDescriptor, _ bytes: borrowing Span<UInt8>) -> IOResult {
        unsafe bytes.withUnsafeBytes { unsafe writeLog(log, $0) }
    }

    /// One gathered write of up to three pieces, such as a stored head, what is added to it, and a body.
    package final func send(
        _ fd: FileDescriptor, _ first: borrowing Span<UInt8>, _ second: borrowing Span<UInt8>,
        _ third: borrowing Span<UInt8> = Span()
    ) -> IOResult {
        unsafe first.withUnsafeBytes { first in
            unsafe second.withUnsafeBytes { second in
                unsafe third.withUnsafeBytes { third in
                    let parts: InlineArray<3, iovec> = unsafe [iovec(first), iovec(second), iovec(third)]
                    return unsafe parts.span.withUnsafeBufferPointer { unsafe sendGathered(fd, $0) }
                }
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

extension iovec {
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.init(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
    }
}
