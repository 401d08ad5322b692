// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import TestKit
import Testing

struct RoundTripTests {
    @Test(
        "What is coded decodes to itself, at every level and size", arguments: supported,
        [0, 1, 2, 1023, 1024, 4096, 65_535, 65_536, 200_000])
    func roundTrip(coding: ContentCoding, count: Int) throws {
        for body in [text(count), noise(count)] {
            for level in CodingLevel.allCases where level == .fast || count <= 65_536 {
                #expect(try decoded(try encoded(body, coding, level), coding) == body)
            }
        }
    }

    @Test("Pieces, however they are cut, make the same body", arguments: supported, [UInt64](1...8))
    func pieces(coding: ContentCoding, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let body = random.chance(0.5) ? text(50_000, seed: seed) : noise(50_000, seed: seed)
        let encoder = try Encoder(coding, level: .fast)
        var coded = ByteBuffer()
        var start = 0
        while start < body.count {
            let end = min(body.count, start + Int.random(in: 1...9000, using: &random))
            let operation: Encoder.Operation = random.chance(0.3) ? .flush : .goOn
            try encoder.encode(body[start..<end].span, operation, into: &coded)
            if random.chance(0.1) { try encoder.encode(Span(), .flush, into: &coded) }
            start = end
        }
        try encoder.encode(Span(), .finish, into: &coded)
        #expect(encoder.inputByteCount == body.count)
        #expect(encoder.outputByteCount == coded.count)
        let decoder = try Decoder(coding, limit: DecodingLimit(maximumByteCount: 1 << 20))
        var output = ByteBuffer()
        var used = 0
        while true {
            let end = min(coded.count, used + Int.random(in: 1...700, using: &random))
            let room = Int.random(in: 1...5000, using: &random)
            let before = output.count
            used += try decoder.decode(coded.span.extracting(used..<end), atMost: room, into: &output)
            #expect(output.count - before <= room)
            if used == coded.count, output.count == before { break }
        }
        try decoder.finish()
        #expect(bytes(of: output) == body)
    }

    @Test("After a flush all that went in can be decoded", arguments: supported)
    func flush(coding: ContentCoding) throws {
        let encoder = try Encoder(coding, level: .fast)
        let decoder = try Decoder(coding, limit: DecodingLimit(maximumByteCount: 1 << 20))
        for number in 0..<50 {
            let event = Array("data: \(number)\n\n".utf8)
            var coded = ByteBuffer()
            var output = ByteBuffer()
            try encoder.encode(event.span, .flush, into: &coded)
            let used = try decoder.decode(coded.span, atMost: 1000, into: &output)
            #expect(used == coded.count)
            #expect(bytes(of: output) == event)
        }
    }

    @Test(
        "JSON loses four fifths and more at the fast level", arguments: [ContentCoding.brotli, .gzip], [4096, 100_000])
    func ratio(coding: ContentCoding, count: Int) throws {
        #expect(try encoded(text(count), coding).count * 5 < count)
    }

    @Test("The best level is no longer than the fast one", arguments: supported)
    func best(coding: ContentCoding) throws {
        let body = text(30_000)
        #expect(try encoded(body, coding, .best).count <= encoded(body, coding, .fast).count)
    }
}
