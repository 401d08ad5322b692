// SPDX-License-Identifier: Apache-2.0
package import HTTPMessages

/// What coders take at most, in bytes, so that it can be counted before it is used.
package enum CodingMemory {
    /// - Parameter expectedByteCount: of the whole body, where it is known.
    package static func encoderBytes(_ coding: ContentCoding, _ level: CodingLevel, expectedByteCount: Int?) -> Int {
        guard coding == .brotli else { return deflateBytes }
        let count = expectedByteCount ?? .max
        switch level {
        case .fast: return min(1280 << 10 + 20 * min(count, 1 << 20), 2560 << 10)
        // Its search keeps much for each byte of a block of 256 KB, and some for each of the window.
        case .best: return 1 << 20 + 88 * min(count, 256 << 10) + 16 * min(count, 4 << 20)
        }
    }

    /// What a body of so many bytes takes at most in any coding: text that does not get shorter is carried in blocks
    /// of its own, each with a few bytes before it.
    package static func encodedBytes(of count: Int) -> Int { count + count >> 8 + 1024 }

    /// With which a decoder begins. That of brotli asks for what more it needs.
    package static func firstDecoderBytes(_ coding: ContentCoding) -> Int {
        coding == .brotli ? 64 << 10 : inflateBytes
    }

    /// - Parameter firstByte: of the body.
    package static func decoderBytes(_ coding: ContentCoding, firstByte: UInt8) -> Int {
        coding == .brotli ? 1 << windowBits(firstByte) + brotliTableBytes : inflateBytes
    }

    package static var decoderMaximumBytes: Int { 1 << 24 + brotliTableBytes }

    /// WBITS of RFC 7932 §9.1.
    private static func windowBits(_ firstByte: UInt8) -> Int {
        if firstByte & 1 == 0 { return 16 }
        let large = Int(firstByte >> 1 & 7)
        if large > 0 { return 17 + large }
        let small = Int(firstByte >> 4 & 7)
        return small > 1 ? 8 + small : 17
    }

    /// Window, chains, heads and symbols of zlib at its usual settings.
    private static let deflateBytes = 272 << 10
    private static let inflateBytes = 48 << 10
    /// As many Huffman codes as the format allows.
    private static let brotliTableBytes = 3 << 20
}
