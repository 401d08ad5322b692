// SPDX-License-Identifier: Apache-2.0
import HTTPMessages
import Testing

@testable import CacheRules

struct ReuseTests {
    @Test(
        "A client's directives are heeded",
        arguments: [
            ("max-age=100", "", "max-age=0", .validate(.request)),
            ("max-age=100", "", "max-age=1", .validate(.request)),
            ("max-age=100", "", "max-age=50", .fresh), ("max-age=100", "", "no-cache", .validate(.request)),
            ("max-age=3600", "1800", "max-age=600", .validate(.request)), ("max-age=100", "", "no-store", .fresh),
            ("max-age=1", "", "max-stale=1000", .staleAllowed), ("max-age=1", "", "max-stale", .staleAllowed),
            ("max-age=1", "", "max-stale=1", .validate(.stale)), ("max-age=1", "", "max-stale=x", .validate(.stale)),
            ("max-age=1500", "2000", "max-stale=1000", .staleAllowed),
            ("max-age=1, must-revalidate", "", "max-stale=1000", .validate(.stale)),
            ("max-age=1, proxy-revalidate", "", "max-stale=1000", .validate(.stale)),
            ("s-maxage=1", "", "max-stale=1000", .validate(.stale)),
            ("max-age=1500", "", "min-fresh=2000", .validate(.request)), ("max-age=1500", "", "min-fresh=1", .fresh),
            ("max-age=1500", "1000", "min-fresh=1000", .validate(.request)),
            ("max-age=1", "", "only-if-cached", .unusable), ("max-age=100", "", "only-if-cached", .fresh),
            ("max-age=100", "", "only-if-cached, no-cache", .unusable), ("max-age=100", "", "max-age=garbage", .fresh),
            ("max-age=1, stale-while-revalidate=9", "", "max-age=50", .validate(.stale)),
            ("max-age=1, stale-while-revalidate=9", "", "no-transform", .staleWhileRevalidate),
            ("max-age=1, stale-while-revalidate=9", "", "only-if-cached", .staleWhileRevalidate),
        ] as [(String, String, String, ReuseDecision)])
    func requestDirectives(stored: String, age: String, asked: String, decision: ReuseDecision) {
        let exchange = Exchange.dated([("Cache-Control", stored), ("Age", age)])
        #expect(exchange.reuse(after: 3, [("Cache-Control", asked)]) == decision)
    }

    @Test("A route may ignore the client's directives")
    func ignored() {
        let policy = CachePolicy(requestDirectives: .ignore)
        let exchange = Exchange.dated([("Cache-Control", "max-age=100")])
        for asked in ["no-cache", "max-age=0", "min-fresh=2000", "only-if-cached"] {
            #expect(exchange.reuse(after: 3, [("Cache-Control", asked)], policy) == .fresh)
        }
    }

    @Test("Pragma counts only in the absence of Cache-Control")
    func pragma() {
        let exchange = Exchange.dated([("Cache-Control", "max-age=100"), ("Pragma", "no-cache")])
        #expect(exchange.reuse(after: 3, []) == .fresh)
        #expect(exchange.reuse(after: 3, [("Pragma", "no-cache")]) == .validate(.request))
        #expect(exchange.reuse(after: 3, [("Pragma", "x")]) == .fresh)
        #expect(exchange.reuse(after: 3, [("Pragma", "no-cache"), ("Cache-Control", "max-age=50")]) == .fresh)
        #expect(RequestDirectives.parse(Fields()) == .none)
    }

    @Test(
        "Staleness ends where its window ends, and some directives close it",
        arguments: [
            ("max-age=1, stale-while-revalidate=3600", 3, .staleWhileRevalidate),
            ("max-age=1, stale-while-revalidate=4", 4, .staleWhileRevalidate),
            ("max-age=1, stale-while-revalidate=4", 5, .validate(.stale)), ("max-age=1", 3, .validate(.stale)),
            ("max-age=1, stale-while-revalidate=60, must-revalidate", 3, .validate(.stale)),
            ("max-age=1, stale-while-revalidate=60, proxy-revalidate", 3, .validate(.stale)),
            ("s-maxage=1, stale-while-revalidate=60", 3, .validate(.stale)),
            ("max-age=1, stale-while-revalidate=x", 3, .validate(.stale)),
            ("max-age=2, must-revalidate", 1, .fresh), ("max-age=2, must-revalidate", 3, .validate(.stale)),
        ] as [(String, Int64, ReuseDecision)])
    func staleWhileRevalidate(stored: String, seconds: Int64, decision: ReuseDecision) {
        #expect(Exchange.dated([("Cache-Control", stored)]).reuse(after: seconds) == decision)
    }

