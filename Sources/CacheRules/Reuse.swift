// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// What may be done with a stored response for one request.
package enum ReuseDecision: Sendable, Equatable {
    case fresh
    /// Serve it now and refresh it behind the client's back (RFC 5861 §3).
    case staleWhileRevalidate
    /// Serve it: the client said how stale it may be (RFC 9111 §5.2.1.2).
    case staleAllowed
    /// Ask the origin first.
    case validate(ForwardReason)
    /// The client will not have what is stored, nor have the origin asked: 504 (RFC 9111 §5.2.1.7).
    case unusable
}

/// Whether a stored response may answer (RFC 9111 §4).
package enum Reuse {
    package static func decide(
        _ metadata: CachedMetadata, request: RequestDirectives, policy: CachePolicy, now: Moment
    ) -> ReuseDecision {
        let left = metadata.freshForMilliseconds(now)
        if request.isPresent, policy.requestDirectives == .honor {
            return decide(metadata, leftMilliseconds: left, request: request, now: now)
        }
        if left > 0, metadata.flags.isDisjoint(with: [.alwaysValidate, .softlyInvalidated]) { return .fresh }
        return decideStale(metadata, leftMilliseconds: left)
    }

    /// Whether a request may have the answer to another one's fetch that it waited for: what would answer it out of the
    /// store (RFC 9111 §4) when it came, and not what the origin must be asked about for each request. A body that takes
    /// longer than its lifetime is one for all who come meanwhile.
    package static func answersFollower(
        _ metadata: CachedMetadata, request: RequestDirectives, policy: CachePolicy, now: Moment
    ) -> Bool {
        var asItCame = metadata
        asItCame.storedAtMonotonicMilliseconds = now.monotonicMilliseconds
        return switch decide(asItCame, request: request, policy: policy, now: now) {
        case .fresh, .staleWhileRevalidate, .staleAllowed: true
        case .validate, .unusable: false
        }
    }

    private static func decideStale(_ metadata: CachedMetadata, leftMilliseconds left: Int64) -> ReuseDecision {
        if metadata.flags.contains(.alwaysValidate) { return .validate(.stale) }
        // A soft invalidation ends the lifetime; the window after it is still counted from the lifetime's own end.
        let window = metadata.staleWhileRevalidateMilliseconds
        return window > 0 && -left < window ? .staleWhileRevalidate : .validate(.stale)
    }

    @inline(never)
    private static func decide(
        _ metadata: CachedMetadata, leftMilliseconds left: Int64, request: RequestDirectives, now: Moment
    ) -> ReuseDecision {
        let decision = heed(request, metadata, leftMilliseconds: left, ageMilliseconds: metadata.ageMilliseconds(now))
        if case .validate = decision, request.onlyIfCached { return .unusable }
        return decision
    }

    private static func heed(
        _ request: RequestDirectives, _ metadata: CachedMetadata, leftMilliseconds left: Int64,
        ageMilliseconds age: Int64
    ) -> ReuseDecision {
        if metadata.flags.contains(.alwaysValidate) { return .validate(.stale) }
        let isFresh = left > 0 && !metadata.flags.contains(.softlyInvalidated)
        let refusal = ReuseDecision.validate(isFresh ? .request : .stale)
        if request.noCache { return refusal }  // RFC 9111 §5.2.1.4
        // §5.2.1.1: an age of exactly the limit is within it, but for zero, which asks for the origin's word.
        if let limit = request.maxAgeSeconds, limit == 0 || age > limit &* 1000 { return refusal }
        if let wanted = request.minFreshSeconds, left < wanted &* 1000 { return refusal }  // §5.2.1.3
        if isFresh { return .fresh }
        if toleratesStale(request, metadata, leftMilliseconds: left) { return .staleAllowed }
        // Who names a limit of age without tolerance for staleness wants a fresh response (§5.2.1.1).
        if request.maxAgeSeconds != nil { return refusal }
        return decideStale(metadata, leftMilliseconds: left)
    }

    private static func toleratesStale(
        _ request: RequestDirectives, _ metadata: CachedMetadata, leftMilliseconds left: Int64
    ) -> Bool {
        if !metadata.flags.isDisjoint(with: [.staleForbidden, .softlyInvalidated]) { return false }  // §4.2.4
        switch request.maxStale {
        case .none: return false
        case .any: return true
        case .seconds(let seconds): return -left <= seconds &* 1000
        }
    }
}
