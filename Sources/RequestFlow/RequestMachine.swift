// SPDX-License-Identifier: Apache-2.0
package import CacheRules
import HTTPMessages

/// The whole life of one request: what happened goes in, what to do comes out. No socket, clock, lock or
/// logger inside, and nothing about the version of HTTP.
package struct RequestMachine: Sendable {
    package enum State: Sendable, Equatable {
        /// Left by `begin`: to .collectingBody, .discardingBody, .searchingMemory or .fetchingAlone.
        case received
        /// Left by `bodyCollected` to .searchingMemory, by `bodyExceededLimit` to .fetchingAlone.
        case collectingBody
        /// Left by `bodyDiscarded` to .searchingMemory or .fetchingAlone.
        case discardingBody
        /// Left by `memorySearched`: to .joiningFlight, .fetchingAlone or .responding.
        case searchingMemory
        /// Left by `flightJoined`: to .leading, .following or .responding.
        case joiningFlight
        /// Waits for another request's fetch. Left by `flightEnded`: to .searchingMemory, .fetchingAlone,
        /// .responding.
        case following
        /// Asks the second tier before it fetches. Left by `secondTierSearched`: to .takingTurn, .leading,
        /// .fetchingAlone or .responding.
        case searchingSecondTier(leads: Bool)
        /// Leads for its node, and fetches in turn with other nodes. Left by `turnBrought` for .responding, by
        /// `turnEnded` for .leading.
        case takingTurn
        /// Fetches for all that wait for the key. Left by `upstreamAnswered`, `upstreamFailed`.
        case leading
        /// Fetches for its own client only. Left like .leading.
        case fetchingAlone
        /// The answer is chosen, and its bytes are under way. Left by `finished`.
        case responding
        /// As .responding, without a client: followers and the store are still fed.
        case detached
        case finished
    }

    package private(set) var state = State.received
    package let facts: RequestFacts
    /// Why the request went to the origin (RFC 9211 §2.2); nil while it did not.
    package private(set) var forwardReason: ForwardReason?
    /// The request is none of the cache's business.
    package var bypasses: Bool {
        switch forwardReason {
        case .bypass, .method: true
        default: false
        }
    }
    /// A stored response is at hand that may be used if the origin fails.
    package private(set) var mayServeStaleOnError = false
    /// Why what is served is stale; nil while nothing stale is.
    package private(set) var staleReason: StaleReason?
    /// Whether the fetch was made with Larder's own validators.
    package private(set) var isConditional = false
    /// Whether the fetch is for what is missing of a stored response.
    package private(set) var isCompleting = false
    /// The origin is asked about what is stored, so that its answer takes the place of that (RFC 9111 §4.3.3).
    package private(set) var asksAboutStored = false
    private var searches = 0
    private var failedLeaders = 0
    private var hasSecondTier = false
    /// What is asked for may lie there, and was not looked for yet.
    private var mayBeInSecondTier = true

    /// A request whose flights are invalidated again and again goes alone after this many searches.
    private static let maximumSearches = 4
    /// How many requests in turn may lead the fetch that a request waits for, each after the one before has failed.
    package static let maximumLeaders = 3

    package init(_ facts: RequestFacts) { self.facts = facts }

    /// Whether its answer may be stored, or change or end what is stored. Not that of a request which was kept from
    /// the store for a reason of its own: nobody else has asked what it asks.
    package var mayTouchStore: Bool {
        switch forwardReason {
        case .bypass: false
        // RFC 9110 §9.3.3: a plain POST may bring what GET would.
        case .method: !(facts.wantsUpgrade || facts.hasRange || facts.isForOrigin)
        default: !isOnItsOwn
        }
    }
    private var isOnItsOwn = false

    /// The content of GET and HEAD has no meaning (RFC 9110 §9.3.1), and is no part of the key: an origin that heeds
    /// it would answer all in the words of one.
    package var discardsBody: Bool {
        facts.hasBody && !facts.routePasses && !facts.isKeyedByBody && isLookedUp
    }

    private var isLookedUp: Bool { facts.method == .get || facts.method == .head }

    /// Only GET and HEAD are looked up, without an upgrade and without what only the origin can judge; and what the
    /// route keys by its body.
    package mutating func begin() -> FirstAction {
        precondition(state == .received)
        if facts.routePasses { return forward(.bypass) }
        if facts.isKeyedByBody {
            if facts.wantsUpgrade || facts.isForOrigin { return forwardOnItsOwn() }
            state = .collectingBody
            return .collectBody
        }
        guard isLookedUp else { return forward(.method) }
        if facts.hasBody {
            state = .discardingBody
            return .discardBody
        }
        return lookUp()
    }

    private mutating func lookUp() -> FirstAction {
        if facts.wantsUpgrade || facts.isForOrigin { return forwardOnItsOwn() }
        state = .searchingMemory
        searches = 1
        return .searchMemory
    }

    /// The body has come, and is gone: what is left is a request without one.
    package mutating func bodyDiscarded() -> FirstAction {
        precondition(state == .discardingBody)
        return lookUp()
    }

    /// There is a second tier. Said before the first fetch begins.
    package mutating func secondTierExists() { hasSecondTier = true }

    package mutating func bodyCollected() -> FirstAction {
        precondition(state == .collectingBody)
        state = .searchingMemory
        searches = 1
        return .searchMemory
    }

    /// The body is too long to be keyed.
    package mutating func bodyExceededLimit() -> FirstAction {
        precondition(state == .collectingBody)
        return forward(.bypass)
    }

    private mutating func forwardOnItsOwn() -> FirstAction {
        isOnItsOwn = true
        return forward(.request)
    }

    private mutating func forward(_ reason: ForwardReason) -> FirstAction {
        mayBeInSecondTier = false
        forwardReason = reason
        state = .fetchingAlone
        return .forward(reason)
    }

    package mutating func memorySearched(_ answer: MemoryAnswer) -> LookupAction {
        precondition(state == .searchingMemory)
        switch answer {
        case .fresh, .staleAccepted:
            state = .responding
            staleReason = answer.staleReason
            return .serveStored
        case .staleWhileRevalidate:
            state = .responding
            forwardReason = .stale
            staleReason = answer.staleReason
            return .serveStoredAndRefresh
        case .absent: return fetch(.uriMiss)
        case .variantMissing: return fetch(.varyMiss)
        case .uncacheable:
            mayBeInSecondTier = false
            return fetch(.uriMiss, coalescing: false)
        case .incomplete(let completes):
            isCompleting = completes
            asksAboutStored = completes
            return fetch(.partial)
        case .stale(let reason, let mayServeOnError):
            mayServeStaleOnError = mayServeOnError
            asksAboutStored = true
            // RFC 9110 §13.1.2: a condition that fails is no 304 for POST.
            isConditional = facts.method != .post
            return fetch(reason)
        }
    }

    private mutating func fetch(_ reason: ForwardReason, coalescing: Bool = true) -> LookupAction {
        forwardReason = reason
        if facts.onlyIfCached {
            state = .responding
            return .refuse
        }
        // A HEAD or a part of a body cannot answer the others that wait.
        let isShareable = facts.isKeyedByBody || (facts.method == .get && !facts.hasRange)
        if coalescing, facts.coalesces, isShareable, searches <= Self.maximumSearches {
            state = .joiningFlight
            return .joinFlight
        }
        state = .fetchingAlone
        return .fetchAlone(conditional: isConditional)
    }

    package mutating func flightJoined(_ role: FlightRole) -> JoinAction {
        precondition(state == .joiningFlight)
        switch role {
        case .leader:
            state = .leading
            return .fetch(conditional: isConditional)
        case .follower:
            state = .following
            return .follow
        case .overtaken:
            state = .responding
            forwardReason = nil
            return .serveStored
        case .full:
            state = .responding
            return servesStaleOnError() ? .serveStored : .refuse
        }
    }

    /// What is stored answers in the place of an error, if it may.
    private mutating func servesStaleOnError() -> Bool {
        if mayServeStaleOnError { staleReason = .ifError }
        return mayServeStaleOnError
    }

    package mutating func flightWentOn(_ news: FlightNews) -> FollowAction {
        precondition(state == .following)
        switch news {
        case .headArrived:
            state = .responding
            return .stream
        case .found(let answer, let isInMemory): return followedToFound(answer, isInMemory: isInMemory)
        case .invalidated, .otherVariant:
            searchAgain()
            return .searchMemoryAgain
        case .uncacheable, .waitedTooLong:
            if isCompleting { asksAboutStored = false }
            isCompleting = false
            mayBeInSecondTier = false
            state = .fetchingAlone
            return .fetchAlone
        case .leaderFailed:
            failedLeaders += 1
            guard failedLeaders < Self.maximumLeaders else { return followedInVain() }
            state = .searchingMemory
            isConditional = false
            isCompleting = false
            asksAboutStored = false
            return .searchMemoryAgain
        case .failed: return followedInVain()
        }
    }

    /// What one request may have, as by max-stale, another one need not take.
    private mutating func followedToFound(_ answer: MemoryAnswer, isInMemory: Bool) -> FollowAction {
        switch answer {
        case .fresh, .staleAccepted, .staleWhileRevalidate:
            state = .responding
            staleReason = answer.staleReason
            forwardReason = nil
            return .serveFound(isInMemory: isInMemory)
        case .absent, .variantMissing, .incomplete, .uncacheable, .stale:
            searchAgain()
            return .searchMemoryAgain
        }
    }

    private mutating func followedInVain() -> FollowAction {
        state = .responding
        return servesStaleOnError() ? .serveStored : .fail
    }

    private mutating func searchAgain() {
        state = .searchingMemory
        searches += 1
        mayBeInSecondTier = true
        isConditional = false
        isCompleting = false
        asksAboutStored = false
    }

    /// What is stored was invalidated while the origin was asked: it answers nobody any more, whatever fails
    /// (promise 3).
    package mutating func storedInvalidated() { mayServeStaleOnError = false }

    /// A fetch is about to begin. The second tier is asked once, and only for what may be stored there; a client that
    /// wants the origin's word (no-cache) gets it.
    package mutating func fetchBegins() -> FetchAction {
        guard hasSecondTier, mayBeInSecondTier, forwardReason != .request,
            state == .leading || state == .fetchingAlone
        else { return .fetch }
        mayBeInSecondTier = false
        state = .searchingSecondTier(leads: state == .leading)
        return .searchSecondTier
    }

    /// - Parameter isReachable: it has answered.
    package mutating func secondTierSearched(_ answer: MemoryAnswer, isReachable: Bool) -> SecondTierAction {
        guard case .searchingSecondTier(let leads) = state else { preconditionFailure("it was not asked") }
        state = leads ? .leading : .fetchingAlone
        if let action = use(answer) { return action }
        guard leads, isReachable, facts.coalescesNodes else { return .fetch }
        state = .takingTurn
        return .takeTurn
    }

    /// While other nodes are waited for, what answers may come into the second tier. nil when nothing has.
    package mutating func turnBrought(_ answer: MemoryAnswer) -> SecondTierAction? {
        precondition(state == .takingTurn)
        return use(answer)
    }

    /// It fetches now, whether for all nodes or for its own alone.
    package mutating func turnEnded() {
        precondition(state == .takingTurn)
        state = .leading
    }

    /// nil when it serves for a condition at most.
    private mutating func use(_ answer: MemoryAnswer) -> SecondTierAction? {
        switch answer {
        case .fresh, .staleAccepted:
            state = .responding
            staleReason = answer.staleReason
            return .serveStored
        case .staleWhileRevalidate:
            state = .responding
            staleReason = answer.staleReason
            return .serveStoredAndRefresh
        case .stale(let reason, let mayServeOnError):
            forwardReason = reason
            mayServeStaleOnError = mayServeOnError
            asksAboutStored = true
            isConditional = true
        case .absent, .variantMissing, .uncacheable, .incomplete: break
        }
        return nil
    }

    package mutating func upstreamAnswered(_ answer: UpstreamAnswer) -> UpstreamAction {
        precondition(state == .leading || state == .fetchingAlone)
        state = .responding
        switch answer {
        case .confirmed where isConditional: return .serveConfirmed
        case .overtaken:
            searchAgain()
            return .searchAgain
        case .rest where isCompleting: return .completeAndServe
        case .otherPart where isCompleting: return .fetchWhole
        case .serverError where servesStaleOnError(): return .serveStored
        case .storable: return .storeAndServe
        case .confirmed, .rest, .otherPart, .serverError, .unstorable: return .relay
        }
    }

    /// The 304, or the part, was about something else: the same request goes out once more, for the whole.
    package mutating func confirmationFailed() {
        precondition(state == .responding && (isConditional || isCompleting))
        isConditional = false
        isCompleting = false
        asksAboutStored = false
        mayServeStaleOnError = false
        state = .fetchingAlone
    }

    package mutating func upstreamFailed() -> FailureAction {
        switch state {
        case .leading, .fetchingAlone:
            state = .responding
            return servesStaleOnError() ? .serveStored : .fail
        default:
            state = .finished
            return .breakOff
        }
    }

    /// The client is gone. `feedsOthers`: its fetch has followers, or fills the store.
    package mutating func clientLeft(feedsOthers: Bool) -> LeaveAction {
        guard feedsOthers else {
            state = .finished
            return .cancel
        }
        if state == .responding { state = .detached }
        return .carryOn
    }

    package mutating func responded() { state = .finished }
}
