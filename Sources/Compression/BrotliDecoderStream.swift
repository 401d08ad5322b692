// SPDX-License-Identifier: Apache-2.0
import Bytes
internal import CBrotli

/// Brotli (RFC 7932).
@safe final class BrotliDecoderStream {
    private let memory: BrotliMemory
    private let state: OpaquePointer

    init(_ allowance: MemoryAllowance) throws(CodingError) {
        memory = BrotliMemory(allowance)
        guard let state = unsafe CBrotli_makeDecoder(memory.pointer) else { throw .outOfMemory }
        unsafe self.state = state
    }

    func decode(
        _ input: borrowing Span<UInt8>, atMost: Int, into output: inout ByteBuffer
    ) throws(CodingError) -> (used: Int, progress: Decoder.Progress) {
        let state = unsafe self.state
        var result = BROTLI_DECODER_RESULT_ERROR
        let used = unsafe input.withUnsafeBufferPointer { bytes in
            var next = bytes.baseAddress
            var inputLeft = bytes.count
            // How much was written shows in the buffer's count.
            _ = unsafe output.fill(minimum: min(atMost, Self.stepBytes)) { room in
                let count = min(room.count, atMost)
                var place = unsafe room.bindMemory(to: UInt8.self).baseAddress
                var roomLeft = count
                unsafe result = BrotliDecoderDecompressStream(state, &inputLeft, &next, &roomLeft, &place, nil)
                return count - roomLeft
            }
            return bytes.count - inputLeft
        }
        switch result {
        case BROTLI_DECODER_RESULT_SUCCESS: return (used, .ended)
        case BROTLI_DECODER_RESULT_ERROR: throw failure
        default: return (used, .goesOn)
        }
    }

    /// Those that tell of refused memory have their own range of numbers.
    private var failure: CodingError {
        let code = unsafe BrotliDecoderGetErrorCode(state).rawValue
        let first = BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES.rawValue
        let last = BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES.rawValue
        return (first...last).contains(code) ? .outOfMemory : .damaged
    }

    private static var stepBytes: Int { 16 << 10 }
}
