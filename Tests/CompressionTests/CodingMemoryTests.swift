// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import TestKit
import Testing

/// A coder that has what is counted for it lacks nothing.
struct CodingMemoryTests {
    @Test(
        "The fast level gets by with its estimate, whatever the body and its pieces", arguments: supported,
        [1000, 4000, 16_000, 65_000, 130_000, 600_000])
    func fast(coding: ContentCoding, count: Int) throws {
        for (seed, body) in [text(count), noise(count), mixture(count)].enumerated() {
            for isKnown in [true, false] {
                var random = SeededRandom(seed: UInt64(seed + count))
                let encoder = try Encoder(coding, level: .fast, expectedByteCount: isKnown ? count : nil)
                var coded = ByteBuffer()
                var start = 0
                while start < count {
                    let end = min(count, start + Int.random(in: 1...40_000, using: &random))
                    try encoder.encode(body[start..<end].span, random.chance(0.1) ? .flush : .goOn, into: &coded)
                    start = end
                }
                try encoder.encode(Span(), .finish, into: &coded)
                let decoded = try decoded(bytes(of: coded), coding)
                #expect(decoded == body)
            }
        }
    }

    @Test("So does the best", arguments: [1000, 16_000, 65_000])
    func best(count: Int) throws {
        for body in [text(count), mixture(count)] {
            var coded = ByteBuffer()
            try Encoder(.brotli, level: .best, expectedByteCount: count).encode(body.span, .finish, into: &coded)
            #expect(coded.count <= count + 8)
        }
    }

    @Test("What cannot be made shorter gets no longer than is counted", arguments: supported, CodingLevel.allCases)
    func longest(coding: ContentCoding, level: CodingLevel) throws {
        for count in [0, 1, 1000, 65_000, 600_000] {
            let coded = try encoded(noise(count), coding, level)
            #expect(coded.count <= CodingMemory.encodedBytes(of: count))
        }
    }

    @Test("A decoder gets by with what the first byte tells", arguments: supported, [100, 5000, 300_000])
    func decoder(coding: ContentCoding, count: Int) throws {
        let body = text(count)
        for level in CodingLevel.allCases {
            let coded = try encoded(body, coding, level)
            let limit = CodingMemory.decoderBytes(coding, firstByte: coded[0])
            #expect(limit < CodingMemory.decoderMaximumBytes)
            let decoder = try Decoder(
                coding, limit: DecodingLimit(maximumByteCount: count), memory: MemoryAllowance(grantedBytes: limit))
            var output = ByteBuffer()
            let used = try decoder.decode(coded.span, atMost: count + 1, into: &output)
            #expect(used == coded.count)
            #expect(bytes(of: output) == body)
        }
    }

    @Test("A decoder of brotli asks for what a body needs", arguments: [1000, 70_000])
    func asks(count: Int) throws {
        var grantedBytes = CodingMemory.firstDecoderBytes(.brotli)
        let memory = MemoryAllowance(limitBytes: CodingMemory.decoderMaximumBytes, grantedBytes: grantedBytes) {
            grantedBytes += $0
            return true
        }
        #expect(try decodedCount(of: count, memory) == count)
        #expect(grantedBytes < 512 << 10)
    }

    @Test("It ends when it is refused", arguments: [70_000, 300_000])
    func isRefused(count: Int) throws {
        let memory = MemoryAllowance(
            limitBytes: CodingMemory.decoderMaximumBytes, grantedBytes: CodingMemory.firstDecoderBytes(.brotli)
        ) { _ in false }
        #expect(throws: CodingError.outOfMemory) { try decodedCount(of: count, memory) }
    }

    private func decodedCount(of count: Int, _ memory: MemoryAllowance) throws -> Int {
        let coded = try encoded(text(count), .brotli, .best)
        var output = ByteBuffer()
        let decoder = try Decoder(.brotli, limit: DecodingLimit(maximumByteCount: count), memory: memory)
        _ = try decoder.decode(coded.span, atMost: count + 1, into: &output)
        return output.count
    }

    @Test("Windows are read as RFC 7932 §9.1 writes them")
    func windows() {
        for (byte, bits) in [(0x00, 16), (0x03, 18), (0x0B, 22), (0x0F, 24), (0x01, 17), (0x21, 10), (0x71, 15)] {
            let bytes = CodingMemory.decoderBytes(.brotli, firstByte: UInt8(byte))
            #expect(bytes - CodingMemory.decoderBytes(.brotli, firstByte: 0) == 1 << bits - 1 << 16)
        }
    }

    /// Noise with echoes of itself at all distances.
    private func mixture(_ count: Int) -> [UInt8] {
        var random = SeededRandom(seed: UInt64(count))
        var body = noise(min(count, 2000))
        while body.count < count {
            let length = min(Int.random(in: 1...300, using: &random), count - body.count)
            let start = Int.random(in: 0...max(body.count - 300, 0), using: &random)
            body += body[start..<min(start + length, body.count)]
        }
        return body
    }
}
