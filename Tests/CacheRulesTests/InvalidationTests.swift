// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@testable import CacheRules

struct InvalidationTests {
    @Test(
        "An unsafe method answered without error invalidates",
        arguments: [
            ("POST", 200, true), ("PUT", 201, true), ("DELETE", 204, true), ("M-SEARCH", 200, true),
            ("PATCH", 302, true),
            ("POST", 500, false), ("DELETE", 404, false), ("GET", 200, false), ("HEAD", 200, false),
            ("OPTIONS", 200, false), ("QUERY", 200, false), ("POST", 304, true), ("POST", 100, false),
        ] as [(String, UInt16, Bool)])
    func causes(method: String, status: UInt16, expected: Bool) {
        #expect(Invalidation.isCaused(by: Method(Array(method.utf8).span), status: Status(status)) == expected)
    }

    private func keys(_ target: String, _ lines: [(String, String)], _ options: KeyOptions = KeyOptions()) -> [String] {
        var keys: [String] = []
        Invalidation.forEachKey(
            request: Exchange.request("POST", target), response: Exchange.response(200, lines), options: options
        ) { keys.append($0.text()) }
        return keys
    }

    @Test("The request's own URL, Location and Content-Location are invalidated within the origin")
    func locations() {
        #expect(keys("/a/./b?x=1", []) == ["GET shop.example/a/b?x=1"])
        #expect(
            keys("/a", [("Location", "/l?y"), ("Content-Location", "http://shop.example/c#f")])
                == ["GET shop.example/a", "GET shop.example/l?y", "GET shop.example/c"])
        #expect(keys("/a", [("Location", "http://evil.example/l")]) == ["GET shop.example/a"])
        let sorted = KeyOptions(query: .sorted)
        #expect(
            keys("/a?b&a", [("Location", "/c?z&y")], sorted) == ["GET shop.example/a?a&b", "GET shop.example/c?y&z"])
    }

    @Test(
        "References are resolved against the request",
        arguments: [
            ("", "/x/y?q"), ("z", "/x/z"), ("./z", "/x/z"), ("../z", "/z"), ("../../z", "/z"), ("/z", "/z"),
            ("?n", "/x/y?n"),
            ("#f", "/x/y?q"), ("z?n#f", "/x/z?n"), ("//shop.example/z", "/z"), ("//SHOP.example:80", "/"),
            ("http://shop.example?n", "/?n"), ("https://shop.example:443/z", "/z"), ("http://shop.example:8080/z", nil),
            ("//evil.example/z", nil), ("//user@shop.example/z", nil), ("ftp://shop.example/z", nil), ("http:z", nil),
            ("mailto:a@b", nil), ("a:b", nil), ("a/b:c", "/x/a/b:c"), ("/%7e", "/~"), ("//", nil), ("z/../../w", "/w"),
        ] as [(String, String?)])
    func references(reference: String, expected: String?) {
        var buffer = ByteBuffer()
        let isSameOrigin = TargetReference.resolve(
            Array(reference.utf8).span, against: Exchange.request("POST", "/x/y?q"), into: &buffer)
        #expect((isSameOrigin ? buffer.span.text() : nil) == expected)
        let written = buffer.count
        #expect(isSameOrigin || written == 0)
    }

    private func tags(
        _ lines: [(String, String)], limits: Tags.Limits = Tags.Limits()
    ) -> [String]? {
        var found: [String] = []
        let host = Array("Shop.example:80".utf8)
        let isComplete = Tags.forEach(
            in: Exchange.fields(lines), policy: CachePolicy(otherTagFields: ["X-Tags"]), authority: host.span,
            limits: limits
        ) { found.append($0.text()) }
        return isComplete ? found : nil
    }

    @Test("Tags come from all tag fields, parted by blanks or commas")
    func tagFields() {
        #expect(tags([("Surrogate-Key", "a b  c"), ("Surrogate-Key", "d")]) == ["a", "b", "c", "d"])
        #expect(tags([("Cache-Tag", "a, b,c,"), ("xkey", "d"), ("Edge-Cache-Tag", "e")]) == ["a", "b", "c", "d", "e"])
        #expect(tags([("Other", "a"), ("x-tags", "b,c")]) == ["b", "c"])
        #expect(tags([("Surrogate-Key", " , ")]) == [])
    }

    @Test("Tag fields can be told from others, and groups are passed on")
    func tagFieldLines() {
        let fields = Exchange.fields([("xkey", "a"), ("X-TAGS", "b"), ("Cache-Groups", "\"c\""), ("Other", "d")])
        let policy = CachePolicy(otherTagFields: ["X-Tags"])
        #expect(fields.slots.indices.map { policy.isTagField(at: $0, of: fields) } == [true, true, false, false])
    }

    @Test("A response with more or longer tags than the limit has none that can be trusted")
    func tagLimits() {
        let limits = Tags.Limits(maximumTags: 2, maximumTagBytes: 3)
        #expect(tags([("Surrogate-Key", "a b")], limits: limits) == ["a", "b"])
        #expect(tags([("Surrogate-Key", "a b c")], limits: limits) == nil)
        #expect(tags([("Surrogate-Key", "a"), ("Cache-Tag", "b,c")], limits: limits) == nil)
        #expect(tags([("Surrogate-Key", "abcd")], limits: limits) == nil)
        #expect(tags([("Cache-Groups", "\"a\", \"b\", \"c\"")], limits: limits) == nil)
    }

    @Test("Groups belong to their origin, and a field that is no List of Strings names none")
    func groups() {
        #expect(
            tags([("Cache-Groups", "\"a b\";x, \"c\\\"\"")]) == [
                "group:shop.example \"a b\"", "group:shop.example \"c\\\"\"",
            ])
        #expect(tags([("Cache-Groups", "\"a\", b")]) == [])
        #expect(tags([("Cache-Groups", "\"a\""), ("Cache-Groups", "1")]) == [])
        var invalidated: [String] = []
        let host = Array("shop.example".utf8)
        let isComplete = CacheGroups.forEachTag(
            in: Exchange.fields([("Cache-Group-Invalidation", "\"a\"")]), .cacheGroupInvalidation, authority: host.span
        ) { invalidated.append($0.text()) }
        #expect(isComplete && invalidated == ["group:shop.example \"a\""])
        #expect(CacheGroups.mayInvalidate(.post) && !CacheGroups.mayInvalidate(.get))
    }
}

