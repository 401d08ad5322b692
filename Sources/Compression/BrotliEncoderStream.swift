// SPDX-License-Identifier: Apache-2.0
import Bytes
internal import CBrotli
import HTTPMessages

/// Brotli (RFC 7932).
@safe final class BrotliEncoderStream {
    private let memory: BrotliMemory
    private let state: OpaquePointer

    init(level: CodingLevel, expectedByteCount: Int?, memoryLimit: Int) throws(CodingError) {
        // The best level is for threads that give way to all others.
        memory = BrotliMemory(MemoryAllowance(grantedBytes: memoryLimit), isApart: level == .best)
        guard let state = unsafe CBrotli_makeEncoder(memory.pointer) else { throw .outOfMemory }
        unsafe self.state = state
        let settings = [
            (BROTLI_PARAM_QUALITY, UInt32(level.number(for: .brotli))),
            (BROTLI_PARAM_LGWIN, UInt32(BrotliWindow.bits(for: expectedByteCount, level: level))),
            (BROTLI_PARAM_SIZE_HINT, UInt32(clamping: expectedByteCount ?? 0)),
        ]
        for (parameter, value) in settings {
            let isTaken = unsafe BrotliEncoderSetParameter(state, parameter, value)
            precondition(isTaken != 0, "a setting of brotli is out of range")
        }
    }

    func encode(
        _ input: borrowing Span<UInt8>, _ operation: Encoder.Operation, into output: inout ByteBuffer
    ) throws(CodingError) {
        let asked =
            switch operation {
            case .goOn: BROTLI_OPERATION_PROCESS
            case .flush: BROTLI_OPERATION_FLUSH
            case .finish: BROTLI_OPERATION_FINISH
            }
        let state = unsafe self.state
        let isDone = unsafe input.withUnsafeBufferPointer { bytes in
            var next = bytes.baseAddress
            var count = bytes.count
            repeat {
                // Without room of ours brotli keeps its output, from where it is taken below.
                guard unsafe CBrotli_encode(memory.pointer, state, asked, &count, &next) != 0 else {
                    return false
                }
                unsafe Self.take(from: state, into: &output)
            } while unsafe count > 0 || BrotliEncoderHasMoreOutput(state) != 0
                || (operation == .finish && BrotliEncoderIsFinished(state) == 0)
            return true
        }
        // All else that it could complain of is ruled out by how it is called.
        guard isDone else { throw .outOfMemory }
    }

    private static func take(from state: OpaquePointer, into output: inout ByteBuffer) {
        while unsafe BrotliEncoderHasMoreOutput(state) != 0 {
            var count = 0
            guard let bytes = unsafe BrotliEncoderTakeOutput(state, &count) else { return }
            unsafe output.append(Span(_unsafeStart: bytes, count: count))
        }
    }
}
