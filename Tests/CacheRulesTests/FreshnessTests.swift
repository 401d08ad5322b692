// SPDX-License-Identifier: Apache-2.0
import HTTPMessages
import Testing

@testable import CacheRules

struct FreshnessTests {
    /// One Cache-Control line (or more), and whether the response is fresh three seconds later.
    @Test(
        "Cache-Control alone decides freshness",
        arguments: [
            (["max-age=3600"], true), (["max-age=2"], false), (["max-age=0"], false),
            (["max-age=2147483647"], true), (["max-age=2147483648"], true), (["max-age=99999999999"], true),
            (["max-age=99999999999999999999999999"], true),
            (["foobar, max-age=3600"], true), (["MaX-aGe=3600"], true), (["max-age=003600"], true),
            (["max-age=-3600"], false), (["max-age='3600'"], false), (["max-age=3600.0"], false),
            (["max-age=3600.5"], false), (["max-age=a3600"], false), (["max-age=3600a"], false),
            (["max-age =3600"], false), (["max-age= 3600"], false), (["max-age"], false), (["max-age="], false),
            (["max-age=\"3600\""], true), (["max-age=\"3600"], false),
            (["extension=\"max-age=3600\", max-age=1"], false), (["max-age=1, extension=\"max-age=3600\""], false),
            (["extension=\"a\\\", max-age=3600\", max-age=1"], false),
            (["max-age=1800, max-age=1"], true), (["max-age=1, max-age=1800"], false),
            (["max-age=1800", "max-age=1"], true), (["max-age=1", "max-age=1800"], false),
            (["s-maxage=3600"], true), (["max-age=3600, s-maxage=1"], false), (["s-maxage=1, max-age=3600"], false),
            (["max-age=3600", "s-maxage=1"], false), (["max-age=1, s-maxage=3600"], true),
            (["max-age=0, s-maxage=3600"], true), (["s-maxage=x, max-age=3600"], false),
            ([", ,max-age=3600,"], true), (["max-age=3600;foo"], false),
        ])
    func cacheControl(lines: [String], isFresh: Bool) {
        let exchange = Exchange.dated(lines.map { ("Cache-Control", $0) })
        #expect(exchange.isFresh() == isFresh)
    }

    @Test(
        "Expires counts from Date, and what is no date is in the past",
        arguments: [
            (Exchange.date(2_592_000), 0, true), (Exchange.date(-2_592_000), 0, false), (Exchange.date(0), 0, false),
            (Exchange.date(300), 400, false), ("0", 0, false), ("", 0, false), (Exchange.date(10), -10, true),
            ("Tue, 19 Jan 2038 14:14:08 GMT", 0, true), ("Sun, 21 Nov 2286 04:46:39 GMT", 0, true),
            ("Thursday, 18-Aug-50 02:01:18 GMT", 0, true), ("Thu Aug  8 02:01:18 2050", 0, true),
            ("THU, 18 Aug 2050 02:01:18 GMT", 0, true), ("Thu, 18 AUG 2050 02:01:18 GMT", 0, true),
            ("Thu, 18 Aug 2050 02:01:18 gMT", 0, true), ("Thu, 18 Aug 2050 02:01:18 UTC", 0, false),
            ("Thu, 18 Aug 2050 02:01:18 AEST", 0, false), ("Thu, 18 Aug 50 02:01:18 GMT", 0, false),
            ("Thu 18 Aug 2050 02:01:18 GMT", 0, false), ("Thu, 18  Aug  2050 02:01:18 GMT", 0, false),
            ("Thu, 18-Aug-2050 02:01:18 GMT", 0, false), ("Thu, 18 Aug 2050 02.01.18 GMT", 0, false),
            ("Thu, 18 Aug 2050 2:01:18 GMT", 0, false),
        ] as [(String, Int64, Bool)])
    func expires(value: String, date: Int64, isFresh: Bool) {
        let exchange = Exchange(responseFields: [("Date", Exchange.date(date)), ("Expires", value)])
        #expect(exchange.isFresh() == isFresh)
    }

    @Test("Of two Expires lines the first counts")
    func twoExpires() {
        let future = Exchange.date(3600)
        #expect(!Exchange.dated([("Expires", "0"), ("Expires", future)]).isFresh())
        #expect(Exchange.dated([("Expires", future), ("Expires", "0")]).isFresh())
    }

    @Test("Without a usable Date the time of receipt counts", arguments: [["Date", "foo"], ["X", "y"]])
    func noDate(line: [String]) {
        let exchange = Exchange(responseFields: [(line[0], line[1]), ("Expires", Exchange.date(10))])
        #expect(exchange.isFresh(after: 9))
        #expect(!exchange.isFresh(after: 10))
        #expect(exchange.metadata()?.dateSeconds == Exchange.startSeconds)
    }

    @Test("max-age beats Expires, in both directions")
    func maxAgeBeatsExpires() {
        #expect(Exchange.dated([("Cache-Control", "max-age=3600"), ("Expires", Exchange.date(-7200))]).isFresh())
        #expect(Exchange.dated([("Cache-Control", "max-age=3600"), ("Expires", "0")]).isFresh())
        #expect(!Exchange.dated([("Cache-Control", "max-age=0"), ("Expires", Exchange.date(3600))]).isFresh())
    }

