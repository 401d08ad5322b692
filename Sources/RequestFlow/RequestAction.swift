// SPDX-License-Identifier: Apache-2.0
package import CacheRules
package import HTTPMessages

/// What of a request decides its course, besides what the cache holds.
package struct RequestFacts: Sendable {
    package var method: Method
    /// The route makes the body part of the key (RFC 10008 for QUERY, the operator's word for POST).
    package var isKeyedByBody: Bool
    package var hasBody: Bool
    package var wantsUpgrade: Bool
    package var hasRange: Bool
    /// It says what only the origin may judge: a precondition (RFC 9111 §4.3.2), or another method than its own.
    package var isForOrigin: Bool
    /// The route says `pass`.
    package var routePasses: Bool
    /// The route says `coalesce on`, or more.
    package var coalesces: Bool
    /// The route says `coalesce nodes`.
    package var coalescesNodes: Bool
    /// RFC 9111 §5.2.1.7.
    package var onlyIfCached: Bool

    package init(
        method: Method, isKeyedByBody: Bool = false, hasBody: Bool = false, wantsUpgrade: Bool = false,
        hasRange: Bool = false,
        isForOrigin: Bool = false, routePasses: Bool = false, coalesces: Bool = true,
        coalescesNodes: Bool = false, onlyIfCached: Bool = false
    ) {
        self.method = method
        self.isKeyedByBody = isKeyedByBody
        self.hasBody = hasBody
        self.wantsUpgrade = wantsUpgrade
        self.hasRange = hasRange
        self.isForOrigin = isForOrigin
        self.routePasses = routePasses
        self.coalesces = coalesces
        self.coalescesNodes = coalescesNodes
        self.onlyIfCached = onlyIfCached
    }
}

/// What memory holds for a request, as the cache rules judge it.
package enum MemoryAnswer: Sendable, Equatable {
    case absent
    /// The key is known, but for other values of the fields that Vary names.
    case variantMissing
    /// Parts are stored, but not what is asked for. `completes`: only what is missing need be fetched, for the
    /// whole can be put together.
    case incomplete(completes: Bool)
    /// The last answer for this key could not be stored: do not queue behind another.
    case uncacheable
    case fresh
    /// Stale within stale-while-revalidate.
    case staleWhileRevalidate
    /// Stale, and the client said that it takes it so (max-stale).
    case staleAccepted
    /// To be validated first. `mayServeOnError`: usable if the origin fails.
    case stale(reason: ForwardReason, mayServeOnError: Bool)

    /// Why it may be served although it is stale; nil when it is not stale, or may not.
    var staleReason: StaleReason? {
        switch self {
        case .staleWhileRevalidate: .whileRevalidate
        case .staleAccepted: .clientAllowed
        case .absent, .variantMissing, .incomplete, .uncacheable, .fresh, .stale: nil
        }
    }
}

package enum FirstAction: Sendable, Equatable {
    /// Straight to the origin; the cache is not asked.
    case forward(ForwardReason)
    case searchMemory
    /// The body is wanted first, since it is part of the key.
    case collectBody
    /// The body is to be read and dropped; say `bodyDiscarded` then.
    case discardBody
}

package enum LookupAction: Sendable, Equatable {
    case serveStored
    /// Serve what is stored and, unless one is under way, fetch anew behind the client's back.
    case serveStoredAndRefresh
    case joinFlight
    /// One request for this client alone. `conditional`: with the stored validators.
    case fetchAlone(conditional: Bool)
    /// only-if-cached and nothing usable: 504 (RFC 9111 §5.2.1.7).
    case refuse
}

/// The place of a request in the flight for its key.
package enum FlightRole: Sendable, Equatable {
    case leader, follower
    /// The flight has as many followers as it may have.
    case full
    /// What it would lead to has been stored since memory was searched: another loop's flight has just ended.
    case overtaken
}

package enum JoinAction: Sendable, Equatable {
    case fetch(conditional: Bool)
    case follow
    case serveStored
    /// 503: too many wait already.
    case refuse
}

/// How a flight went on, as its followers see it.
package enum FlightNews: Sendable, Equatable {
    /// The head is known and shareable, and this request may have it.
    case headArrived
    /// Nothing was fetched: what lay in memory or in the second tier is worth this to the request.
    case found(MemoryAnswer, isInMemory: Bool)
    /// The head is known, but Vary says that it is not for this request.
    case otherVariant
    /// The answer may not be shared.
    case uncacheable
    /// An invalidation came after the fetch had begun.
    case invalidated
    /// The origin failed before a head came.
    case failed
    /// The same, or it answered with an error, and that may be due to the leader's own request.
    case leaderFailed
    case waitedTooLong
}

package enum FollowAction: Sendable, Equatable {
    case stream
    case searchMemoryAgain
    case fetchAlone
    case serveStored
    /// Serve what the leader found, as if the request had found it.
    case serveFound(isInMemory: Bool)
    /// Answer with the flight's own failure (502 or 504).
    case fail
}

package enum FetchAction: Sendable, Equatable {
    case searchSecondTier
    case fetch
}

/// What the second tier's answer leads to.
package enum SecondTierAction: Sendable, Equatable {
    case serveStored
    case serveStoredAndRefresh
    /// Only one node is to fetch.
    case takeTurn
    /// From the origin; with validators if `isConditional`.
    case fetch
}

/// The origin's head, as the cache rules judge it.
package enum UpstreamAnswer: Sendable, Equatable {
    /// 304 to the validators that Larder added.
    case confirmed
    /// A confirmation, or the part that was missing, of what was invalidated meanwhile.
    case overtaken
    /// The part that was missing.
    case rest
    /// Something that neither is the part that was missing nor answers the client.
    case otherPart
    /// A failure of the kind stale-if-error covers.
    case serverError
    case storable
    case unstorable
}

package enum UpstreamAction: Sendable, Equatable {
    /// Update the stored head and serve the stored body.
    case serveConfirmed
    /// Begin anew with the search of memory.
    case searchAgain
    /// Put it together with what is stored, and serve the whole.
    case completeAndServe
    /// Send the request once more, for the whole.
    case fetchWhole
    case serveStored
    /// Keep it while it streams; followers stream from it.
    case storeAndServe
    /// To this client only; followers are released.
    case relay
}

package enum FailureAction: Sendable, Equatable {
    case serveStored
    /// Answer with an error status.
    case fail
    /// The head has left already: the client must see that the message broke (promise 6).
    case breakOff
}

package enum LeaveAction: Sendable, Equatable {
    case cancel
    /// Followers are fed, or the store is filled, without the client.
    case carryOn
}
