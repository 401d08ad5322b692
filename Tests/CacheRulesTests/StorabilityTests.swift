// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import CacheRules

struct StorabilityTests {
    @Test(
        "Any final status with a lifetime is stored, but parts and 304",
        arguments: [200, 201, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599]
            as [UInt16])
    func statuses(status: UInt16) {
        #expect(Exchange.dated([("Cache-Control", "max-age=100000")], status: status).isFresh())
        let stale = Exchange.dated([("Expires", Exchange.date(-5000))], status: status)
        #expect(stale.refusal() == .expired)
    }

    @Test(
        "What is never stored has its reason",
        arguments: [(100, .status), (103, .status), (304, .status), (206, .partial)] as [(UInt16, NotStoredReason)])
    func refusedStatuses(status: UInt16, reason: NotStoredReason) {
        #expect(Exchange.dated([("Cache-Control", "max-age=100000")], status: status).refusal() == reason)
    }

    @Test(
        "Directives forbid storing",
        arguments: [
            ("no-store", .noStore), ("No-StOrE", .noStore), ("max-age=10000, no-store", .noStore),
            ("no-store=1, max-age=10", .noStore), ("no-store foo, max-age=10", .noStore),
            ("private, max-age=3600", .private), ("private=x, max-age=3600", .private),
            ("private=\"\", max-age=3600", .private), ("private=\"a b\", max-age=3600", .private),
            ("private=\"a\", private, max-age=3600", .private), ("PRIVATE, max-age=3600", .private),
            ("max-age=3600, no-cache", .noCache), ("max-age=3600, No-CaChE", .noCache),
            ("private=\"a\", max-age=3600", nil), ("no-cache=\"a, b\", max-age=3600", nil),
            ("max-age=3600, no-store, must-understand", nil), ("must-understand, max-age=60", nil),
            ("extension=\"no-store\", max-age=60", nil), ("max-age=60, immutable", nil), ("", .noLifetime),
            ("foo=\"x, no-store", .noStore), ("no-store\"", .noStore), ("max-age=0, stale-while-revalidate=9", nil),
            ("max-age=0, stale-if-error=9", .expired), ("max-age=0", .expired), ("max-age=x", .expired),
        ] as [(String, NotStoredReason?)])
    func directives(value: String, reason: NotStoredReason?) {
        #expect(Exchange.dated([("Cache-Control", value)]).refusal() == reason)
    }

    @Test("must-understand keeps an unknown status out, with no-store or without")
    func mustUnderstand() {
        for value in ["max-age=3600, no-store, must-understand", "max-age=3600, must-understand"] {
            #expect(Exchange.dated([("Cache-Control", value)], status: 599).refusal() == .status)
            #expect(Exchange.dated([("Cache-Control", value)], status: 200).isFresh())
        }
    }

