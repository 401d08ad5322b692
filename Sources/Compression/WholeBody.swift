// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// Coding and decoding of bodies that are there as a whole.
package enum WholeBody {
    package static func encode(
        _ body: borrowing Span<UInt8>, _ coding: ContentCoding, level: CodingLevel, into output: inout ByteBuffer
    ) throws(CodingError) {
        let encoder = try Encoder(coding, level: level, expectedByteCount: body.count)
        try encoder.encode(body, .finish, into: &output)
    }

    package static func decode(
        _ body: borrowing Span<UInt8>, _ coding: ContentCoding, limit: DecodingLimit, into output: inout ByteBuffer
    ) throws(CodingError) {
        let decoder = try Decoder(coding, limit: limit)
        var used = 0
        while true {
            let before = output.count
            used += try decoder.decode(body.extracting(used..<body.count), atMost: stepBytes, into: &output)
            if used == body.count, output.count - before < stepBytes { break }
        }
        try decoder.finish()
    }

    private static var stepBytes: Int { 64 << 10 }
}
