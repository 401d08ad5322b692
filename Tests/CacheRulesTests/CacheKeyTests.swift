// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@testable import CacheRules

struct CacheKeyTests {
    private func key(
        _ target: String, method: String = "GET", host: String = "shop.example", isSecure: Bool = false,
        options: KeyOptions = KeyOptions()
    ) -> String {
        var buffer = ByteBuffer()
        CacheKey.write(
            Exchange.request(method, target, [("Host", host)]), isSecure: isSecure, options: options, into: &buffer)
        return buffer.span.text()
    }

    @Test(
        "Host and method are part of the key",
        arguments: [
            ("GET", "shop.example", "GET shop.example/a"), ("HEAD", "shop.example", "GET shop.example/a"),
            ("POST", "shop.example", "GET shop.example/a"), ("QUERY", "shop.example", "QUERY shop.example/a"),
            ("GET", "SHOP.Example", "GET shop.example/a"), ("GET", "shop.example:80", "GET shop.example/a"),
            ("GET", "shop.example:", "GET shop.example/a"), ("GET", "shop.example:443", "GET shop.example:443/a"),
            ("GET", "shop.example:8080", "GET shop.example:8080/a"), ("GET", "[::1]:80", "GET [::1]/a"),
            ("GET", "a/b", "GET a%2Fb/a"), ("GET", "https://x", "GET https:%2F%2Fx/a"), ("GET", "a b", "GET a%20b/a"),
            ("GET", "a%2Fb", "GET a%252fb/a"),
        ])
    func origin(method: String, host: String, expected: String) {
        #expect(key("/a", method: method, host: host) == expected)
        #expect(key("/a", host: host, options: KeyOptions(includesHost: false)) == "GET /a")
    }

    @Test("https is named")
    func secure() {
        #expect(key("/a", host: "x:443", isSecure: true) == "GET https://x/a")
        #expect(key("/a", host: "x:80", isSecure: true) == "GET https://x:80/a")
        #expect(key("/a", isSecure: true, options: KeyOptions(includesHost: false)) == "GET https:///a")
    }

    @Test(
        "Queries are keyed as the route says",
        arguments: [
            ("/a?b=2&a=1", KeyOptions(), "/a?b=2&a=1"), ("/a?", KeyOptions(), "/a?"), ("/a", KeyOptions(), "/a"),
            ("/a?b=2&a=1", KeyOptions(query: .sorted), "/a?a=1&b=2"),
            ("/a?a=2&b&a=1", KeyOptions(query: .sorted), "/a?a=2&a=1&b"),
            ("/a?ab=1&a=1&a", KeyOptions(query: .sorted), "/a?a=1&a&ab=1"),
            ("/a?", KeyOptions(query: .sorted), "/a"),
            ("/a?b&&a", KeyOptions(query: .sorted), "/a?a&b"),
            ("/a?a=1&b=2", KeyOptions(query: .sorted), "/a?a=1&b=2"),
            ("/a?c&b&a", KeyOptions(query: .sorted, maximumSortedParameters: 2), "/a?c&b&a"),
            ("/a?utm_source=x&id=1&gclid=y", CacheKeyTests.dropping, "/a?id=1"),
            ("/a?utm_source=x", CacheKeyTests.dropping, "/a"),
            ("/a?id=1&utm=2", CacheKeyTests.dropping, "/a?id=1&utm=2"),
            ("/a?gclid=1&gclidx=2", CacheKeyTests.dropping, "/a?gclidx=2"),
            ("/a?page=2&x=1&size=3", CacheKeyTests.only, "/a?page=2&size=3"),
            ("/a?size=3&page=2", CacheKeyTests.only, "/a?page=2&size=3"),
            ("/a?x=1", KeyOptions(query: .none), "/a"),
        ])
    func query(target: String, options: KeyOptions, expected: String) {
        #expect(key(target, options: options) == "GET shop.example" + expected)
        var upstream = ByteBuffer()
        NormalizedTarget.write(Exchange.request("GET", target), options: options, into: &upstream)
        #expect(upstream.span.text() == expected, "what is keyed is what is asked for")
    }

    static let dropping = KeyOptions(
        dropped: [ParameterPattern("utm_*"), ParameterPattern("gclid")])
    static let only = KeyOptions(
        query: .sorted, kept: [ParameterPattern("page"), ParameterPattern("size")])

    @Test(
        "A star stands for any bytes",
        arguments: [
            ("a", "a", true), ("a", "ab", false), ("*", "", true), ("*", "abc", true), ("utm_*", "utm_", true),
            ("utm_*", "utm", false), ("*_id", "user_id", true), ("*_id", "user_id2", false), ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false), ("*a*", "bab", true), ("a**", "a", true), ("", "", true), ("", "a", false),
        ])
    func patterns(pattern: String, name: String, matches: Bool) {
        #expect(ParameterPattern(pattern).matches(Array(name.utf8).span) == matches)
    }

    @Test("A URL given in parts has the key that its request has")
    func parts() {
        var buffer = ByteBuffer()
        CacheKey.write(
            host: Array("Shop.example".utf8).span, path: Array("/a/../b".utf8).span, query: Array("x=1".utf8).span,
            options: KeyOptions(), into: &buffer)
        #expect(buffer.span.text() == key("/b?x=1"))
    }

    @Test("What no URI may hold is escaped in the key of a request and of a URL in parts alike")
    func escaped() {
        #expect(key("/{a}|\"b\"?x={1}&y=%zz") == "GET shop.example/%7Ba%7D%7C%22b%22?x=%7B1%7D&y=%zz")
        var buffer = ByteBuffer()
        CacheKey.write(
            host: Array("shop.example".utf8).span, path: Array("/{a}|\"b\"".utf8).span,
            query: Array("x={1}&y=%zz".utf8).span, options: KeyOptions(), into: &buffer)
        #expect(buffer.span.text() == key("/{a}|\"b\"?x={1}&y=%zz"))
    }

    @Test("A request that is keyed by its body has keys of its own", arguments: ["POST", "QUERY"])
    func keyedByBody(method: String) {
        var buffer = ByteBuffer()
        let request = Exchange.request(method, "/a?b")
        CacheKey.write(request, isKeyedByBody: true, options: KeyOptions(), into: &buffer)
        #expect(buffer.span.text() == "\(method) shop.example/a?b")
    }

    @Test("Parts that a route adds cannot be forged by values")
    func addedParts() {
        func part(_ value: String?) -> String {
            var buffer = ByteBuffer()
            buffer.append("GET /a")
            if let value {
                let bytes = Array(value.utf8)
                CacheKey.writePart("cookie", name: Array("plan".utf8).span, value: bytes.span, into: &buffer)
            } else {
                CacheKey.writePart("cookie", name: Array("plan".utf8).span, value: nil, into: &buffer)
            }
            return buffer.span.text()
        }
        #expect(part("pro") == "GET /a cookie:plan=pro")
        #expect(part(nil) == "GET /a cookie:plan")
        #expect(part("") == "GET /a cookie:plan=")
        #expect(part("x header:a=b") == "GET /a cookie:plan=x%20header:a%3Db")
    }
}
