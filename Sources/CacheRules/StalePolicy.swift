// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// How an attempt to reach the origin failed.
package enum OriginFailure: Sendable, Equatable {
    /// No connection, or none that lasted until the head had come.
    case unreachable
    case timedOut
    /// What came was no HTTP.
    case malformed
    case status(Status)

    /// Whether stale-if-error speaks of it (RFC 5861 §4).
    var isError: Bool {
        switch self {
        case .unreachable, .timedOut, .malformed: true
        case .status(let status): status.code == 500 || (status.code >= 502 && status.code <= 504)
        }
    }
}

/// Serving what is stored when the origin fails (RFC 5861 §4).
package enum StalePolicy {
    package static func mayServeStaleOnError(
        _ metadata: CachedMetadata, failure: OriginFailure, request: RequestDirectives, policy: CachePolicy,
        now: Moment
    ) -> Bool {
        guard failure.isError, !metadata.flags.contains(.alwaysValidate) else { return false }
        let left = metadata.freshForMilliseconds(now)
        // Still fresh, and the origin was asked only because the client wished it.
        if left > 0, !metadata.flags.contains(.softlyInvalidated) { return true }
        var window = metadata.staleIfErrorMilliseconds
        if let seconds = request.staleIfErrorSeconds, policy.requestDirectives == .honor,
            !metadata.flags.contains(.staleForbidden)
        {
            window = max(window, seconds &* 1000)
        }
        return window > 0 && -left <= window
    }

    /// Whether the answer to a request that asked about a stored response is the last of that one, so that it is not
    /// served stale any more (RFC 9111 §4.3.3). A failure of the origin is not, nor what it says of the request alone;
    /// of a success of HEAD `HeadUpdate` tells.
    package static func isEnded(
        by response: borrowing ResponseHead, to request: borrowing RequestHead, policy: CachePolicy
    ) -> Bool {
        let status = response.status
        if status.isServerError || status.judgesRequest || status.code == 304 { return false }
        if request.method == .head, status.isSuccess || status.code == 405 { return false }
        if request.fields.contains(.authorization), !policy.storesAuthorized { return false }
        return !(policy.requestDirectives == .honor && RequestDirectives.parse(request.fields).noStore)
    }
}