    @Test(
        "The targeted field replaces Cache-Control and Expires, unless it is no Dictionary",
        arguments: [
            ("max-age=3600", "", true), ("max-age=2147483648", "", true), ("max-age=99999999999", "", true),
            ("max-age=0", "", false), ("foobar, max-age=3600", "", true), ("MaX-aGe=3600", "", false),
            ("max-age =100", "max-age=1", false), ("max-age= 100", "max-age=1", false),
            ("max-age=3600", "max-age=1", true), ("max-age=1", "max-age=3600", false),
            ("max-age=10000", "no-store", true), ("private", "max-age=10000", false),
            ("no-cache", "max-age=10000", false), ("no-store", "max-age=10000", false),
            ("max-age=10000, &&&&&", "no-store", false), ("max-age=\"10000\"", "no-store", false),
            ("max-age=10000, &&&&&", "max-age=3600", true), ("", "max-age=3600", true),
            ("max-age=1, max-age=3600", "", true), ("max-age=3600;x=1", "", true),
            ("no-store=?0, max-age=60", "", true),
            ("max-age=3600,", "max-age=1", false), ("s-maxage=60, max-age=0", "", true), ("max-age=-1", "", false),
        ])
    func targeted(target: String, cacheControl: String, isFresh: Bool) {
        let exchange = Exchange.dated([("CDN-Cache-Control", target), ("Cache-Control", cacheControl)])
        #expect(exchange.isFresh() == isFresh)
    }

    @Test("A targeted field silences Expires, and only fields on the list are targets")
    func targetList() {
        #expect(!Exchange.dated([("CDN-Cache-Control", "max-age=0"), ("Expires", Exchange.date(9000))]).isFresh())
        #expect(Exchange.dated([("CDN-Cache-Control", "max-age=60"), ("Expires", Exchange.date(-9))]).isFresh())
        #expect(!Exchange.dated([("CDN-Cache-Control", "foo"), ("Expires", Exchange.date(9000))]).isFresh())
        let none = CachePolicy(targetedFields: [])
        #expect(!Exchange.dated([("CDN-Cache-Control", "max-age=60")]).isFresh(after: 3, none))
        let both = Exchange.dated([("CDN-Cache-Control", "max-age=1"), ("Larder-Cache-Control", "max-age=60")])
        #expect(both.isFresh())
    }

    @Test("Any name may be a target (RFC 9213 §2), in any case of letters and in the order of the list")
    func namedTargets() {
        let policy = CachePolicy(
            targetedFields: [DirectiveField(named: "Shop-Cache-Control"), DirectiveField(named: "Surrogate-Control")])
        func isFresh(_ lines: [(String, String)]) -> Bool { Exchange.dated(lines).isFresh(after: 3, policy) }
        #expect(isFresh([("shop-CACHE-control", "max-age=60"), ("Cache-Control", "no-store")]))
        #expect(isFresh([("Surrogate-Control", "max-age=60"), ("Cache-Control", "max-age=0")]))
        #expect(!isFresh([("Shop-Cache-Control", "max-age=1"), ("Surrogate-Control", "max-age=60")]))
        #expect(isFresh([("Shop-Cache-Control", "max-age=x y"), ("Surrogate-Control", "max-age=60")]))
        #expect(isFresh([("Ship-Cache-Control", "no-store"), ("Cache-Control", "max-age=60")]))
        #expect(isFresh([("Shop-Cache-Control", "max-age=1"), ("Shop-Cache-Control", "max-age=60")]))
        #expect(!isFresh([("CDN-Cache-Control", "max-age=60")]))
        let named = Exchange.response(200, [("Shop-Cache-Control", "max-age=60, private=\"a\""), ("A", "1")])
        #expect(StoredFields.select(from: named, policy: policy).slots.count == 1)
    }

    @Test(
        "Directives are read again where they name fields, wherever they stand",
        arguments: [
            ([("Cache-Control", "max-age=1")], false), ([("Cache-Control", "private, no-cache")], false),
            ([("Cache-Control", "max-age=\"1\"")], false), ([("Cache-Control", "private=\"a\"")], true),
            ([("Cache-Control", "max-age=1"), ("Cache-Control", "no-cache=\"a\"")], true),
            ([("Cache-Control", "private=\"a\""), ("CDN-Cache-Control", "max-age=1")], false),
            ([("CDN-Cache-Control", "private=\"a\"")], true), ([("X", "private=\"a\"")], false),
        ] as [([(String, String)], Bool)])
    func namingFields(lines: [(String, String)], isNaming: Bool) {
        let targeted = CachePolicy().targetedFields
        let fields = Exchange.fields(lines)
        let all = ResponseDirectives.parse(fields, targetedFields: targeted)
        #expect(all.flags.contains(.namesFields) == isNaming)
        #expect(ResponseDirectives.parseNaming(fields, targetedFields: targeted) == (isNaming ? all : nil))
    }

