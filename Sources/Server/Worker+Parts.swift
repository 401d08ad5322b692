// SPDX-License-Identifier: Apache-2.0
import CacheRules
import EventIO
import HTTPMessages
import RequestFlow
import Settings
import Storage

/// What responses of which only parts are stored can do for a request (RFC 9111 §3.3).
extension Worker {
    /// `metadata` is that of `stored`, with what invalidations did to it.
    func judgePart(
        _ stored: StoredResponse, _ metadata: CachedMetadata, _ head: borrowing RequestHead,
        _ request: borrowing ClientRequest
    ) -> MemoryAnswer {
        guard mayAnswer(stored, head) else {
            return .incomplete(completes: mayBeCompleted(stored, metadata, head, request.route))
        }
        let policy = request.route.policy
        switch Reuse.decide(metadata, request: request.directives, policy: policy, now: loop.now) {
        case .fresh: return .fresh
        case .staleAllowed: return .staleAccepted
        case .unusable: return .absent
        // Nobody fetches a part behind a client's back: the range that it would be for is the client's own.
        case .staleWhileRevalidate:
            return .stale(reason: .stale, mayServeOnError: mayServeOnError(metadata, request))
        case .validate(let reason):
            return .stale(reason: reason, mayServeOnError: mayServeOnError(metadata, request))
        }
    }

    func mayServeOnError(_ metadata: CachedMetadata, _ request: borrowing ClientRequest) -> Bool {
        StalePolicy.mayServeStaleOnError(
            metadata, failure: .unreachable, request: request.directives, policy: request.route.policy,
            now: loop.now)
    }

    /// Whether the request asks for bytes all of which are here.
    func mayAnswer(_ stored: StoredResponse, _ head: borrowing RequestHead) -> Bool {
        guard stored.metadata.flags.contains(.isPartial), let body = stored.sharedBody else { return true }
        guard head.fields.contains(.range) else { return false }
        switch ResponsePlan.choose(
            request: head, eTag: stored.eTag, metadata: stored.metadata, bodyByteCount: body.count)
        {
        case .part(let range): return body.holds(range)
        case .parts(let ranges): return ranges.allSatisfy { body.holds($0) }
        case .whole, .notModified, .unsatisfiable: return false
        }
    }

    /// Whether the whole is asked for, and the rest can be asked for in a way that tells whether it fits
    /// (RFC 9111 §3.4).
    private func mayBeCompleted(
        _ stored: StoredResponse, _ metadata: CachedMetadata, _ head: borrowing RequestHead, _ route: CompiledRoute
    ) -> Bool {
        head.method == .get && !head.fields.contains(.range) && route.policy.storesPartial
            && stored.bodyCount <= min(snapshot.settings.memory.maxObjectBytes, store.largestEntryBytes)
            && StrongValidator.ofIfRange(metadata, eTag: stored.eTag) != nil
    }
}
