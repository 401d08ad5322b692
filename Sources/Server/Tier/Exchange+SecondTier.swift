// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import RequestFlow
import Settings
import Storage

/// What memory lacks is looked for in the second tier before the origin is asked.
extension Exchange {
    func searchSecondTier() {
        tierLookup = worker.tier?.lookUp(for: self)
        if tierLookup == nil { secondTierAnswered(nil, isReachable: false) }
    }

    /// - Parameter found: nil when there is nothing that may be used, for whatever reason.
    func secondTierAnswered(_ found: StoredResponse?, isReachable: Bool) {
        let lookup = tierLookup
        tierLookup = nil
        guard !isOver else { return }
        perform(machine.secondTierSearched(judge(found), isReachable: isReachable), after: lookup)
    }

    private func perform(_ action: SecondTierAction, after lookup: TierLookup? = nil) {
        switch action {
        case .serveStored: serveFromSecondTier()
        case .serveStoredAndRefresh:
            guard let stored else { preconditionFailure("what is served was found") }
            endFlight(.found(stored, isInMemory: false))
            worker.refresh(stored, stored.epoch, head: head, request: request, peer: peer)
            serveFromSecondTier()
        case .takeTurn:
            guard let tier = worker.tier, let lookup else { preconditionFailure("it was asked and has answered") }
            let turn = TierTurn(self, after: lookup, tier: tier)
            self.turn = turn
            turn.begin()
        case .fetch: fetchFromOrigin()
        }
    }

    // MARK: Fetching in turn with other nodes

    /// Whether what came meanwhile answers the request.
    func isUsable(_ found: StoredResponse?) -> Bool {
        turnAction = machine.turnBrought(judge(found))
        return turnAction != nil
    }

    func serveWhatTurnBrought() {
        guard let turnAction else { preconditionFailure("something usable came") }
        perform(turnAction)
    }

    func turnEnded() {
        machine.turnEnded()
        fetchFromOrigin()
    }

    /// Its own fetch is over, as far as other nodes are concerned.
    func endTurn(_ phase: FlightPhase) {
        switch phase {
        case .stored, .complete: endTurn(fetchEnd)
        case .failed(_, isOwn: true): endTurn(.failed)
        default: endTurn(unshareable?.fetchEnd ?? .nothingToShare)
        }
    }

    private func endTurn(_ end: FetchEnd) {
        guard let turn else { return }
        self.turn = nil
        clearDeadline()
        turn.ended(end)
    }

    /// What has no place in the second tier is not worth other nodes' waiting for its end, and a stream of events may
    /// have none.
    func releaseTurnEarly(_ response: borrowing ResponseHead, contentLength: Int?) {
        guard turn != nil, let tier = worker.tier else { return }
        if MediaTypes.isStreamOfEvents(response.fields) || contentLength ?? 0 > tier.settings.maxObjectBytes {
            endTurn(.unshareable)
        }
    }

    /// What is of use goes into memory with the age and the epoch it came with.
    private func judge(_ found: StoredResponse?) -> MemoryAnswer {
        guard let found else { return .absent }
        let answer = worker.judge(found, isSoftlyInvalidated: false, head, request)
        switch answer {
        case .fresh, .staleAccepted, .staleWhileRevalidate:
            // An invalidation came between the judgement and this.
            guard insert(found) != .invalidated else { return .absent }
            // Its fields came by a later word of the origin's, which may have named another Vary.
            if let stored, !found.isSameVariant(as: stored) { worker.store.remove(stored) }
            adopt(found)
            // Nobody is served: this is the refresh.
            return isBackground && answer == .staleWhileRevalidate
                ? .stale(reason: .stale, mayServeOnError: false) : answer
        case .stale:
            guard stored == nil else { return .absent }
            adopt(found)
            return answer
        case .absent, .variantMissing, .uncacheable, .incomplete: return .absent
        }
    }

    private func adopt(_ found: StoredResponse) {
        stored = found
        foundEpoch = found.epoch
    }

    /// What memory had no room for may still be of use to others; parts are memory's alone.
    /// - Returns: whether it is on its way there.
    @discardableResult
    func keepInSecondTier(_ response: StoredResponse, _ outcome: InsertOutcome) -> Bool {
        guard let tier = worker.tier, outcome == .stored || outcome == .notAdmitted,
            !response.metadata.flags.contains(.isPartial)
        else { return false }
        switch tier.keep(response, lifetimeMilliseconds: grantedLifetimeMilliseconds) {
        case .none: fetchEnd = .stored
        case .tooLarge, .shortLived: fetchEnd = .unshareable
        default: fetchEnd = .nothingToShare
        }
        return fetchEnd == .stored
    }

    private func serveFromSecondTier() {
        guard let stored else { preconditionFailure("what is served was found") }
        endFlight(.found(stored, isInMemory: false))
        serveSecondTier(stored)
    }

    /// What the second tier held answers, whoever asked it.
    func serveSecondTier(_ stored: StoredResponse) {
        let left = stored.metadata.freshForMilliseconds(worker.loop.now)
        guard let client = clientToWriteTo() else { return finish(status: Status(stored.metadata.status)) }
        answer.stale = machine.staleReason
        answer.outcome = answer.stale == nil ? .l2Hit : .stale
        answer.detail = "l2"
        answer.ttlSeconds = left / 1000
        respond(with: stored, to: client)
    }
}
