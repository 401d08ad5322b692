// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// URI references in Location and Content-Location, resolved against the request (RFC 3986 §5.2).
package enum TargetReference {
    /// Appends path and query of what `reference` names, normalised; false, and nothing appended, when it has
    /// another origin than the request. http and https of one host count as one: an origin behind a proxy may
    /// not know by which it is reached.
    package static func resolve(
        _ reference: borrowing Span<UInt8>, against request: borrowing RequestHead, into buffer: inout ByteBuffer
    ) -> Bool {
        var end = 0
        while end < reference.count, reference[end] != UInt8(ascii: "#") { end += 1 }
        var start = 0
        if let scheme = schemeLength(reference) {
            let name = reference.extracting(0..<scheme)
            guard name.equalsIgnoringCase("http") || name.equalsIgnoringCase("https") else { return false }
            start = scheme + 1
            // A scheme without an authority names no http resource (RFC 9110 §4.2.1).
            guard start + 1 < end, reference[start] == ASCII.slash, reference[start + 1] == ASCII.slash
            else { return false }
        }
        var hasAuthority = false
        if start + 1 < end, reference[start] == ASCII.slash, reference[start + 1] == ASCII.slash {
            let authority = start + 2..<endOfAuthority(reference, start + 2..<end)
            guard isSameHost(reference.extracting(authority), request.authority) else { return false }
            start = authority.upperBound
            hasAuthority = true
        }
        writeTarget(reference.extracting(start..<end), hasAuthority: hasAuthority, against: request, into: &buffer)
        return true
    }

    private static func writeTarget(
        _ target: borrowing Span<UInt8>, hasAuthority: Bool, against request: borrowing RequestHead,
        into buffer: inout ByteBuffer
    ) {
        var pathEnd = 0
        while pathEnd < target.count, target[pathEnd] != ASCII.questionMark { pathEnd += 1 }
        let path = target.extracting(0..<pathEnd)
        if pathEnd == 0, !hasAuthority {
            buffer.append(request.path)
        } else if hasAuthority || path[0] == ASCII.slash {
            NormalizedPath.write(path, into: &buffer)
        } else {
            writeMerged(path, base: request.path, into: &buffer)
        }
        if pathEnd < target.count {
            PercentEncoding.writeEscaped(target.extracting(pathEnd..<target.count), into: &buffer)
        } else if pathEnd == 0, !hasAuthority, let query = request.queryRange {
            buffer.append(ASCII.questionMark)
            buffer.append(request.fields.bytes.extracting(query))
        }
    }

    /// RFC 3986 §5.2.3: what follows the base path's last slash is replaced.
    private static func writeMerged(
        _ path: borrowing Span<UInt8>, base: borrowing Span<UInt8>, into buffer: inout ByteBuffer
    ) {
        var directory = base.count
        while directory > 0, base[directory - 1] != ASCII.slash { directory -= 1 }
        var merged = ByteBuffer(capacity: directory + path.count + 1)
        if directory == 0 { merged.append(ASCII.slash) }
        merged.append(base.extracting(0..<directory))
        merged.append(path)
        NormalizedPath.write(merged.span, into: &buffer)
    }

    /// RFC 3986 §3.1; a colon after the first slash, question mark or hash ends no scheme.
    private static func schemeLength(_ reference: borrowing Span<UInt8>) -> Int? {
        guard !reference.isEmpty, ASCII.isLetter(reference[0]) else { return nil }
        for index in 1..<reference.count {
            let byte = reference[index]
            if byte == ASCII.colon { return index }
            let isSchemeByte =
                ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: ".")
            if !isSchemeByte { return nil }
        }
        return nil
    }

    private static func endOfAuthority(_ reference: borrowing Span<UInt8>, _ range: Range<Int>) -> Int {
        for index in range where reference[index] == ASCII.slash || reference[index] == ASCII.questionMark {
            return index
        }
        return range.upperBound
    }

    private static func isSameHost(_ one: borrowing Span<UInt8>, _ other: borrowing Span<UInt8>) -> Bool {
        let lengths = (lengthWithoutPort(one), lengthWithoutPort(other))
        guard lengths.0 == lengths.1 else { return false }
        for index in 0..<lengths.0 where ASCII.lowercased(one[index]) != ASCII.lowercased(other[index]) {
            return false
        }
        return lengths.0 > 0
    }

    private static func lengthWithoutPort(_ authority: borrowing Span<UInt8>) -> Int {
        min(
            Authority.lengthWithoutDefaultPort(authority, isSecure: false),
            Authority.lengthWithoutDefaultPort(authority, isSecure: true))
    }
}

/// Content-Location (RFC 9110 §8.7).
enum ContentLocation {
    /// Whether the response says that it is what a GET of the request's own target would bring.
    static func namesTarget(of request: borrowing RequestHead, _ response: borrowing ResponseHead) -> Bool {
        guard response.fields.count(of: .contentLocation) == 1,
            let index = response.fields.firstIndex(of: .contentLocation)
        else { return false }
        var named = ByteBuffer(capacity: 128)
        guard TargetReference.resolve(response.fields.value(at: index), against: request, into: &named) else {
            return false
        }
        var own = ByteBuffer(capacity: 128)
        NormalizedTarget.write(request, into: &own)
        return named.span.elementsEqual(own.span)
    }
}
