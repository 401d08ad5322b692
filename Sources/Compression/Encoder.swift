// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// Brings one body into a content coding, piece by piece. Each call uses all of its input; the output of one call
/// is bounded by what has gone in.
package final class Encoder {
    package enum Operation: Sendable {
        /// More is to come, and what is held back meanwhile does not matter.
        case goOn
        /// More is to come, but whoever reads must be able to decode all that has gone in.
        case flush
        /// This is the end of the body.
        case finish
    }

    private enum Stream {
        case zlib(DeflateStream)
        case brotli(BrotliEncoderStream)
    }

    private let stream: Stream
    package let coding: ContentCoding
    package private(set) var inputByteCount = 0
    package private(set) var outputByteCount = 0
    package private(set) var isFinished = false

    /// - Parameters:
    ///   - coding: one that `isSupported`.
    ///   - expectedByteCount: of the whole body, where it is known: short bodies need less memory.
    ///   - memoryLimit: what the library may allocate, in bytes; nil for `CodingMemory`'s estimate.
    package init(
        _ coding: ContentCoding, level: CodingLevel, expectedByteCount: Int? = nil, memoryLimit: Int? = nil
    ) throws(CodingError) {
        precondition(coding.isSupported)
        self.coding = coding
        let limit = memoryLimit ?? CodingMemory.encoderBytes(coding, level, expectedByteCount: expectedByteCount)
        if coding == .brotli {
            stream = .brotli(
                try BrotliEncoderStream(level: level, expectedByteCount: expectedByteCount, memoryLimit: limit))
        } else {
            let number = level.number(for: coding)
            stream = .zlib(try DeflateStream(isGzip: coding == .gzip, level: number, memoryLimit: limit))
        }
    }

    /// Nothing may follow `.finish`.
    package func encode(
        _ input: borrowing Span<UInt8>, _ operation: Operation, into output: inout ByteBuffer
    ) throws(CodingError) {
        precondition(!isFinished)
        let before = output.count
        switch stream {
        case .zlib(let stream): try stream.encode(input, operation, into: &output)
        case .brotli(let stream): try stream.encode(input, operation, into: &output)
        }
        inputByteCount += input.count
        outputByteCount += output.count - before
        isFinished = operation == .finish
    }
}

/// How far back brotli looks.
enum BrotliWindow {
    private static let smallest: Int32 = 12
    /// Memory is bounded while a body passes through. At that level a larger window finds next to nothing more, and
    /// takes three times the memory.
    private static let largestFast: Int32 = 16
    private static let largestBest: Int32 = 22

    static func bits(for byteCount: Int?, level: CodingLevel) -> Int32 {
        let largest = level == .fast ? largestFast : largestBest
        guard let byteCount else { return largest }
        let needed = Int32(Int.bitWidth - max(byteCount, 1).leadingZeroBitCount)
        return min(max(needed, smallest), largest)
    }
}
