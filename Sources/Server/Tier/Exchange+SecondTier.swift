// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import RequestFlow
import Storage

/// What memory lacks is looked for in the second tier before the origin is asked.
extension Exchange {
    func searchSecondTier() {
        tierLookup = worker.tier?.lookUp(for: self)
        if tierLookup == nil { secondTierAnswered(nil) }
    }

    /// - Parameter found: nil when there is nothing that may be used, for whatever reason.
    func secondTierAnswered(_ found: StoredResponse?) {
        tierLookup = nil
        guard !isOver else { return }
        switch machine.secondTierSearched(judge(found)) {
        case .serveStored: serveFromSecondTier()
        case .serveStoredAndRefresh:
            guard let stored else { preconditionFailure("what is served was found") }
            endFlight(.stored(stored))
            worker.refresh(stored, keyHash: keyHash, head: head, request: request)
            serveFromSecondTier()
        case .fetch: fetchFromOrigin()
        }
    }

    /// What is of use goes into memory with the age and the epoch it came with.
    private func judge(_ found: StoredResponse?) -> MemoryAnswer {
        guard let found else { return .absent }
        let answer = worker.judge(found, isSoftlyInvalidated: false, head, request)
        switch answer {
        case .fresh, .staleAccepted, .staleWhileRevalidate:
            // An invalidation came between the judgement and this.
            guard worker.shared.store.insert(found) != .invalidated else { return .absent }
            stored = found
            // Nobody is served: this is the refresh.
            return isBackground && answer == .staleWhileRevalidate
                ? .stale(reason: .stale, mayServeOnError: false) : answer
        case .stale:
            guard stored == nil else { return .absent }
            stored = found
            return answer
        case .absent, .variantMissing, .uncacheable, .incomplete: return .absent
        }
    }

    /// What memory had no room for may still be of use to others; parts are memory's alone.
    func keepInSecondTier(_ response: StoredResponse, _ outcome: InsertOutcome) {
        guard let tier = worker.tier, outcome == .stored || outcome == .notAdmitted,
            !response.metadata.flags.contains(.isPartial)
        else { return }
        tier.keep(response, lifetimeMilliseconds: grantedLifetimeMilliseconds)
    }

    private func serveFromSecondTier() {
        guard let stored else { preconditionFailure("what is served was found") }
        let left = stored.metadata.freshForMilliseconds(worker.loop.now)
        endFlight(.stored(stored))
        guard let client = clientToWriteTo() else { return finish(status: Status(stored.metadata.status)) }
        answer.outcome = left > 0 ? .hit : .stale
        answer.detail = "l2"
        answer.ttlSeconds = left / 1000
        let status = worker.respond(with: stored, to: head, on: client, request: request, answer: answer)
        finish(status: Status(status))
    }
}
