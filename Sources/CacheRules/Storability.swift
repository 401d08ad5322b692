// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

package enum StoreDecision: Sendable, Equatable {
    case store(CachedMetadata)
    case refuse(NotStoredReason)
}

/// Whether a response may be stored, and with which lifetime (RFC 9111 §3).
package enum Storability {
    /// `response` has all its fields as the origin sent them; the moments are those of the exchange with it.
    /// The answer to a POST that is stored is stored for GET. A 206 is judged as the 200 of which it is a part.
    /// `anyMethod`: the request is keyed by its body, or its answer brings up to date what is stored already.
    package static func assess(
        request: borrowing RequestHead, anyMethod: Bool = false, response: borrowing ResponseHead,
        policy: CachePolicy, requestSentAt: Moment, responseReceivedAt: Moment
    ) -> StoreDecision {
        guard response.status.code == 206 else {
            return assessWhole(request, anyMethod, response, policy, requestSentAt, responseReceivedAt)
        }
        // RFC 9111 §3.3.
        guard policy.storesPartial, request.method == .get, RepresentationPart(response) != nil else {
            return .refuse(.partial)
        }
        var whole = copy response
        whole.status = Status(200)
        let decision = assessWhole(request, anyMethod, whole, policy, requestSentAt, responseReceivedAt)
        guard case .store(var metadata) = decision else { return decision }
        metadata.flags.insert(.isPartial)
        return .store(metadata)
    }

    private static func assessWhole(
        _ request: borrowing RequestHead, _ anyMethod: Bool, _ response: borrowing ResponseHead,
        _ policy: CachePolicy, _ requestSentAt: Moment, _ responseReceivedAt: Moment
    ) -> StoreDecision {
        let directives = ResponseDirectives.parse(response.fields, targetedFields: policy.targetedFields)
        // First what needs no lifetime: most answers that are not stored are known by it.
        let isOfMethod = anyMethod || request.method == .get
        if isOfMethod, let reason = refusalByDirectives(request, response, directives, policy) {
            return .refuse(reason)
        }
        let nowSeconds = responseReceivedAt.wallSeconds
        // RFC 9110 §6.6.1: without a Date, or with one that is none, the time of receipt counts.
        let date = dateField(.date, response.fields, nowSeconds: nowSeconds) ?? nowSeconds
        let lastModified = dateField(.lastModified, response.fields, nowSeconds: nowSeconds)
        var lifetime = Freshness.lifetime(
            response, directives, policy, dateSeconds: date, lastModifiedSeconds: lastModified)
        if !isOfMethod {
            if let reason = refusalByMethod(request, response, lifetime) { return .refuse(reason) }
            if let reason = refusalByDirectives(request, response, directives, policy) { return .refuse(reason) }
        }
        if let reason = refusal(request, response, directives, lifetime, policy) { return .refuse(reason) }

        if policy.jitterPercent > 0 {
            // What comes at the same moment is not to expire at the same moment.
            let seed = ByteHasher.process.hash64(request.target)
            lifetime.milliseconds = Freshness.shortened(
                lifetime.milliseconds, byUpTo: policy.jitterPercent,
                seed: seed ^ UInt64(bitPattern: responseReceivedAt.monotonicNanoseconds))
        }
        let age = Age.correctedInitialMilliseconds(
            response.fields, dateSeconds: date, requestSentAt: requestSentAt, responseReceivedAt: responseReceivedAt)
        var metadata = CachedMetadata(
            status: response.status.code,
            flags: flags(response.fields, directives, lifetime, policy, hasLastModified: lastModified != nil),
            storedAtMonotonicMilliseconds: responseReceivedAt.monotonicMilliseconds,
            initialAgeMilliseconds: age, freshnessLifetimeMilliseconds: lifetime.milliseconds,
            dateSeconds: date, lastModifiedSeconds: lastModified ?? -1)
        setStaleWindows(&metadata, directives, lifetime, policy)
        if lifetime.source == .route { metadata.countFromReceipt(lifetimeMilliseconds: lifetime.milliseconds) }
        if let reason = uselessness(metadata, lifetime) { return .refuse(reason) }
        return .store(metadata)
    }

    // MARK: What forbids storing

    private static func refusalByDirectives(
        _ request: borrowing RequestHead, _ response: borrowing ResponseHead, _ directives: ResponseDirectives,
        _ policy: CachePolicy
    ) -> NotStoredReason? {
        if let reason = refusalByStatus(response.status, directives, policy) { return reason }
        if policy.requestDirectives == .honor, RequestDirectives.parse(request.fields).noStore {
            return .requestNoStore  // RFC 9111 §5.2.1.5
        }
        // RFC 9111 §5.2.2.5; must-understand lifts it for a status that is understood (§5.2.2.3).
        let isNoStore = directives.flags.contains(.noStore) && !directives.flags.contains(.mustUnderstand)
        if isNoStore, !policy.storesNoStore { return .noStore }
        if directives.flags.contains(.private), !policy.storesPrivate { return .private }  // RFC 9111 §5.2.2.7
        return nil
    }

    private static func refusal(
        _ request: borrowing RequestHead, _ response: borrowing ResponseHead, _ directives: ResponseDirectives,
        _ lifetime: FreshnessLifetime, _ policy: CachePolicy
    ) -> NotStoredReason? {
        if request.fields.contains(.authorization), !policy.storesAuthorized, !allowsAuthorized(directives) {
            return .authorization
        }
        // RFC 9111 §3: something must say that it may be stored at all.
        let isCacheable = response.status.isHeuristicallyCacheable || directives.flags.contains(.public)
        if lifetime.source == .none, !isCacheable { return .noLifetime }
        if !lifetime.isNamedByOrigin, MediaTypes.isStreamOfEvents(response.fields) { return .eventStream }
        if VaryRule.parse(response.fields) == .star { return .varyStar }  // RFC 9111 §4.1
        if response.fields.contains(.setCookie), !storesCookies(policy, lifetime) { return .setCookie }
        return nil
    }

    private static func refusalByStatus(
        _ status: Status, _ directives: ResponseDirectives, _ policy: CachePolicy
    ) -> NotStoredReason? {
        // A 426 without its Upgrade field, which belongs to the connection, would be none (RFC 9110 §15.5.22).
        if status.isInformational || status.answersConditionAlone || status.code == 426 { return .status }
        if status.judgesRequest, !policy.names(status) { return .requestForm }
        if directives.flags.contains(.mustUnderstand), !status.isUnderstood { return .status }
        return nil
    }

    /// For other methods than GET: only POST as RFC 9110 §9.3.3 has it: a success that names its own lifetime, and its target as
    /// the place where the same content can be had.
    private static func refusalByMethod(
        _ request: borrowing RequestHead, _ response: borrowing ResponseHead, _ lifetime: FreshnessLifetime
    ) -> NotStoredReason? {
        switch request.method {
        case .post:
            response.status.isSuccess && lifetime.isExplicit && ContentLocation.namesTarget(of: request, response)
                ? nil : .method
        default: .method
        }
    }

    /// RFC 9111 §3.5.
    private static func allowsAuthorized(_ directives: ResponseDirectives) -> Bool {
        (directives.sharedMaxAgeSeconds != nil && !directives.flags.contains(.sharedMaxAgeIsMalformed))
            || !directives.flags.isDisjoint(with: [.public, .mustRevalidate])
    }

    private static func storesCookies(_ policy: CachePolicy, _ lifetime: FreshnessLifetime) -> Bool {
        switch policy.setCookie {
        case .never: false
        case .withExplicitLifetime: lifetime.isExplicit
        case .stripped, .always: true
        }
    }

    /// What may be stored but could never be used.
    private static func uselessness(
        _ metadata: CachedMetadata, _ lifetime: FreshnessLifetime
    ) -> NotStoredReason? {
        if metadata.hasValidator { return nil }
        if metadata.flags.contains(.alwaysValidate) { return .noCache }
        if lifetime.milliseconds > 0 || metadata.staleWhileRevalidateMilliseconds > 0 { return nil }
        return lifetime.source == .none ? .noLifetime : .expired
    }

    // MARK: What is remembered

    private static func flags(
        _ fields: borrowing Fields, _ directives: ResponseDirectives, _ lifetime: FreshnessLifetime,
        _ policy: CachePolicy, hasLastModified: Bool
    ) -> CachedMetadata.Flags {
        var flags: CachedMetadata.Flags = []
        if directives.flags.contains(.noCache) { flags.insert(.alwaysValidate) }
        if directives.flags.contains(.noTransform) { flags.insert(.noTransform) }
        if forbidsStale(directives, policy) { flags.insert(.staleForbidden) }
        if lifetime.isExplicit { flags.insert(.hasExplicitLifetime) }
        if lifetime.source == .heuristic { flags.insert(.isHeuristic) }
        if hasLastModified { flags.insert(.hasLastModified) }
        if fields.contains(.setCookie) { flags.insert(.hasSetCookie) }
        if fields.contains(.vary) { flags.insert(.variesByRequest) }
        if let index = fields.firstIndex(of: .eTag) {
            let tag = fields.value(at: index)
            if EntityTag.isStrong(tag) {
                flags.insert(.hasStrongETag)
            } else if EntityTag.isWeak(tag) {
                flags.insert(.hasWeakETag)
            }
        }
        return flags
    }

    /// RFC 9111 §5.2.2.2, §5.2.2.8 and §5.2.2.10.
    private static func forbidsStale(_ directives: ResponseDirectives, _ policy: CachePolicy) -> Bool {
        !directives.flags.isDisjoint(with: [.mustRevalidate, .proxyRevalidate])
            || (directives.sharedMaxAgeSeconds != nil && !policy.allowsStaleDespiteSharedMaxAge)
    }

    private static func setStaleWindows(
        _ metadata: inout CachedMetadata, _ directives: ResponseDirectives, _ lifetime: FreshnessLifetime,
        _ policy: CachePolicy
    ) {
        // RFC 9111 §4.2.4: not against an explicit directive.
        if directives.flags.contains(.noCache) || forbidsStale(directives, policy) { return }
        // The route prolongs a lifetime, it does not give one.
        let routeWindow = lifetime.milliseconds > 0 ? policy.staleWhileRevalidateMilliseconds ?? 0 : 0
        metadata.staleWhileRevalidateMilliseconds =
            directives.staleWhileRevalidateSeconds.map { $0 * 1000 } ?? routeWindow
        metadata.staleIfErrorMilliseconds =
            directives.staleIfErrorSeconds.map { $0 * 1000 } ?? policy.staleIfErrorMilliseconds ?? 0
    }

    /// The date in the first line of that name, if it is one.
    private static func dateField(_ name: FieldName, _ fields: borrowing Fields, nowSeconds: Int64) -> Int64? {
        guard let index = fields.firstIndex(of: name) else { return nil }
        return HTTPDate.parse(fields.value(at: index), nowSeconds: nowSeconds)
    }
}
