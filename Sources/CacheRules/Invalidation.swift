// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// What an unsafe request makes worthless (RFC 9111 §4.4).
package enum Invalidation {
    /// A method that is not known to be safe, answered without error.
    package static func isCaused(by method: Method, status: Status) -> Bool {
        !method.isSafe && status.code >= 200 && status.code < 400
    }

    /// Calls `body` with the key of each URL: the request's own, and those in Location and Content-Location that
    /// have its origin; others could be named to harm a stranger's cache.
    package static func forEachKey(
        request: borrowing RequestHead, response: borrowing ResponseHead, isSecure: Bool = false,
        options: borrowing KeyOptions, _ body: (borrowing Span<UInt8>) -> Void
    ) {
        var target = ByteBuffer(capacity: 128)
        var key = ByteBuffer(capacity: 128)
        NormalizedTarget.write(request, options: options, into: &target)
        writeKey(target.span, request, isSecure: isSecure, options: options, into: &key)
        body(key.span)
        for index in response.fields.slots.indices {
            let name = response.fields.slots[index].name
            guard name == .location || name == .contentLocation else { continue }
            target.clear()
            guard TargetReference.resolve(response.fields.value(at: index), against: request, into: &target) else {
                continue
            }
            key.clear()
            writeKey(target.span, request, isSecure: isSecure, options: options, into: &key)
            body(key.span)
        }
    }

    private static func writeKey(
        _ target: borrowing Span<UInt8>, _ request: borrowing RequestHead, isSecure: Bool,
        options: borrowing KeyOptions, into key: inout ByteBuffer
    ) {
        var pathEnd = 0
        while pathEnd < target.count, target[pathEnd] != ASCII.questionMark { pathEnd += 1 }
        let query = pathEnd < target.count ? target.extracting(pathEnd + 1..<target.count) : nil
        CacheKey.write(
            host: request.authority, path: target.extracting(0..<pathEnd), query: query, isSecure: isSecure,
            options: options, into: &key)
    }
}
