// SPDX-License-Identifier: Apache-2.0
import Bytes
internal import CZlib

/// zlib's state at an address that does not change, as zlib keeps it; this owns both blocks.
@safe final class ZlibMemory {
    let stream: UnsafeMutablePointer<z_stream>
    private let budget: UnsafeMutablePointer<CZlib_Budget>

    init(limit: Int) {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        unsafe budget = .allocate(capacity: 1)
        unsafe budget.initialize(to: CZlib_Budget(remaining: limit))
        unsafe CZlib_begin(stream, budget)
    }

    deinit {
        unsafe stream.deallocate()
        unsafe budget.deallocate()
    }
}

/// gzip (RFC 1952) or, as HTTP's `deflate`, the zlib format (RFC 1950).
@safe final class DeflateStream {
    private let memory: ZlibMemory

    init(isGzip: Bool, level: Int32, memoryLimit: Int) throws(CodingError) {
        memory = ZlibMemory(limit: memoryLimit)
        guard unsafe CZlib_deflateInit(memory.stream, level, isGzip ? 31 : 15, 8) == Z_OK else {
            throw .outOfMemory
        }
    }

    // What it says is of interest only to whoever could still use the stream.
    deinit { unsafe _ = deflateEnd(memory.stream) }

    func encode(
        _ input: borrowing Span<UInt8>, _ operation: Encoder.Operation, into output: inout ByteBuffer
    ) throws(CodingError) {
        let flush =
            switch operation {
            case .goOn: Z_NO_FLUSH
            case .flush: Z_SYNC_FLUSH
            case .finish: Z_FINISH
            }
        let stream = unsafe memory.stream
        var status = Z_OK
        unsafe input.withUnsafeBufferPointer { bytes in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
            unsafe stream.pointee.avail_in = uInt(bytes.count)
            repeat {
                // How much was written shows in the buffer's count.
                _ = unsafe output.fill(minimum: Self.stepBytes) { room in
                    unsafe stream.pointee.next_out = room.bindMemory(to: UInt8.self).baseAddress
                    unsafe stream.pointee.avail_out = uInt(room.count)
                    unsafe status = deflate(stream, flush)
                    return unsafe room.count - Int(stream.pointee.avail_out)
                }
                // With room left over, all input is used and all that is to come out has come.
            } while unsafe status == Z_OK && stream.pointee.avail_out == 0
            unsafe stream.pointee.next_in = nil
        }
        // Nothing to do is no failure: a second flush in a row finds nothing.
        precondition(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR, "deflate lost its state")
    }

    private static var stepBytes: Int { 4096 }
}
