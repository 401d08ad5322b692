// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import Settings
import Storage

/// A body on its way into a coding, or out of one. What its coder takes is counted by the store (promise 7).
final class BodyTransform {
    private enum Coder {
        case encoder(Encoder)
        case decoder(Decoder)
        /// The first byte tells how much memory it takes at most.
        case unbegun(ContentCoding, DecodingLimit, counted: Int)
    }

    private var coder: Coder
    let target: ContentCoding
    private let reservation: BodyReservation
    /// A decoder has stopped because so much had come out as it was to be; more comes without more input.
    private(set) var hasMore = false

    /// One of `source` and `target` is identity.
    /// - Throws: `outOfMemory` when the store has no room for it.
    init(
        from source: ContentCoding, to target: ContentCoding, level: CodingLevel, expectedByteCount: Int? = nil,
        limit: DecodingLimit, store: MemoryStore, for purpose: BodyReservation.Purpose = .answer
    ) throws(CodingError) {
        precondition((source == .identity) != (target == .identity))
        self.target = target
        guard source == .identity else {
            let bytes = CodingMemory.firstDecoderBytes(source)
            reservation = try store.reserve(forCoder: bytes, for: purpose)
            coder = .unbegun(source, limit, counted: bytes)
            return
        }
        let bytes = CodingMemory.encoderBytes(target, level, expectedByteCount: expectedByteCount)
        reservation = try store.reserve(forCoder: bytes, for: purpose)
        coder = .encoder(
            try Encoder(target, level: level, expectedByteCount: expectedByteCount, memoryLimit: bytes))
    }

    /// - Parameter atMost: of what is decoded. What is encoded never gets much longer, and is all taken.
    /// - Returns: how many bytes of `input` were used, from its front.
    func write(
        _ input: borrowing Span<UInt8>, atMost: Int = stepBytes, into output: inout ByteBuffer
    ) throws(CodingError) -> Int {
        switch coder {
        case .encoder(let encoder):
            try encoder.encode(input, .goOn, into: &output)
            return input.count
        case .decoder(let decoder): return try decode(input, by: decoder, atMost: atMost, into: &output)
        case .unbegun(let source, let limit, let counted):
            guard input.count > 0 else { return 0 }
            let reservation = self.reservation
            let memory = MemoryAllowance(
                limitBytes: CodingMemory.decoderBytes(source, firstByte: input[0]), grantedBytes: counted
            ) { reservation.grow(by: $0) }
            let decoder = try Decoder(source, limit: limit, memory: memory)
            coder = .decoder(decoder)
            return try decode(input, by: decoder, atMost: atMost, into: &output)
        }
    }

    private func decode(
        _ input: borrowing Span<UInt8>, by decoder: Decoder, atMost: Int, into output: inout ByteBuffer
    ) throws(CodingError) -> Int {
        let before = output.count
        let used = try decoder.decode(input, atMost: atMost, into: &output)
        hasMore = output.count - before == atMost
        return used
    }

    /// What was held back so far; a decoder holds nothing back.
    func flush(into output: inout ByteBuffer) throws(CodingError) {
        if case .encoder(let encoder) = coder { try encoder.encode(Span(), .flush, into: &output) }
    }

    func finish(into output: inout ByteBuffer) throws(CodingError) {
        switch coder {
        case .encoder(let encoder): try encoder.encode(Span(), .finish, into: &output)
        case .decoder(let decoder): try decoder.finish()
        case .unbegun: break  // a body without any byte is one that never was coded
        }
    }

    static var stepBytes: Int { 32 << 10 }
}

extension MemoryStore {
    func reserve(
        forCoder bytes: Int, for purpose: BodyReservation.Purpose = .answer
    ) throws(CodingError) -> BodyReservation {
        guard let reservation = reserve(bytes: bytes, for: purpose) else { throw .outOfMemory }
        return reservation
    }
}

extension DecodingLimit {
    /// Decoded, a body may be as long as one that is stored.
    init(_ memory: MemorySettings) { self.init(maximumByteCount: memory.maxObjectBytes) }
}
