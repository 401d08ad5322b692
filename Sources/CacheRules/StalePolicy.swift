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
}
