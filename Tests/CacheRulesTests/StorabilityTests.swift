// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import CacheRules

struct StorabilityTests {
    @Test(
        "Any final status with a lifetime is stored, but parts, 304 and what judges the request",
        arguments: [200, 201, 203, 204, 299, 301, 302, 303, 307, 308, 404, 410, 499, 500, 502, 503, 504, 599]
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
        "What judges the request's form is stored where the route names its status",
        arguments: [
            400, 407, 408, 411, 413, 414, 415, 417, 421, 425, 428, 429, 431, 501, 505, 511,
        ] as [UInt16])
    func requestForm(status: UInt16) {
        let exchange = Exchange.dated(
            [("Cache-Control", "public, max-age=60"), ("Last-Modified", Exchange.date(-900))], status: status)
        #expect(exchange.refusal() == .requestForm)
        #expect(exchange.refusal(CachePolicy(ttlMilliseconds: 1000, ttlIsForced: true)) == .requestForm)
        #expect(exchange.isFresh(after: 3, CachePolicy(ttlByStatus: [.init(status: status, milliseconds: 1)])))
    }

    @Test("The answer to a condition or a range alone is never stored", arguments: [304, 412, 416, 426] as [UInt16])
    func conditionAlone(status: UInt16) {
        let policy = CachePolicy(ttlByStatus: [.init(status: status, milliseconds: 1000, isForced: true)])
        #expect(Exchange.dated([("Cache-Control", "max-age=60")], status: status).refusal(policy) == .status)
    }

    @Test(
        "A stream of events is stored only for as long as its origin says",
        arguments: ["text/event-stream", "Text/Event-Stream; charset=utf-8", "multipart/x-mixed-replace;boundary=a"])
    func streamOfEvents(type: String) {
        let fields = [("Content-Type", type), ("ETag", "\"a\""), ("Last-Modified", Exchange.date(-90_000))]
        let forced = CachePolicy(ttlMilliseconds: 1000, ttlIsForced: true)
        for policy in [CachePolicy(), CachePolicy(ttlMilliseconds: 1000), forced] {
            #expect(Exchange.dated(fields).refusal(policy) == .eventStream)
            #expect(Exchange.dated(fields + [("Cache-Control", "max-age=60")]).refusal(policy) == nil)
        }
        #expect(Exchange.dated([("Content-Type", "text/event-streams")]).refusal(forced) == nil)
    }

    @Test(
        "What stands behind a stray or open quote forbids, and allows nothing",
        arguments: [
            ("extension=\"x, public, s-maxage=60", .authorization),
            ("x=\"a, must-revalidate, max-age=60", .authorization),
            ("x=a\"b, public, max-age=60", .authorization), ("x\"a, public, max-age=60", .authorization),
            ("public\", max-age=60", .authorization), ("x=\"a\"b, public, max-age=60", .authorization),
            ("x=a\"b, no-store, c\"d, public, max-age=60", .noStore), ("public, max-age=60, x=\"a, no-store", .noStore),
            ("public, max-age=60, x=\"a, private", .private), ("x=\", private=\"a\", public, max-age=9", .private),
            ("public, max-age=60, x=\"a", nil), ("public, max-age=60, x=\"a, b\"", nil),
            ("x=\"a\\\"b\", public, max-age=60", nil), ("x=\"a\" , public, max-age=60", nil),
        ] as [(String, NotStoredReason?)])
    func openQuotes(value: String, reason: NotStoredReason?) {
        var exchange = Exchange.dated([("Cache-Control", value), ("ETag", "\"a\"")])
        exchange.requestFields.append(("Authorization", "Basic x"))
        #expect(exchange.refusal() == reason)
    }

    @Test("A quote that is open at the end of a line is open in the next")
    func openQuoteAcrossLines() {
        let two = Exchange.dated([
            ("Cache-Control", "x=\"a"), ("Cache-Control", "public, max-age=60"), ("ETag", "\"a\""),
        ])
        #expect(!two.isFresh())
        let other = Exchange.dated([("Cache-Control", "public, max-age=60"), ("Cache-Control", "x=\"a")])
        #expect(other.isFresh())
    }

    @Test("A doubtful lifetime is over, whatever the route or the last change would grant")
    func doubtfulLifetime() {
        let changed = ("Last-Modified", Exchange.date(-90_000))
        let policy = CachePolicy(ttlMilliseconds: 60_000)
        #expect(!Exchange.dated([("Cache-Control", "x=\"a, max-age=60"), changed]).isFresh(after: 0, policy))
        #expect(Exchange.dated([("Cache-Control", "x=\"a"), changed]).isFresh(after: 0, policy))
    }

    @Test("Lines of a targeted field are one text, ignored when it cannot be read")
    func targetedLines() {
        func isFresh(_ lines: [String]) -> Bool {
            Exchange.dated(lines.map { ("CDN-Cache-Control", $0) } + [("Cache-Control", "max-age=60")]).isFresh()
        }
        #expect(!isFresh(["x=\"a", "b\", no-store"]))
        #expect(isFresh(["no-store, x=\"a", "b"]))
        #expect(isFresh(["x=\"a, no-store"]))
        #expect(!isFresh(["max-age=60", "no-store"]))
        #expect(!isFresh(["private=\"a", "b\", max-age=60"]))
    }

    @Test(
        "What ends a stored response that the origin was asked about",
        arguments: [
            (200, true), (301, true), (302, true), (401, true), (403, true), (404, true), (410, true), (409, true),
            (304, false), (400, false), (412, false), (416, false), (429, false), (431, false), (500, false),
            (501, false), (503, false), (599, false),
        ] as [(UInt16, Bool)])
    func ends(status: UInt16, ends: Bool) {
        func isEnded(_ method: String, _ fields: [(String, String)] = [], _ policy: CachePolicy = CachePolicy()) -> Bool
        {
            StalePolicy.isEnded(
                by: Exchange.response(status, []), to: Exchange.request(method, "/a", fields), policy: policy)
        }
        #expect(isEnded("GET") == ends)
        #expect(isEnded("HEAD") == (ends && status != 200))
        // What one may not see, or does not want stored, says nothing of what others get.
        #expect(!isEnded("GET", [("Authorization", "Basic x")]))
        #expect(!isEnded("GET", [("Cache-Control", "no-store")]))
        #expect(isEnded("GET", [("Authorization", "Basic x")], CachePolicy(storesAuthorized: true)) == ends)
    }

    @Test("HEAD that is not allowed tells nothing of GET")
    func headNotAllowed() {
        let response = Exchange.response(405, [])
        let byHead = StalePolicy.isEnded(by: response, to: Exchange.request("HEAD"), policy: CachePolicy())
        let byGet = StalePolicy.isEnded(by: response, to: Exchange.request("GET"), policy: CachePolicy())
        #expect(!byHead && byGet)
    }

    @Test(
        "A client's wishes behind an open quote count as far as they ask for better",
        arguments: ["x=\"a, max-stale, only-if-cached, stale-if-error=9", "max-stale\", only-if-cached\""])
    func doubtfulConcessions(value: String) {
        let directives = RequestDirectives.parse(Exchange.fields([("Cache-Control", value)]))
        #expect(directives == .none)
        let strict = RequestDirectives.parse(
            Exchange.fields([("Cache-Control", "x=\"a, no-cache, max-age=5, min-fresh=6")]))
        #expect(strict.noCache && strict.maxAgeSeconds == 5 && strict.minFreshSeconds == 6)
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