struct CacheStatusFieldTests {
    @Test(
        "Cache-Status says how the request was answered",
        arguments: [
            (RequestOutcome(.hit, ttlSeconds: 58), "Larder; hit; ttl=58"),
            (RequestOutcome(.hit, forward: .stale), "Larder; hit"),
            (RequestOutcome(.stale, ttlSeconds: -412), "Larder; hit; ttl=-412"),
            (
                RequestOutcome(.stale, forward: .stale, forwardStatus: 503, ttlSeconds: -3),
                "Larder; fwd=stale; fwd-status=503; ttl=-3"
            ),
            (
                RequestOutcome(.miss, forward: .uriMiss, forwardStatus: 200, stored: true, ttlSeconds: 60),
                "Larder; fwd=uri-miss; fwd-status=200; stored; ttl=60"
            ),
            (
                RequestOutcome(.miss, forward: .varyMiss, forwardStatus: 200, notStored: .noStore),
                "Larder; fwd=vary-miss; fwd-status=200; detail=no-store"
            ),
            (RequestOutcome(.miss), "Larder; fwd=uri-miss"),
            (
                RequestOutcome(.revalidated, forward: .request, forwardStatus: 304, stored: true),
                "Larder; fwd=request; fwd-status=304; stored"
            ),
            (RequestOutcome(.revalidated), "Larder; fwd=stale"),
            (RequestOutcome(.collapsed, forward: .uriMiss), "Larder; fwd=uri-miss; collapsed"),
            (RequestOutcome(.collapsed), "Larder; fwd=uri-miss; collapsed"),
            (RequestOutcome(.pass), "Larder; fwd=bypass"),
            (RequestOutcome(.pass, forward: .method, forwardStatus: 201), "Larder; fwd=method; fwd-status=201"),
            (RequestOutcome(.local, localDetail: "no-route"), "Larder; detail=no-route"),
            (RequestOutcome(.local, localDetail: "no Host"), "Larder; detail=\"no Host\""),
            (RequestOutcome(.l2Hit, ttlSeconds: 9, localDetail: "l2"), "Larder; hit; ttl=9; detail=l2"),
            (
                RequestOutcome(.local, forward: .uriMiss, localDetail: "unreachable"),
                "Larder; fwd=uri-miss; detail=unreachable"
            ),
        ])
    func text(outcome: RequestOutcome, expected: String) {
        var buffer = ByteBuffer()
        CacheStatusField.write(outcome, cacheName: Array("Larder".utf8).span, into: &buffer)
        #expect(buffer.span.text() == expected)
    }
}