    @Test(
        "A validator makes a response worth storing that has no lifetime",
        arguments: [("ETag", "\"abc\""), ("ETag", "W/\"abc\""), ("Last-Modified", Exchange.date(-1))])
    func validators(name: String, value: String) {
        #expect(Exchange.dated([(name, value)]).reuse() == .validate(.stale))
        #expect(
            Exchange.dated([(name, value), ("Cache-Control", "max-age=100, no-cache")]).reuse() == .validate(.stale))
        #expect(Exchange.dated([(name, value), ("Cache-Control", "no-cache")]).reuse() == .validate(.stale))
        // RFC 9111 §3: 201 is not heuristically cacheable, and nothing else says that it may be stored.
        #expect(Exchange.dated([(name, value)], status: 201).refusal() == .noLifetime)
    }

    @Test("A tag without quotes is no validator")
    func unquotedTag() {
        #expect(Exchange.dated([("ETag", "abc")]).refusal() == .noLifetime)
    }

    @Test(
        "Authorization keeps a response out unless the origin allows it",
        arguments: [
            ("max-age=3600", false), ("max-age=3600, public", true), ("max-age=3600, must-revalidate", true),
            ("s-maxage=3600", true), ("max-age=3600, proxy-revalidate", false),
        ])
    func authorization(value: String, isStored: Bool) {
        var exchange = Exchange.dated([("Cache-Control", value)])
        exchange.requestFields.append(("Authorization", "Basic x"))
        #expect(exchange.refusal() == (isStored ? nil : .authorization))
        #expect(exchange.refusal(CachePolicy(storesAuthorized: true)) == nil)
    }

    @Test("Cookies are stored when the origin names a lifetime, and as the route says otherwise")
    func setCookie() {
        let named = Exchange.dated([("Set-Cookie", "a=b"), ("Cache-Control", "max-age=60")])
        let unnamed = Exchange.dated([("Set-Cookie", "a=b"), ("Last-Modified", Exchange.date(-9000))])
        #expect(named.isFresh())
        #expect(unnamed.refusal() == .setCookie)
        #expect(unnamed.refusal(CachePolicy(ttlMilliseconds: 1000)) == .setCookie)
        #expect(named.refusal(CachePolicy(ttlMilliseconds: 1000, ttlIsForced: true)) == .setCookie)
        #expect(named.refusal(CachePolicy(setCookie: .never)) == .setCookie)
        #expect(unnamed.refusal(CachePolicy(setCookie: .always)) == nil)
        #expect(unnamed.refusal(CachePolicy(setCookie: .stripped)) == nil)
    }

    @Test("An operator may store against the origin's word, in words that say so")
    func dangerWords() {
        let policy = CachePolicy(storesPrivate: true, storesNoStore: true)
        #expect(Exchange.dated([("Cache-Control", "private, max-age=60")]).isFresh(after: 3, policy))
        #expect(Exchange.dated([("Cache-Control", "no-store, max-age=60")]).isFresh(after: 3, policy))
        #expect(Exchange.dated([("Cache-Control", "no-cache, max-age=60")]).refusal(policy) == .noCache)
    }

    @Test("Vary: * keeps a response out", arguments: [["*"], ["*, *"], ["", "*"], [", *"], ["Foo, *"], ["a b"]])
    func varyStar(lines: [String]) {
        let exchange = Exchange.dated(lines.map { ("Vary", $0) } + [("Cache-Control", "max-age=60")])
        #expect(exchange.refusal() == .varyStar)
    }

    @Test("Only GET is stored", arguments: ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY", "M-SEARCH"])
    func methods(method: String) {
        var exchange = Exchange.dated([("Cache-Control", "max-age=60"), ("Content-Location", "/a")])
        exchange.method = method
        #expect(exchange.refusal() == .method)
    }

    @Test(
        "A POST is stored for GET when its own lifetime and its own place are named",
        arguments: [
            ("/a?x=1", 200, "max-age=60", true), ("", 200, "max-age=60", true), ("a?x=1", 201, "max-age=60", true),
            ("http://shop.example/a?x=1", 200, "max-age=60", true),
            ("//SHOP.example:80/a?x=1", 200, "max-age=60", true),
            ("/%61?x=1#f", 200, "max-age=60", true), ("/a", 200, "max-age=60", false), ("/b", 200, "max-age=60", false),
            ("http://other.example/a?x=1", 200, "max-age=60", false), ("/a?x=1", 200, "", false),
            ("/a?x=1", 404, "max-age=60", false), ("/a?x=1", 200, "no-store", false),
        ] as [(String, UInt16, String, Bool)])
    func post(location: String, status: UInt16, cacheControl: String, isStored: Bool) {
        var exchange = Exchange.dated(
            [("Cache-Control", cacheControl), ("Content-Location", location)], status: status)
        exchange.method = "POST"
        exchange.target = "/a?x=1"
        #expect((exchange.refusal() == nil) == isStored)
        exchange.responseFields.removeLast()
        #expect(exchange.refusal() != nil)
    }

    @Test("The client's no-store is heard unless the route says otherwise")
    func requestNoStore() {
        var exchange = Exchange.dated([("Cache-Control", "max-age=60")])
        exchange.requestFields.append(("Cache-Control", "no-store"))
        #expect(exchange.refusal() == .requestNoStore)
        #expect(exchange.refusal(CachePolicy(requestDirectives: .ignore)) == nil)
    }

    @Test("Labels are stable and distinct")
    func labels() {
        let labels = NotStoredReason.allCases.map { "\($0.label)" }
        #expect(Set(labels).count == labels.count)
        #expect(labels[...3] == ["method", "status", "no-store", "private"])
        #expect(ForwardReason.allCases.map { "\($0.label)" }.contains("uri-miss"))
    }
}
