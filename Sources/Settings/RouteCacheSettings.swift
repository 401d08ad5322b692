// SPDX-License-Identifier: Apache-2.0

/// How long responses are fresh.
package struct LifetimeSettings: Sendable, Equatable {
    package struct OfStatus: Sendable, Equatable {
        package var status: UInt16
        package var milliseconds: Int
        package var isForced: Bool

        package init(status: UInt16, milliseconds: Int, isForced: Bool = false) {
            self.status = status
            self.milliseconds = milliseconds
            self.isForced = isForced
        }
    }

    /// For responses that name no lifetime; nil leaves them to the heuristic of RFC 9111 §4.2.2.
    package var defaultMilliseconds: Int?
    /// `defaultMilliseconds` wins over what the origin says.
    package var isForced = false
    /// These win over the default, in order of status.
    package var byStatus: [OfStatus] = []
    /// Each lifetime is shortened by a random part of it, up to this many percent.
    package var jitterPercent = 0

    package init() {}
}

/// How long stale responses may be served; nil leaves it to the origin (RFC 5861).
package struct StaleSettings: Sendable, Equatable {
    /// Whether s-maxage forbids serving stale (RFC 9111 §5.2.2.10).
    package enum SharedMaxAge: String, Sendable, CaseIterable {
        case mustRevalidate = "must_revalidate"
        case mayBeStale = "may_be_stale"
    }

    package var whileRevalidateMilliseconds: Int?
    package var ifErrorMilliseconds: Int?
    package var sharedMaxAge = SharedMaxAge.mustRevalidate

    package init() {}
}

/// What of a request makes its key, besides method class and path.
package struct KeySettings: Sendable, Equatable {
    package enum Query: String, Sendable, CaseIterable {
        case asIs = "as_is"
        case sorted
        /// The query is neither in the key nor sent upstream.
        case none
    }
    package enum Authorization: String, Sendable, CaseIterable {
        case off
        /// A hash of the Authorization field is part of the key: each user has an entry.
        case hashed
    }

    package var query = Query.asIs
    /// Query parameters taken away, as globs.
    package var dropped: [String] = []
    /// When not empty, the only query parameters left, as globs.
    package var kept: [String] = []
    package var includesHost = true
    /// Request fields whose values are part of the key.
    package var fields: [String] = []
    /// Cookies whose values are part of the key.
    package var cookies: [String] = []
    package var authorization = Authorization.off
    /// Whose bodies are part of the key, so that their answers are stored; in order.
    package var bodies: [Body] = []
    /// The longest body that is keyed; a longer one is passed on, and its answer is not stored.
    package var maxBodyBytes = 64 << 10

    package enum Body: String, Sendable, CaseIterable {
        /// RFC 10008.
        case query
        /// The operator's word: POST on this route only reads, and may be repeated.
        case safePost = "safe_post"
    }

    package init() {}
}

/// What of a request's fields a route that stores sends on although it is no part of the key.
package struct RequestFieldSettings: Sendable, Equatable {
    package enum Handling: String, Sendable, CaseIterable { case drop, pass }

    /// Fields from which servers take host, path, scheme, method, user or client.
    package var identity = Handling.drop
    /// Names of other bytes than letters, digits and hyphens.
    package var unusualNames = Handling.drop
    /// Sent on from everybody.
    package var allowed: [String] = []
    /// Trailer fields that are sent on.
    package var trailers: [String] = []

    package init() {}
}

/// One fetch per key, from which all who ask meanwhile are served.
package struct CoalesceSettings: Sendable, Equatable {
    /// Who waits for each other.
    package enum Scope: String, Sendable, CaseIterable {
        case on
        case off
        /// All who ask any of the nodes that share a Redis.
        case nodes
    }

    package var scope = Scope.on
    package var isEnabled: Bool { scope != .off }
    /// How long a request waits for another's fetch before it goes on alone.
    package var waitMilliseconds = 5000
    /// Requests that wait for one fetch; further ones get 503, or what is stale where that may be.
    package var followerLimit = 1000
    /// How long other nodes take one for alive that fetches and is not heard of.
    package var lockMilliseconds = 1000

    package init() {}
}

/// What may be stored although RFC 9111, or plain caution, forbids it.
package struct StoreSettings: Sendable, Equatable {
    /// Responses to requests with Authorization (RFC 9111 §3.5).
    package enum Authorized: String, Sendable, CaseIterable {
        case byRFC = "by_rfc"
        case sharedBetweenUsers = "shared_between_users"
    }
    /// Responses with Set-Cookie.
    package enum SetCookie: String, Sendable, CaseIterable {
        case never
        /// Stored, cookie and all, when the origin itself named a lifetime, and so meant it to be reused.
        case explicitLifetime = "explicit_lifetime"
        /// Stored without it: only the client that fetched gets the cookie.
        case stripped
        case sentToEveryone = "sent_to_everyone"
    }
    /// Responses marked `private`.
    package enum Private: String, Sendable, CaseIterable {
        case never
        case sharedBetweenUsers = "shared_between_users"
    }
    /// Responses marked `no-store`.
    package enum NoStore: String, Sendable, CaseIterable {
        case never
        case storedAgainstOrigin = "stored_against_origin"
    }

    package var authorized = Authorized.byRFC
    package var setCookie = SetCookie.never
    package var markedPrivate = Private.never
    package var markedNoStore = NoStore.never

    package init() {}
}
