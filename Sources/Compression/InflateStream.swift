// SPDX-License-Identifier: Apache-2.0
import Bytes
internal import CZlib

/// gzip, or what HTTP calls `deflate`: the zlib format, and for servers that got this wrong bare deflate data too.
@safe final class InflateStream {
    private let memory: ZlibMemory
    let isGzip: Bool
    private var isBegun = false

    init(isGzip: Bool, memoryLimit: Int) throws(CodingError) {
        self.isGzip = isGzip
        memory = ZlibMemory(limit: memoryLimit)
    }

    // What it says is of interest only to whoever could still use the stream.
    deinit { if isBegun { unsafe _ = inflateEnd(memory.stream) } }

    func decode(
        _ input: borrowing Span<UInt8>, atMost: Int, into output: inout ByteBuffer
    ) throws(CodingError) -> (used: Int, progress: Decoder.Progress) {
        guard isBegun || input.count > 0 else { return (0, .goesOn) }
        if !isBegun { try begin(firstByte: input[0]) }
        let stream = unsafe memory.stream
        var status = Z_OK
        var used = 0
        unsafe input.withUnsafeBufferPointer { bytes in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
            unsafe stream.pointee.avail_in = uInt(bytes.count)
            // How much was written shows in the buffer's count.
            _ = unsafe output.fill(minimum: min(atMost, Self.stepBytes)) { room in
                let count = min(room.count, atMost)
                unsafe stream.pointee.next_out = room.bindMemory(to: UInt8.self).baseAddress
                unsafe stream.pointee.avail_out = uInt(count)
                unsafe status = inflate(stream, Z_NO_FLUSH)
                return unsafe count - Int(stream.pointee.avail_out)
            }
            unsafe used = bytes.count - Int(stream.pointee.avail_in)
            unsafe stream.pointee.next_in = nil
        }
        switch status {
        case Z_OK, Z_BUF_ERROR: return (used, .goesOn)
        case Z_STREAM_END: return (used, .ended)
        case Z_MEM_ERROR: throw .outOfMemory
        default: throw .damaged
        }
    }

    func beginAnotherMember() throws(CodingError) {
        guard unsafe inflateReset(memory.stream) == Z_OK else { throw .damaged }
    }

    /// RFC 1950 §2.2: the first byte of the zlib format names the method, 8, and a window of at most 32 KB.
    private func begin(firstByte: UInt8) throws(CodingError) {
        let isZlib = firstByte & 0x0F == 8 && firstByte >> 4 <= 7
        let windowBits: Int32 = isGzip ? 31 : isZlib ? 15 : -15
        guard unsafe CZlib_inflateInit(memory.stream, windowBits) == Z_OK else { throw .outOfMemory }
        isBegun = true
    }

    private static var stepBytes: Int { 16 << 10 }
}