    @Test("The route's windows apply where the response names none, and not against its directives")
    func routeWindows() {
        let policy = CachePolicy(staleWhileRevalidateMilliseconds: 60_000, allowsStaleDespiteSharedMaxAge: true)
        #expect(Exchange.dated([("Cache-Control", "max-age=1")]).reuse(after: 3, [], policy) == .staleWhileRevalidate)
        let named = Exchange.dated([("Cache-Control", "max-age=1, stale-while-revalidate=1")])
        #expect(named.reuse(after: 3, [], policy) == .validate(.stale))
        let forbidden = Exchange.dated([("Cache-Control", "max-age=1, must-revalidate")])
        #expect(forbidden.reuse(after: 3, [], policy) == .validate(.stale))
    }

    @Test("s-maxage forbids serving stale (RFC 9111 §5.2.2.10) unless the operator says that it does not")
    func staleDespiteSharedMaxAge() throws {
        let law = CachePolicy(staleWhileRevalidateMilliseconds: 60_000, staleIfErrorMilliseconds: 60_000)
        let policy = CachePolicy(
            staleWhileRevalidateMilliseconds: 60_000, staleIfErrorMilliseconds: 60_000,
            allowsStaleDespiteSharedMaxAge: true)
        let shared = Exchange.dated([("Cache-Control", "s-maxage=1")])
        #expect(shared.reuse(after: 3, [], law) == .validate(.stale))
        #expect(try #require(shared.metadata(law)).staleIfErrorMilliseconds == 0)
        #expect(shared.reuse(after: 3, [], policy) == .staleWhileRevalidate)
        #expect(try #require(shared.metadata(policy)).staleIfErrorMilliseconds == 60_000)
        #expect(shared.reuse(after: 3, [("Cache-Control", "max-stale")], law) == .validate(.stale))
        #expect(shared.reuse(after: 3, [("Cache-Control", "max-stale")], policy) == .staleAllowed)
        let forbidden = Exchange.dated([("Cache-Control", "s-maxage=1, must-revalidate")])
        #expect(forbidden.reuse(after: 3, [], policy) == .validate(.stale))
        let meant = Exchange.dated([("Cache-Control", "s-maxage=1, stale-while-revalidate=60")])
        #expect(meant.reuse(after: 3, [], policy) == .staleWhileRevalidate)
    }

    @Test("The route prolongs a lifetime but gives none")
    func routeGivesNoLifetime() {
        let policy = CachePolicy(staleWhileRevalidateMilliseconds: 60_000)
        #expect(Exchange.dated([("ETag", "\"a\"")]).reuse(after: 1, [], policy) == .validate(.stale))
        let always = [("ETag", "\"a\""), ("Cache-Control", "max-age=0")]
        #expect(Exchange.dated(always).reuse(after: 1, [], policy) == .validate(.stale))
        let named = Exchange.dated([("Cache-Control", "max-age=0, stale-while-revalidate=9")])
        #expect(named.reuse(after: 1, [], policy) == .staleWhileRevalidate)
    }

    @Test("A softly invalidated response is served only within its stale windows")
    func softInvalidation() throws {
        var metadata = try #require(
            Exchange.dated([("Cache-Control", "max-age=60, stale-while-revalidate=5")]).metadata())
        metadata.flags.insert(.softlyInvalidated)
        let policy = CachePolicy()
        #expect(
            Reuse.decide(metadata, request: .none, policy: policy, now: Exchange.moment(3000)) == .staleWhileRevalidate)
        metadata.staleWhileRevalidateMilliseconds = 0
        #expect(
            Reuse.decide(metadata, request: .none, policy: policy, now: Exchange.moment(3000)) == .validate(.stale))
    }

    @Test(
        "Who waited for another's fetch has what could answer it when it came, however long it takes",
        arguments: [
            ("max-age=60", true), ("max-age=60, must-revalidate", true), ("max-age=0, stale-while-revalidate=5", true),
            ("max-age=60, no-cache", false), ("no-cache", false), ("max-age=0", false),
            ("s-maxage=0, max-age=9", false),
            ("public", false),
        ])
    func followers(directives: String, isAnswered: Bool) throws {
        let fields = [("ETag", "\"a\""), ("Cache-Control", directives)]
        let metadata = try #require(Exchange.dated(fields).metadata())
        for seconds in [Int64(0), 600] {
            #expect(
                Reuse.answersFollower(
                    metadata, request: .none, policy: CachePolicy(), now: Exchange.moment(seconds * 1000))
                    == isAnswered)
        }
    }
}
