// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages
import TestKit

let supported: [ContentCoding] = [.brotli, .gzip, .deflate]

/// Something like JSON: repetitive, with numbers in it.
func text(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var random = SeededRandom(seed: seed)
    var bytes: [UInt8] = []
    while bytes.count < count {
        bytes += Array(#"{"id":\#(random.next() % 100_000),"name":"user","active":true},"#.utf8)
    }
    return Array(bytes.prefix(count))
}

/// Nothing that could be made shorter.
func noise(_ count: Int, seed: UInt64 = 2) -> [UInt8] {
    var random = SeededRandom(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
}

func encoded(_ body: [UInt8], _ coding: ContentCoding, _ level: CodingLevel = .fast) throws -> [UInt8] {
    var output = ByteBuffer()
    try WholeBody.encode(body.span, coding, level: level, into: &output)
    return bytes(of: output)
}

func decoded(
    _ body: [UInt8], _ coding: ContentCoding, limit: DecodingLimit = DecodingLimit(maximumByteCount: 16 << 20)
) throws(CodingError) -> [UInt8] {
    var output = ByteBuffer()
    try WholeBody.decode(body.span, coding, limit: limit, into: &output)
    return bytes(of: output)
}

func bytes(of buffer: borrowing ByteBuffer) -> [UInt8] { (0..<buffer.count).map { buffer.span[$0] } }

/// `0a0b` as bytes.
func hex(_ digits: String) -> [UInt8] {
    let digits = Array(digits.utf8)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
}
