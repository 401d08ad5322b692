// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Several parts of one body in one message (RFC 9110 §14.6).
struct MultipartByteRanges {
    private let completeCount: Int
    private let contentType: ContiguousArray<UInt8>
    private let boundary: UInt64
    /// Of the whole message body.
    private(set) var byteCount = 0

    init(
        _ ranges: [Range<Int>], of completeCount: Int, contentType: ContiguousArray<UInt8>, boundary: UInt64
    ) {
        self.completeCount = completeCount
        self.contentType = contentType
        self.boundary = boundary
        var measured = ByteBuffer()
        for range in ranges {
            writePartHead(range, into: &measured)
            byteCount += range.count
        }
        writeEnd(into: &measured)
        byteCount += measured.count
    }

    private func writeBoundary(into buffer: inout ByteBuffer) {
        // Random and long enough not to occur in the body by chance.
        buffer.append("larder")
        buffer.append(hexadecimal: boundary)
    }

    func writeContentType(into buffer: inout ByteBuffer) {
        buffer.append("Content-Type: multipart/byteranges; boundary=")
        writeBoundary(into: &buffer)
        buffer.append("\r\n")
    }

    func writePartHead(_ range: Range<Int>, into buffer: inout ByteBuffer) {
        buffer.append("\r\n--")
        writeBoundary(into: &buffer)
        if !contentType.isEmpty {
            buffer.append("\r\nContent-Type: ")
            buffer.append(contentType.span)
        }
        buffer.append("\r\nContent-Range: bytes ")
        buffer.append(decimal: range.lowerBound)
        buffer.append("-")
        buffer.append(decimal: range.upperBound - 1)
        buffer.append("/")
        buffer.append(decimal: completeCount)
        buffer.append("\r\n\r\n")
    }

    func writeEnd(into buffer: inout ByteBuffer) {
        buffer.append("\r\n--")
        writeBoundary(into: &buffer)
        buffer.append("--\r\n")
    }
}

extension ByteBuffer {
    /// Sixteen digits.
    mutating func append(hexadecimal number: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(shift)) & 15
            append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }
}
