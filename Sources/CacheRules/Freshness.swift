// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// How long a response stays fresh, and who said so.
struct FreshnessLifetime: Equatable {
    enum Source { case route, targeted, sharedMaxAge, maxAge, expires, heuristic, none }

    var source: Source
    var milliseconds: Int64
    /// The route's stands in for one that the origin named.
    var overrulesOrigin = false

    var isNamedByOrigin: Bool { isExplicit || overrulesOrigin }

    /// Whether the origin named it.
    var isExplicit: Bool {
        switch source {
        case .targeted, .sharedMaxAge, .maxAge, .expires: true
        case .route, .heuristic, .none: false
        }
    }
}

/// RFC 9111 §4.2.1 and §4.2.2, with the route's word where the origin is silent or is overruled.
enum Freshness {
    static func lifetime(
        _ response: borrowing ResponseHead, _ directives: ResponseDirectives, _ policy: CachePolicy,
        dateSeconds: Int64, lastModifiedSeconds: Int64?
    ) -> FreshnessLifetime {
        let rule = policy.lifetime(for: response.status)
        var route = rule.map { FreshnessLifetime(source: .route, milliseconds: $0.milliseconds) }
        let named = namedLifetime(response.fields, directives, dateSeconds: dateSeconds)
        if rule?.isForced == true {
            route?.overrulesOrigin = named != nil
            if let route { return route }
        }
        if let named { return named }
        if let route { return route }
        let isCacheable = response.status.isHeuristicallyCacheable || directives.flags.contains(.public)
        if policy.usesHeuristics, isCacheable, let lastModifiedSeconds, lastModifiedSeconds < dateSeconds {
            // RFC 9111 §4.2.2: a tenth of the time since it last changed.
            let tenth = (dateSeconds - lastModifiedSeconds) * 100
            return FreshnessLifetime(
                source: .heuristic, milliseconds: min(tenth, policy.heuristicMaximumMilliseconds))
        }
        return FreshnessLifetime(source: .none, milliseconds: 0)
    }

    /// The origin's own, in the order of RFC 9111 §4.2.1 for a shared cache.
    static func namedLifetime(
        _ fields: borrowing Fields, _ directives: ResponseDirectives, dateSeconds: Int64
    ) -> FreshnessLifetime? {
        let isTargeted = directives.source != .cacheControl
        if let seconds = directives.sharedMaxAgeSeconds {
            return FreshnessLifetime(source: isTargeted ? .targeted : .sharedMaxAge, milliseconds: seconds * 1000)
        }
        if let seconds = directives.maxAgeSeconds {
            return FreshnessLifetime(source: isTargeted ? .targeted : .maxAge, milliseconds: seconds * 1000)
        }
        // RFC 9213 §2.1: a targeted field silences Expires.
        guard !isTargeted, let index = fields.firstIndex(of: .expires) else { return nil }
        // RFC 9111 §5.3: what is no date is in the past.
        let expires = HTTPDate.parse(fields.value(at: index), nowSeconds: dateSeconds) ?? dateSeconds
        let seconds = min(max(expires - dateSeconds, 0), DeltaSeconds.maximum)
        return FreshnessLifetime(source: .expires, milliseconds: seconds * 1000)
    }

    /// The lifetime shortened by up to `percent`, by a share that `seed` decides.
    static func shortened(_ milliseconds: Int64, byUpTo percent: Int, seed: UInt64) -> Int64 {
        guard percent > 0, milliseconds > 0 else { return milliseconds }
        // A multiplicative hash spreads seeds that lie close together.
        let share = Int64((seed &* 0x9E37_79B9_7F4A_7C15) >> 48)
        return milliseconds - milliseconds * Int64(percent) / 100 * share / 65_536
    }
}

extension Status {
    /// RFC 9110 §15.1, without 206, which is not stored.
    package var isHeuristicallyCacheable: Bool {
        switch code {
        case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501: true
        default: false
        }
    }

    /// RFC 9110 §13 and §14: it answers a condition or a range, not the request for the whole.
    var answersConditionAlone: Bool { code == 304 || code == 412 || code == 416 }

    /// Whether it is the form of the request, its length or its sender that the status judges, which others do not
    /// share: some must not be stored at all (RFC 6585), and the others say nothing of the resource.
    package var judgesRequest: Bool {
        switch code {
        case 400, 407, 408, 411...417, 421, 425, 426, 428, 429, 431, 501, 505, 511: true
        default: false
        }
    }

    /// Whether Larder knows what caching the status asks for (RFC 9111 §5.2.2.3).
    var isUnderstood: Bool { code != 206 && code != 304 && code >= 200 && !reason.isEmpty }
}

extension StaticString {
    fileprivate var isEmpty: Bool { utf8CodeUnitCount == 0 }
}
