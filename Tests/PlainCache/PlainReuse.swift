// SPDX-License-Identifier: Apache-2.0

package enum PlainReuse: Equatable, Sendable {
    case fresh
    case staleWhileRevalidate
    /// The client takes it stale.
    case staleAllowed
    /// `wasFresh`: only the client wanted it.
    case validate(wasFresh: Bool)
    /// 504
    case unusable
}

/// A request's wishes (RFC 9111 §5.2.1), read once.
package struct PlainWishes {
    var noCache: Bool
    package let onlyIfCached: Bool
    var maxAge: Int?
    var minFresh: Int?
    /// Of -1: any.
    var maxStale: Int?
    var staleIfError: Int?

    package init(_ fields: PlainFields) {
        let directives = PlainDirectives(lines: fields.values("cache-control"))
        noCache = directives.has("no-cache")
        // §5.4: Pragma counts where Cache-Control is absent.
        if !fields.has("cache-control") {
            noCache = fields.values("pragma").flatMap(listMembers).contains { lowercase($0) == "no-cache" }
        }
        onlyIfCached = directives.allows("only-if-cached")
        maxAge = directives.firstNumber("max-age")
        minFresh = directives.firstNumber("min-fresh")
        staleIfError = directives.seconds("stale-if-error")
        for member in directives.members where member.name == "max-stale" {
            switch member.argument {
            case .none: maxStale = -1
            case .token(let text), .quoted(let text): maxStale = deltaSeconds(text) ?? maxStale
            case .broken: continue
            }
        }
    }
}

/// RFC 9111 §4.
extension PlainCache {
    /// `now`: milliseconds of the clock that told when the response came.
    package static func reuse(_ stored: PlainStored, _ wishes: PlainWishes, now: Int) -> PlainReuse {
        let age = stored.initialAge + now - stored.receivedAt
        let isFresh = stored.lifetime > age
        var answer = PlainReuse.validate(wasFresh: isFresh && !stored.needsValidation)
        if !stored.needsValidation, satisfies(wishes, age: age, left: stored.lifetime - age) {
            if isFresh {
                answer = .fresh
            } else if takesStale(wishes, age - stored.lifetime), !stored.staleIsForbidden {
                answer = .staleAllowed
            } else if wishes.maxAge == nil, age - stored.lifetime < stored.staleWhileRevalidate {
                answer = .staleWhileRevalidate
            }
        }
        if case .validate = answer, wishes.onlyIfCached { return .unusable }
        return answer
    }

    private static func satisfies(_ wishes: PlainWishes, age: Int, left: Int) -> Bool {
        if wishes.noCache { return false }
        // §5.2.1.1: less than or equal; at zero the client wants the origin's own word.
        if let limit = wishes.maxAge, limit == 0 || age > limit * 1000 { return false }
        if let wanted = wishes.minFresh, left < wanted * 1000 { return false }
        return true
    }

    private static func takesStale(_ wishes: PlainWishes, _ staleness: Int) -> Bool {
        guard let limit = wishes.maxStale else { return false }
        return limit < 0 || staleness <= limit * 1000
    }

    /// RFC 5861 §4, for an origin that answers 503 or not at all.
    package static func mayAnswerForFailedOrigin(_ stored: PlainStored, _ wishes: PlainWishes, now: Int) -> Bool {
        if stored.needsValidation { return false }
        let staleness = stored.initialAge + now - stored.receivedAt - stored.lifetime
        if staleness < 0 { return true }
        let wished = stored.staleIsForbidden ? 0 : (wishes.staleIfError ?? 0) * 1000
        let window = max(stored.staleIfError, wished)
        return window > 0 && staleness <= window
    }
}
