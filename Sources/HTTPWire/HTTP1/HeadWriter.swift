// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// Writes the parts of HTTP/1 messages, always as version 1.1 (RFC 9110 §6.2). Bytes are written as they are:
/// what came through a parser holds no line ends.
package enum HeadWriter {
    // MARK: Start lines

    package static func statusLine(_ status: Status, into buffer: inout ByteBuffer) {
        if let line = knownLine(status) { return buffer.append(line) }
        buffer.append("HTTP/1.1 ")
        buffer.append(decimal: Int(status.code))
        buffer.append(ASCII.space)
        buffer.append(status.reason)
        buffer.append("\r\n")
    }

    /// The phrase that came is kept where the registry knows none.
    package static func statusLine(
        _ status: Status, reason: borrowing Span<UInt8>, into buffer: inout ByteBuffer
    ) {
        guard status.reason.utf8CodeUnitCount == 0 else { return statusLine(status, into: &buffer) }
        buffer.append("HTTP/1.1 ")
        buffer.append(decimal: Int(status.code))
        buffer.append(ASCII.space)
        buffer.append(reason)
        buffer.append("\r\n")
    }

    private static func knownLine(_ status: Status) -> StaticString? {
        switch status.code {
        case 100: "HTTP/1.1 100 Continue\r\n"
        case 200: "HTTP/1.1 200 OK\r\n"
        case 201: "HTTP/1.1 201 Created\r\n"
        case 204: "HTTP/1.1 204 No Content\r\n"
        case 206: "HTTP/1.1 206 Partial Content\r\n"
        case 301: "HTTP/1.1 301 Moved Permanently\r\n"
        case 302: "HTTP/1.1 302 Found\r\n"
        case 304: "HTTP/1.1 304 Not Modified\r\n"
        case 400: "HTTP/1.1 400 Bad Request\r\n"
        case 401: "HTTP/1.1 401 Unauthorized\r\n"
        case 403: "HTTP/1.1 403 Forbidden\r\n"
        case 404: "HTTP/1.1 404 Not Found\r\n"
        case 429: "HTTP/1.1 429 Too Many Requests\r\n"
        case 500: "HTTP/1.1 500 Internal Server Error\r\n"
        case 502: "HTTP/1.1 502 Bad Gateway\r\n"
        case 503: "HTTP/1.1 503 Service Unavailable\r\n"
        case 504: "HTTP/1.1 504 Gateway Timeout\r\n"
        default: nil
        }
    }

    package static func requestLine(
        _ method: borrowing Span<UInt8>, _ target: borrowing Span<UInt8>, into buffer: inout ByteBuffer
    ) {
        buffer.append(method)
        buffer.append(ASCII.space)
        buffer.append(target)
        buffer.append(" HTTP/1.1\r\n")
    }

    // MARK: Fields

    package static func field(
        _ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>, into buffer: inout ByteBuffer
    ) {
        buffer.append(name)
        buffer.append(": ")
        buffer.append(value)
        buffer.append("\r\n")
    }

    package static func field(
        _ name: StaticString, _ value: borrowing Span<UInt8>, into buffer: inout ByteBuffer
    ) {
        buffer.append(name)
        buffer.append(": ")
        buffer.append(value)
        buffer.append("\r\n")
    }

    package static func field(_ name: StaticString, _ value: StaticString, into buffer: inout ByteBuffer) {
        buffer.append(name)
        buffer.append(": ")
        buffer.append(value)
        buffer.append("\r\n")
    }

    package static func field(_ name: StaticString, decimal number: Int, into buffer: inout ByteBuffer) {
        buffer.append(name)
        buffer.append(": ")
        buffer.append(decimal: number)
        buffer.append("\r\n")
    }

    package static func field(_ name: StaticString, dateSeconds: Int64, into buffer: inout ByteBuffer) {
        buffer.append(name)
        buffer.append(": ")
        HTTPDate.write(dateSeconds, into: &buffer)
        buffer.append("\r\n")
    }

    /// The blank line after the fields.
    package static func endOfHead(into buffer: inout ByteBuffer) { buffer.append("\r\n") }

    // MARK: Chunks

    /// What stands before a chunk of `count` bytes, which is not zero; `endOfChunk` follows the bytes.
    package static func chunkHeader(_ count: Int, into buffer: inout ByteBuffer) {
        precondition(count > 0, "a chunk of no bytes ends the body")
        buffer.append(hex: count)
        buffer.append("\r\n")
    }

    package static func endOfChunk(into buffer: inout ByteBuffer) { buffer.append("\r\n") }

    package static func lastChunk(into buffer: inout ByteBuffer) { buffer.append("0\r\n\r\n") }

    package static func lastChunk(trailers: borrowing Fields, into buffer: inout ByteBuffer) {
        buffer.append("0\r\n")
        for index in trailers.slots.indices {
            field(trailers.name(at: index), trailers.value(at: index), into: &buffer)
        }
        buffer.append("\r\n")
    }
}
