// SPDX-License-Identifier: Apache-2.0

/// Paths under RFC 3986 §6.2.2 and nothing beyond it: percent-encoding in upper case, unreserved bytes decoded, bytes
/// that no URI may hold escaped, dot segments removed. Two paths that differ afterwards differ for the origin too.
package enum NormalizedPath {
    /// Whether `path` would come out as it is; one scan. A path with an escape is not looked into and has to be written.
    package static func isNormal(_ path: borrowing Span<UInt8>) -> Bool {
        guard !path.isEmpty, path[0] == ASCII.slash else { return false }
        var index = path.firstNotPlainPath(in: 1..<path.count)
        while index < path.count {
            let byte = path[index]
            if byte == UInt8(ascii: ".") {
                // A segment that begins with a dot may be a dot segment; the slow way finds out.
                if path[index &- 1] == ASCII.slash { return false }
            } else if byte == ASCII.percent || !ASCII.isURIByte(byte) {
                return false
            }
            index = path.firstNotPlainPath(in: index &+ 1..<path.count)
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
