// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import Testing

struct DecoderTests {
    @Test(
        "Bodies that others have coded are understood",
        arguments: [
            // RFC 1950, RFC 1952, bare RFC 1951 data, RFC 7932.
            (ContentCoding.deflate, "789ccb48cdc9c957c84090003a2e067d", "hello hello hello"),
            (.gzip, "1f8b0800000000000203cb48cdc9c957c84090008088f9e511000000", "hello hello hello"),
            (.deflate, "cb48cdc9c957c8409000", "hello hello hello"),
            (.brotli, "0b028068656c6c6f03", "hello"), (.brotli, "06", ""), (.brotli, "3b", ""),
        ])
    func vectors(coding: ContentCoding, coded: String, plain: String) throws {
        #expect(String(decoding: try decoded(hex(coded), coding), as: UTF8.self) == plain)
    }

    @Test("A gzip body may have several members (RFC 1952 §2.2)")
    func members() throws {
        let body = try encoded(text(3000), .gzip) + encoded(text(500), .gzip)
        #expect(try decoded(body, .gzip) == text(3000) + text(500))
    }

    @Test("A body that ends too early is truncated, wherever it ends", arguments: supported)
    func truncated(coding: ContentCoding) throws {
        let whole = try encoded(text(5000), coding)
        for count in 1..<whole.count {
            #expect(throws: CodingError.truncated) { try decoded(Array(whole.prefix(count)), coding) }
        }
    }

    @Test("What is no coded body, or goes on behind its end, is damaged", arguments: supported)
    func damaged(coding: ContentCoding) throws {
        #expect(throws: CodingError.damaged) { try decoded([0xFF] + noise(3000), coding) }
        let whole = try encoded(text(5000), coding)
        #expect(throws: CodingError.damaged) { try decoded(whole + noise(20), coding) }
    }

    @Test("No bit can flip unnoticed in gzip and deflate", arguments: [ContentCoding.gzip, .deflate])
    func flipped(coding: ContentCoding) throws {
        let body = text(600)
        let whole = try encoded(body, coding)
        // Time, flags and system of gzip's head mean nothing to the body.
        for place in (coding == .gzip ? 10 : 0)..<whole.count {
            var copy = whole
            copy[place] ^= 0x10
            let result = Result { () throws(CodingError) in try decoded(copy, coding) }
            #expect(throws: CodingError.self) { try result.get() }
        }
    }

    @Test("A bomb stops at its limit, before its memory is taken", arguments: supported)
    func bombs(coding: ContentCoding) throws {
        let bomb = try encoded([UInt8](repeating: 0x20, count: 32 << 20), coding)
        let byCount = DecodingLimit(maximumByteCount: 1 << 20, maximumRatio: .max)
        #expect(throws: CodingError.tooLarge) { try decoded(bomb, coding, limit: byCount) }
        let byRatio = DecodingLimit(maximumByteCount: .max, maximumRatio: 200, freeByteCount: 1 << 20)
        #expect(throws: CodingError.tooLarge) { try decoded(bomb, coding, limit: byRatio) }
        let decoder = try Decoder(coding, limit: byCount)
        var output = ByteBuffer()
        let used = try decoder.decode(bomb.span, atMost: 1000, into: &output)
        #expect(output.count == 1000)
        #expect(used < bomb.count || decoder.outputByteCount == 1000)
    }

    @Test("A short body may expand as it likes", arguments: supported)
    func smallButDense(coding: ContentCoding) throws {
        let body = [UInt8](repeating: 0x61, count: 500_000)
        #expect(try decoded(try encoded(body, coding, .best), coding) == body)
    }
}

struct RefusedMemoryTests {
    @Test("A coder without memory says so", arguments: supported, [0, 1000, 20_000, 100_000])
    func encoder(coding: ContentCoding, limit: Int) throws {
        #expect(throws: CodingError.outOfMemory) {
            var output = ByteBuffer()
            let encoder = try Encoder(coding, level: .best, memoryLimit: limit)
            try encoder.encode(text(300_000).span, .finish, into: &output)
        }
    }

    @Test("So does a decoder", arguments: supported, [0, 1000])
    func decoder(coding: ContentCoding, limit: Int) throws {
        let whole = try encoded(text(300_000), coding)
        #expect(throws: CodingError.outOfMemory) {
            var output = ByteBuffer()
            let limits = DecodingLimit(maximumByteCount: 1 << 20)
            let decoder = try Decoder(coding, limit: limits, memory: MemoryAllowance(grantedBytes: limit))
            var used = 0
            while used < whole.count {
                let rest = whole[used...]
                let step = try decoder.decode(rest.span, atMost: 10_000, into: &output)
                used += step
            }
        }
    }
}