    @Test(
        "A tenth of the time since the last change is the heuristic, for the statuses that allow it",
        arguments: [
            (200, true), (203, true), (204, true), (300, true), (301, true), (308, true), (404, true), (405, true),
            (410, true), (201, false), (202, false), (302, false), (307, false),
            (403, false), (500, false), (502, false), (503, false), (504, false), (599, false),
        ] as [(UInt16, Bool)])
    func heuristic(status: UInt16, isFresh: Bool) {
        let changed = ("Last-Modified", Exchange.date(-86_400))
        #expect(Exchange.dated([changed], status: status).isFresh(after: 8639) == isFresh)
        #expect(!Exchange.dated([changed], status: status).isFresh(after: 8640))
        #expect(Exchange.dated([changed, ("Cache-Control", "public")], status: status).isFresh())
        #expect(!Exchange.dated([changed], status: status).isFresh(after: 3, CachePolicy(usesHeuristics: false)))
    }

    @Test("The heuristic has a limit, and needs a change in the past")
    func heuristicLimits() {
        let policy = CachePolicy(heuristicMaximumMilliseconds: 5000)
        let old = Exchange.dated([("Last-Modified", Exchange.date(-86_400))])
        #expect(old.isFresh(after: 4, policy))
        #expect(!old.isFresh(after: 5, policy))
        #expect(!Exchange.dated([("Last-Modified", Exchange.date(60))]).isFresh(after: 0))
    }

    @Test("The route's lifetime fills the origin's silence, for success and permanent redirects")
    func routeLifetime() {
        let policy = CachePolicy(ttlMilliseconds: 10_000, ttlByStatus: [.init(status: 404, milliseconds: 5000)])
        #expect(Exchange.dated([]).isFresh(after: 9, policy))
        #expect(!Exchange.dated([]).isFresh(after: 10, policy))
        #expect(Exchange.dated([], status: 301).isFresh(after: 9, policy))
        #expect(Exchange.dated([], status: 404).isFresh(after: 4, policy))
        #expect(!Exchange.dated([], status: 404).isFresh(after: 5, policy))
        #expect(Exchange.dated([], status: 302).refusal(policy) == .noLifetime)
        #expect(Exchange.dated([], status: 500).refusal(policy) == .noLifetime)
        #expect(!Exchange.dated([("Cache-Control", "max-age=2")]).isFresh(after: 3, policy))
    }

    @Test(
        "The route's lifetime begins when the response comes, the origin's when it was made",
        arguments: [1, 2, 30, 3600, 2_592_000, 400_000_000] as [Int64])
    func lifetimeFromReceipt(lag: Int64) throws {
        let late = ("Date", Exchange.date(-lag))
        for policy in [
            CachePolicy(ttlMilliseconds: 2500), CachePolicy(ttlMilliseconds: 2500, ttlIsForced: true),
            CachePolicy(ttlByStatus: [.init(status: 200, milliseconds: 2500)]),
        ] {
            for fields in [[late], [("Age", "\(lag)")]] {
                let exchange = Exchange(responseFields: fields)
                let metadata = try #require(exchange.metadata(policy))
                #expect(metadata.freshForMilliseconds(Exchange.moment()) == 2500)
                #expect(exchange.isFresh(after: 2, policy) && !exchange.isFresh(after: 3, policy))
                #expect(abs(metadata.ageSeconds(Exchange.moment()) - lag) <= 1)
                let kept = metadata.limited(toMilliseconds: 1000)
                #expect(kept.freshForMilliseconds(Exchange.moment()) == 1000)
            }
        }
        let own = Exchange(responseFields: [late, ("Cache-Control", "max-age=3")])
        #expect(own.isFresh(after: 0) == (lag < 3))
    }

    @Test("A forced lifetime overrules the origin's, but not its no-store, private and no-cache")
    func forcedLifetime() {
        let policy = CachePolicy(ttlMilliseconds: 10_000, ttlIsForced: true)
        #expect(Exchange.dated([("Cache-Control", "max-age=0")]).isFresh(after: 9, policy))
        #expect(!Exchange.dated([("Cache-Control", "max-age=3600")]).isFresh(after: 10, policy))
        #expect(Exchange.dated([("Cache-Control", "no-store")]).refusal(policy) == .noStore)
        #expect(Exchange.dated([("Cache-Control", "private")]).refusal(policy) == .private)
        #expect(Exchange.dated([("Cache-Control", "no-cache")]).refusal(policy) == .noCache)
        let one = CachePolicy(ttlByStatus: [.init(status: 503, milliseconds: 5000, isForced: true)])
        #expect(!Exchange.dated([("Cache-Control", "max-age=60")], status: 503).isFresh(after: 5, one))
        #expect(Exchange.dated([("Cache-Control", "max-age=60")], status: 200).isFresh(after: 5, one))
    }

    @Test("Jitter only shortens, by at most its share", arguments: 0..<50)
    func jitter(seed: UInt64) {
        let lifetime = Freshness.shortened(100_000, byUpTo: 10, seed: seed)
        #expect(lifetime > 90_000 && lifetime <= 100_000)
        #expect(Freshness.shortened(100_000, byUpTo: 0, seed: seed) == 100_000)
    }
}
