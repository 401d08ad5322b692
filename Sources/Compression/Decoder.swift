// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// Brings one body out of a content coding, in steps of bounded size.
package final class Decoder {
    private enum Stream {
        case zlib(InflateStream)
        case brotli(BrotliDecoderStream)
    }

    /// How far one step of a library's decoder went.
    enum Progress {
        /// It has used its input, or its room.
        case goesOn
        /// The coded body is complete.
        case ended
    }

    private var stream: Stream
    private let limit: DecodingLimit
    package private(set) var inputByteCount = 0
    package private(set) var outputByteCount = 0
    private var hasEnded = false

    /// `coding` must be one that `isSupported`.
    package init(
        _ coding: ContentCoding, limit: DecodingLimit,
        memory: MemoryAllowance = MemoryAllowance(grantedBytes: CodingMemory.decoderMaximumBytes)
    ) throws(CodingError) {
        precondition(coding.isSupported)
        self.limit = limit
        if coding == .brotli {
            stream = .brotli(try BrotliDecoderStream(memory))
        } else {
            stream = .zlib(try InflateStream(isGzip: coding == .gzip, memoryLimit: memory.grantedBytes))
        }
    }

    /// Decodes from the front of `input` until it is used up or `atMost` bytes have come out.
    /// - Returns: how many bytes of `input` were used. When that is all of them, and less than `atMost` came out,
    ///   nothing more will come before there is more input.
    package func decode(
        _ input: borrowing Span<UInt8>, atMost: Int, into output: inout ByteBuffer
    ) throws(CodingError) -> Int {
        var used = 0
        var room = atMost
        while room > 0 {
            if hasEnded {
                guard used < input.count else { break }
                try beginAnotherMember()
            }
            let rest = input.extracting(used..<input.count)
            let before = output.count
            let (step, progress) = try decodeStep(rest, atMost: room, into: &output)
            let produced = output.count - before
            used += step
            room -= produced
            inputByteCount += step
            outputByteCount += produced
            guard limit.allows(decoded: outputByteCount, coded: inputByteCount) else { throw .tooLarge }
            if progress == .ended { hasEnded = true } else if step == 0, produced == 0 { break }
        }
        return used
    }

    /// To be called when all input has been decoded.
    package func finish() throws(CodingError) {
        // A body without any byte is one that never was coded.
        guard hasEnded || inputByteCount == 0 else { throw .truncated }
    }

    private func decodeStep(
        _ input: borrowing Span<UInt8>, atMost: Int, into output: inout ByteBuffer
    ) throws(CodingError) -> (used: Int, progress: Progress) {
        switch stream {
        case .zlib(let stream): return try stream.decode(input, atMost: atMost, into: &output)
        case .brotli(let stream): return try stream.decode(input, atMost: atMost, into: &output)
        }
    }

    /// RFC 1952 §2.2: a gzip file is a series of members. Nothing else may go on behind its end.
    private func beginAnotherMember() throws(CodingError) {
        guard case .zlib(let stream) = stream, stream.isGzip else { throw .damaged }
        try stream.beginAnotherMember()
        hasEnded = false
    }
}
