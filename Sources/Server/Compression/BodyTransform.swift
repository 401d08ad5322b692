// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import Settings

/// A body on its way into a coding, or out of one.
final class BodyTransform {
    private enum Coder {
        case encoder(Encoder)
        case decoder(Decoder)
    }

    private let coder: Coder
    let target: ContentCoding

    /// One of `source` and `target` is identity.
    init(
        from source: ContentCoding, to target: ContentCoding, level: CodingLevel, expectedByteCount: Int? = nil,
        limit: DecodingLimit
    ) throws(CodingError) {
        precondition((source == .identity) != (target == .identity))
        self.target = target
        coder =
            source == .identity
            ? .encoder(try Encoder(target, level: level, expectedByteCount: expectedByteCount))
            : .decoder(try Decoder(source, limit: limit))
    }

    func write(_ input: borrowing Span<UInt8>, into output: inout ByteBuffer) throws(CodingError) {
        switch coder {
        case .encoder(let encoder): try encoder.encode(input, .goOn, into: &output)
        case .decoder(let decoder):
            var used = 0
            var produced = 0
            repeat {
                let before = output.count
                used += try decoder.decode(
                    input.extracting(used..<input.count), atMost: Self.stepBytes, into: &output)
                produced = output.count - before
            } while used < input.count || produced == Self.stepBytes
        }
    }

    /// What was held back so far; a decoder holds nothing back.
    func flush(into output: inout ByteBuffer) throws(CodingError) {
        if case .encoder(let encoder) = coder { try encoder.encode(Span(), .flush, into: &output) }
    }

    func finish(into output: inout ByteBuffer) throws(CodingError) {
        switch coder {
        case .encoder(let encoder): try encoder.encode(Span(), .finish, into: &output)
        case .decoder(let decoder): try decoder.finish()
        }
    }

    static var stepBytes: Int { 32 << 10 }
}

extension DecodingLimit {
    /// Decoded, a body may be as long as one that is stored.
    init(_ memory: MemorySettings) { self.init(maximumByteCount: memory.maxObjectBytes) }
}
