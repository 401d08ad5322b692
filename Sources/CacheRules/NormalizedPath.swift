// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Paths under RFC 3986 §6.2.2 and nothing beyond it: percent-encoding in upper case, unreserved bytes decoded,
/// dot segments removed. Two paths that differ afterwards differ for the origin too.
package enum NormalizedPath {
    /// Whether `path` would come out as it is; one scan.
    package static func isNormal(_ path: borrowing Span<UInt8>) -> Bool {
        guard !path.isEmpty, path[0] == ASCII.slash else { return false }
        var index = path.firstIndex(of: ASCII.percent, or: UInt8(ascii: "."), in: 0..<path.count)
        while index < path.count {
            // A segment that begins with a dot may be a dot segment; the slow way finds out.
            if path[index] == ASCII.percent || path[index - 1] == ASCII.slash { return false }
            index = path.firstIndex(of: ASCII.percent, or: UInt8(ascii: "."), in: index + 1..<path.count)
        }
        return true
    }

    package static func write(_ path: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        if isNormal(path) { buffer.append(path) } else { writeSlowly(path, into: &buffer) }
    }

    @inline(never)
    private static func writeSlowly(_ path: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        // `*` of asterisk-form has no segments (RFC 9112 §3.2.4); an empty path is `/` (RFC 9110 §4.2.3).
        if path.equals("*") {
            buffer.append(path)
            return
        }
        let base = buffer.count
        var start = !path.isEmpty && path[0] == ASCII.slash ? 1 : 0
        while true {
            var end = start
            while end < path.count, path[end] != ASCII.slash { end += 1 }
            writeSegment(path.extracting(start..<end), isLast: end == path.count, base: base, into: &buffer)
            if end == path.count { return }
            start = end + 1
        }
    }

    /// RFC 3986 §5.2.4, a segment at a time.
    private static func writeSegment(
        _ segment: borrowing Span<UInt8>, isLast: Bool, base: Int, into buffer: inout ByteBuffer
    ) {
        let slash = buffer.count
        buffer.append(ASCII.slash)
        PercentEncoding.writeNormalized(segment, into: &buffer)
        let dots = dotCount(buffer.span, from: slash + 1)
        guard dots > 0 else { return }
        buffer.truncate(to: slash)
        if dots == 2 { removeLastSegment(base: base, from: &buffer) }
        if isLast { buffer.append(ASCII.slash) }
    }

    /// 1 for `.`, 2 for `..`, else 0.
    private static func dotCount(_ bytes: borrowing Span<UInt8>, from start: Int) -> Int {
        let count = bytes.count - start
        guard count == 1 || count == 2 else { return 0 }
        for index in start..<bytes.count where bytes[index] != UInt8(ascii: ".") { return 0 }
        return count
    }

    private static func removeLastSegment(base: Int, from buffer: inout ByteBuffer) {
        var end = buffer.count
        while end > base {
            end -= 1
            if buffer.span[end] == ASCII.slash { break }
        }
        buffer.truncate(to: end)
    }
}

/// Percent-encoding under RFC 3986 §6.2.2.1 and §6.2.2.2.
enum PercentEncoding {
    /// Unreserved bytes decoded, the other escapes in upper case. Text with a broken escape stays as it is: decoding
    /// beside it could make one that nobody wrote.
    static func writeNormalized(_ text: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        guard isWellFormed(text) else {
            buffer.append(text)
            return
        }
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte == ASCII.percent, let decoded = decode(text, at: index) {
                if isUnreserved(decoded) { buffer.append(decoded) } else { writeEscape(decoded, into: &buffer) }
                index += 3
            } else {
                buffer.append(byte)
                index += 1
            }
        }
    }

    private static func isWellFormed(_ text: borrowing Span<UInt8>) -> Bool {
        for index in 0..<text.count where text[index] == ASCII.percent && decode(text, at: index) == nil {
            return false
        }
        return true
    }

    static func writeEscape(_ byte: UInt8, into buffer: inout ByteBuffer) {
        buffer.append(ASCII.percent)
        buffer.append(hexDigit(byte >> 4))
        buffer.append(hexDigit(byte & 15))
    }

    private static func decode(_ text: borrowing Span<UInt8>, at index: Int) -> UInt8? {
        guard index + 2 < text.count, let high = ASCII.hexValue(text[index + 1]),
            let low = ASCII.hexValue(text[index + 2])
        else { return nil }
        return high << 4 | low
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? value &+ 0x30 : value &+ 0x37 }

    /// RFC 3986 §2.3.
    static func isUnreserved(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }
}
