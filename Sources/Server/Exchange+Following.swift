// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings
import Storage
import Upstreams

/// Waiting for another request's fetch, and what comes of it.
extension Exchange {
    func startFollowing() {
        worker.follow(flight, by: self)
        if followsUntilNanoseconds == 0 {
            let wait = request.route.settings.coalesce.waitMilliseconds
            followsUntilNanoseconds = worker.loop.now.monotonicNanoseconds + Int64(wait) * 1_000_000
        }
        setDeadline(nanoseconds: followsUntilNanoseconds)
        if let flight { flightWentOn(flight.look(from: worker.index)) }
    }

    func flightWentOn(_ phase: FlightPhase) {
        if machine.state == .following {
            hear(phase)
        } else if case .store = intake {
            switch phase {
            case .broken: breakOff(detail: "origin-broke-off")
            case .uncacheable: breakOff(detail: wasDropped ? "too-slow-to-share" : "origin-broke-off")
            default:
                tellTaken()
                pump()
            }
        }
    }

    private func hear(_ phase: FlightPhase) {
        switch phase {
        case .awaitingHead: return
        case .awaitingVariant(let coming):
            let own = worker.variant(of: head.fields, rule: coming.rule.span)
            guard own != coming else { return }
            variant = own
            heard(.otherVariant)
        case .streaming(let response), .complete(let response):
            let (rule, secondary, tags) = (response.draft.varyRule, response.draft.secondaryKey, response.draft.tags)
            let fits = worker.matches(head.fields, rule: rule.span, secondary: secondary.span)
            if !fits { variant = worker.variant(of: head.fields, rule: rule.span) }
            let news = news(tags: tags.span, fits: fits)
            guard news != .headArrived || (mayHave(response.draft.metadata) && begins(response)) else {
                leaveFlight()
                return heard(.uncacheable)
            }
            heard(news, response: response)
        case .stored(let response):
            let fits = worker.matches(head.fields, rule: response.varyRule, secondary: response.secondaryKey)
            if !fits { variant = worker.variant(of: head.fields, rule: response.varyRule) }
            let news = news(tags: response.tags, fits: fits)
            guard news != .headArrived || mayHave(response.metadata) else {
                leaveFlight()
                return heard(.uncacheable)
            }
            stored = response
            heard(news)
        case .found(let response, let isInMemory): hearOfFound(response, isInMemory: isInMemory)
        case .uncacheable:
            leaveFlight()
            heard(.uncacheable)
        case .overtaken: heard(.invalidated)
        case .failed(let status, let isOwn):
            failure = status
            if isStoredInvalidated { machine.storedInvalidated() }
            leaveFlight()
            heard(isOwn ? .leaderFailed : .failed)
        case .broken:
            failure = Status(502)
            if isStoredInvalidated { machine.storedInvalidated() }
            leaveFlight()
            heard(.failed)
        }
    }

    private func mayHave(_ metadata: CachedMetadata) -> Bool {
        Reuse.answersFollower(
            metadata, request: request.directives, policy: request.route.policy, now: worker.loop.now)
    }

    private func hearOfFound(_ response: StoredResponse, isInMemory: Bool) {
        let fits = worker.matches(head.fields, rule: response.varyRule, secondary: response.secondaryKey)
        if !fits { variant = worker.variant(of: head.fields, rule: response.varyRule) }
        let news = news(tags: response.tags, fits: fits)
        guard news == .headArrived else { return heard(news) }
        stored = response
        foundEpoch = response.epoch
        let judged = worker.judge(response, isSoftlyInvalidated: false, head, request)
        heard(.found(judged, isInMemory: isInMemory))
    }

    /// The leader's error, should this request have to share it.
    private var failure: Status {
        get { Status(failureCode) }
        set { failureCode = newValue.code }
    }

    private func news(tags: Span<UInt64>, fits: Bool) -> FlightNews {
        // What another's fetch brings began before this request came.
        guard let flight, !worker.isOutOfTouch else { return .invalidated }
        let key = flight.key
        let verdict = worker.store.verdict(
            key: key.span, hash: flight.keyHash, tags: tags, since: flight.epoch)
        return verdict != .no ? .invalidated : fits ? .headArrived : .otherVariant
    }

    func heard(_ news: FlightNews, response: StreamedResponse? = nil) {
        clearDeadline()
        answer.isCollapsed = true
        switch machine.flightWentOn(news) {
        case .stream:
            answer.outcome = .collapsed
            answer.forward = machine.forwardReason
            if let response { deliver(response) } else { serveCollapsed() }
        case .searchMemoryAgain:
            leaveFlight()
            searchAgain()
        case .fetchAlone:
            leaveFlight()
            fetch(conditional: machine.isConditional)
        case .serveStored: serveStored()
        case .serveFound(let isInMemory): serveFound(isInMemory: isInMemory)
        case .fail: fail(failure, detail: "coalesced-failure")
        }
    }

    private func serveCollapsed() {
        leaveFlight()
        guard let stored, let client = clientToWriteTo() else { return finish(status: Status(499)) }
        respond(with: stored, to: client)
    }

    /// The flight that it followed was none: nothing went to the origin.
    private func serveFound(isInMemory: Bool) {
        leaveFlight()
        answer.isCollapsed = false
        guard !isInMemory, let stored else { return serveStored() }
        serveSecondTier(stored)
    }

    func leaveFlight() {
        guard let flight, !leads else { return }
        self.flight = nil
        worker.unfollow(flight, by: self)
    }
}
