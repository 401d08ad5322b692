// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// The text that stored responses are found by, such as `GET shop.example/api/users?page=2`.
///
/// Injective: a target holds no blank, so the first blank ends the method and any later one begins a part that
/// the route added; in a host every byte that could end it is escaped.
package enum CacheKey {
    /// The key of a request. GET and HEAD share one (RFC 9110 §9.3.2), and POST refreshes that one, unless it
    /// `isKeyedByBody`: then it has keys of its own, to which the caller adds the body.
    package static func write(
        _ request: borrowing RequestHead, isSecure: Bool = false, isKeyedByBody: Bool = false,
        options: borrowing KeyOptions, into buffer: inout ByteBuffer
    ) {
        if isKeyedByBody {
            buffer.append(request.methodBytes)
            buffer.append(ASCII.space)
        } else {
            writeMethodClass(request.method, request.methodBytes, into: &buffer)
        }
        if options.includesHost { writeOrigin(request.authority, isSecure: isSecure, into: &buffer) }
        NormalizedTarget.write(request, options: options, into: &buffer)
    }

    /// The GET key of a URL given in parts, for invalidation by URL. `path` and `query` need not be normal.
    package static func write(
        host: borrowing Span<UInt8>, path: borrowing Span<UInt8>, query: Span<UInt8>?,
        isSecure: Bool = false, options: borrowing KeyOptions, into buffer: inout ByteBuffer
    ) {
        buffer.append("GET ")
        if options.includesHost { writeOrigin(host, isSecure: isSecure, into: &buffer) }
        NormalizedPath.write(path, into: &buffer)
        guard let query else { return }
        if query.firstNotURI(in: 0..<query.count) == query.count {
            QueryNormalization.write(query, options: options, into: &buffer)
        } else {
            var escaped = ByteBuffer(capacity: query.count + 16)
            PercentEncoding.writeEscaped(query, into: &escaped)
            QueryNormalization.write(escaped.span, options: options, into: &buffer)
        }
    }

    /// Adds a part that the route asks for, such as ` cookie:plan=pro`: the value with what could end it escaped.
    package static func writePart(
        _ kind: StaticString, name: borrowing Span<UInt8>, value: Span<UInt8>?, into buffer: inout ByteBuffer
    ) {
        buffer.append(ASCII.space)
        buffer.append(kind)
        buffer.append(ASCII.colon)
        KeyText.write(name, into: &buffer)
        guard let value else { return }
        buffer.append(ASCII.equals)
        KeyText.write(value, into: &buffer)
    }

    private static func writeMethodClass(
        _ method: Method, _ bytes: borrowing Span<UInt8>, into buffer: inout ByteBuffer
    ) {
        switch method {
        case .get, .head, .post: buffer.append("GET ")
        default:
            buffer.append(bytes)
            buffer.append(ASCII.space)
        }
    }

    /// Plain http goes without saying; https is named, since its answers may differ.
    private static func writeOrigin(
        _ authority: borrowing Span<UInt8>, isSecure: Bool, into buffer: inout ByteBuffer
    ) {
        if isSecure { buffer.append("https://") }
        Authority.writeNormalized(authority, isSecure: isSecure, into: &buffer)
    }
}

/// Hosts with ports (RFC 3986 §3.2.2 and §3.2.3).
enum Authority {
    /// In lower case, without a default or empty port; bytes that are none of a host escaped.
    static func writeNormalized(_ authority: borrowing Span<UInt8>, isSecure: Bool, into buffer: inout ByteBuffer) {
        let length = lengthWithoutDefaultPort(authority, isSecure: isSecure)
        if isNormal(authority, length: length) {
            buffer.append(authority.extracting(0..<length))
            return
        }
        for index in 0..<length {
            let byte = authority[index]
            if isPlain(byte) {
                buffer.append(ASCII.lowercased(byte))
            } else {
                PercentEncoding.writeEscape(byte, into: &buffer)
            }
        }
    }

    private static func isNormal(_ authority: borrowing Span<UInt8>, length: Int) -> Bool {
        let text = authority.extracting(0..<length)
        if text.isPlainHost { return true }
        for index in 0..<length where !isPlain(text[index]) || ASCII.isUpper(text[index]) { return false }
        return true
    }

    static func lengthWithoutDefaultPort(_ authority: borrowing Span<UInt8>, isSecure: Bool) -> Int {
        var colon = authority.count
        while colon > 0, ASCII.isDigit(authority[colon - 1]) { colon -= 1 }
        guard colon > 0, authority[colon - 1] == ASCII.colon else { return authority.count }
        let port = authority.extracting(colon..<authority.count)
        let isDefault = port.isEmpty || port.equals(isSecure ? "443" : "80")
        return isDefault ? colon - 1 : authority.count
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        PercentEncoding.isUnreserved(byte) || byte == ASCII.colon || byte == UInt8(ascii: "[")
            || byte == UInt8(ascii: "]")
    }
}

/// Text within keys: visible ASCII as it is, but for the bytes that separate parts.
enum KeyText {
    static func write(_ text: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        if isPlain(text) {
            buffer.append(text)
            return
        }
        for index in 0..<text.count {
            let byte = text[index]
            if isPlain(byte) { buffer.append(byte) } else { PercentEncoding.writeEscape(byte, into: &buffer) }
        }
    }

    private static func isPlain(_ text: borrowing Span<UInt8>) -> Bool {
        for index in 0..<text.count where !isPlain(text[index]) { return false }
        return true
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != ASCII.percent && byte != UInt8(ascii: "&") && byte != ASCII.equals
    }
}
