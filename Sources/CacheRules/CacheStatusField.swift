// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// The value of Cache-Status (RFC 9211), as one member to be appended after those of caches nearer the origin.
package enum CacheStatusField {
    /// `cacheName` is a token or a quoted string, as the configuration has checked.
    package static func write(
        _ outcome: RequestOutcome, cacheName: borrowing Span<UInt8>, into buffer: inout ByteBuffer
    ) {
        buffer.append(cacheName)
        if let forward = forward(of: outcome) {
            writeForward(outcome, forward, into: &buffer)
        } else if outcome.outcome != .local {
            buffer.append("; hit")
        }
        if let ttl = outcome.ttlSeconds {
            buffer.append("; ttl=")
            buffer.append(decimal: ttl)
        }
        if outcome.notStored != nil || outcome.localDetail != nil { writeDetail(outcome, into: &buffer) }
    }

    /// Nil when the request was not forwarded: hit and fwd exclude each other (RFC 9211 §2.2). A stale answer was
    /// forwarded when it is the origin's failure that made it serve.
    private static func forward(of outcome: RequestOutcome) -> ForwardReason? {
        switch outcome.outcome {
        case .hit, .l2Hit: nil
        case .stale, .local: outcome.forward
        case .revalidated: outcome.forward ?? .stale
        case .collapsed, .miss: outcome.forward ?? .uriMiss
        case .pass: outcome.forward ?? .bypass
        }
    }

    /// RFC 9211 §2.2, §2.3, §2.5 and §2.6.
    private static func writeForward(
        _ outcome: RequestOutcome, _ forward: ForwardReason, into buffer: inout ByteBuffer
    ) {
        buffer.append("; fwd=")
        buffer.append(forward.label)
        if outcome.forwardStatus != 0 {
            buffer.append("; fwd-status=")
            buffer.append(decimal: Int(outcome.forwardStatus))
        }
        if outcome.stored { buffer.append("; stored") }
        if outcome.collapsed || outcome.outcome == .collapsed { buffer.append("; collapsed") }
    }

    private static func writeDetail(_ outcome: RequestOutcome, into buffer: inout ByteBuffer) {
        buffer.append("; detail=")
        // Reasons are tokens, of which the tests see to it.
        guard let detail = outcome.localDetail else { return buffer.append(outcome.notStored?.label ?? "") }
        // A token has no blank; what has one is a string (RFC 9211 §2.8).
        let isToken = detail.withUTF8Buffer { text in
            let text = unsafe Span(_unsafeElements: text)
            return text.firstIndex(of: ASCII.space, in: 0..<text.count) == nil
        }
        if !isToken { buffer.append(ASCII.doubleQuote) }
        buffer.append(detail)
        if !isToken { buffer.append(ASCII.doubleQuote) }
    }
}
