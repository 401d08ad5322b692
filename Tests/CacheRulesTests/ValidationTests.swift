// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@testable import CacheRules

struct ConditionalRequestTests {
    private func evaluate(
        _ lines: [(String, String)], eTag: String = "\"abcdef\"", lastModified: Int64? = -3000, status: UInt16 = 200,
        method: String = "GET"
    ) -> ConditionalRequest {
        let metadata = CachedMetadata(
            status: status, storedAtMonotonicMilliseconds: 0, freshnessLifetimeMilliseconds: 0,
            dateSeconds: Exchange.startSeconds,
            lastModifiedSeconds: lastModified.map { Exchange.startSeconds + $0 } ?? -1)
        let tag = Array(eTag.utf8)
        return ConditionalRequest.evaluate(Exchange.request(method, "/a", lines), eTag: tag.span, metadata: metadata)
    }

    @Test(
        "If-None-Match is compared weakly over its whole list",
        arguments: [
            ("\"abcdef\"", "\"abcdef\"", .notModified), ("W/\"abcdef\"", "W/\"abcdef\"", .notModified),
            ("\"abcdef\"", "W/\"abcdef\"", .notModified),
            ("\"abcdef\", \"1234\", \"5678\"", "\"abcdef\"", .notModified),
            ("\"1234\", \"abcdef\", \"5678\"", "\"abcdef\"", .notModified),
            ("\"1234\", \"5678\", \"abcdef\"", "\"abcdef\"", .notModified), ("*", "", .notModified),
            ("\"abcdef\u{fc}\"", "\"abcdef\u{fc}\"", .notModified), ("\"1234\"", "\"abcdef\"", .proceed),
            ("abcdef", "\"abcdef\"", .proceed), ("\"abcdef\"", "abcdef", .proceed), ("\"abcdef\"", "", .proceed),
        ] as [(String, String, ConditionalRequest)])
    func ifNoneMatch(value: String, eTag: String, expected: ConditionalRequest) {
        #expect(evaluate([("If-None-Match", value)], eTag: eTag) == expected)
    }

    @Test(
        "If-Modified-Since is compared with Last-Modified, or with Date in its absence",
        arguments: [
            (-3000, -3000, .notModified), (-2000, -3000, .notModified), (-3001, -3000, .proceed),
            (0, nil, .notModified), (-3000, nil, .proceed), (60, nil, .notModified),
        ] as [(Int64, Int64?, ConditionalRequest)])
    func ifModifiedSince(since: Int64, lastModified: Int64?, expected: ConditionalRequest) {
        #expect(evaluate([("If-Modified-Since", Exchange.date(since))], lastModified: lastModified) == expected)
    }

    @Test("If-None-Match takes precedence over If-Modified-Since")
    func precedence() {
        let old = ("If-Modified-Since", Exchange.date(-10_000))
        let new = ("If-Modified-Since", Exchange.date(0))
        #expect(evaluate([("If-None-Match", "\"abcdef\""), old]) == .notModified)
        #expect(evaluate([("If-None-Match", "\"other\""), new]) == .proceed)
    }

    @Test("What is no condition for a cache changes nothing, or is the origin's affair")
    func others() {
        #expect(evaluate([]) == .notConditional)
        #expect(evaluate([("If-Modified-Since", "garbage")]) == .proceed)
        #expect(evaluate([("If-None-Match", "*")], status: 404) == .proceed)
        #expect(evaluate([("If-None-Match", "*")], status: 301) == .proceed)
        #expect(evaluate([("If-None-Match", "*")], method: "HEAD") == .notModified)
        #expect(evaluate([("If-Match", "\"abcdef\"")]) == .forward)
        #expect(evaluate([("If-Unmodified-Since", Exchange.date(0)), ("If-None-Match", "*")]) == .forward)
        let rfc850 = "Monday, 01-Jun-26 12:00:00 GMT"
        #expect(evaluate([("If-Modified-Since", rfc850)], lastModified: 0) == .notModified)
    }
}

struct ValidationTests {
    @Test(
        "A validation carries each validator that is stored",
        arguments: [
            ([("ETag", "\"a\"")], [.ifNoneMatch]), ([("ETag", "W/\"a\"")], [.ifNoneMatch]),
            ([("Last-Modified", Exchange.date(-9))], [.ifModifiedSince]),
            ([("ETag", "\"a\""), ("Last-Modified", Exchange.date(-9))], [.ifNoneMatch, .ifModifiedSince]), ([], []),
            ([("Last-Modified", "garbage")], []),
        ] as [([(String, String)], ValidationRequest.Conditions)])
    func conditions(lines: [(String, String)], expected: ValidationRequest.Conditions) throws {
        let metadata = try #require(Exchange.dated(lines + [("Cache-Control", "max-age=1")]).metadata())
        #expect(ValidationRequest.conditions(for: metadata) == expected)
    }

    @Test("The client's own conditions and ranges do not go with a fetch for the cache")
    func replaced() {
        for name in [FieldName.ifNoneMatch, .ifModifiedSince, .ifRange, .range] {
            #expect(ValidationRequest.replacedFields.contains(name))
        }
        #expect(!ValidationRequest.replacedFields.contains(.accept))
    }

    private func merge(_ stored: [(String, String)], _ update: [(String, String)]) -> [String] {
        let merged = StoredFieldUpdate.merge(
            stored: Exchange.fields(stored), from: Exchange.response(304, update), receivedAt: Exchange.moment())
        return merged.slots.indices.map { merged.name(at: $0).text().lowercased() + ": " + merged.value(at: $0).text() }
            .sorted()
    }

    private static let date = "date: " + Exchange.date(0)

    @Test(
        "A 304 replaces what it names and leaves the rest",
        arguments: [
            ([("Test", "1")], [], ["test: 1"]), ([("Test", "1")], [("TEST", "2")], ["test: 2"]),
            ([("Test", "1"), ("Test", "2")], [("Test", "3")], ["test: 3"]), ([], [("Test", "1")], ["test: 1"]),
            ([("Cache-Control", "max-age=1")], [("Cache-Control", "max-age=3600")], ["cache-control: max-age=3600"]),
            ([("Content-Length", "36")], [("Content-Length", "10")], ["content-length: 36"]),
            ([("Content-Encoding", "br")], [("Content-Encoding", "gzip")], ["content-encoding: br"]),
            ([("Content-Type", "a/b")], [("Content-Type", "c/d")], ["content-type: c/d"]),
            ([("A", "1")], [("A", "2"), ("Connection", "a")], ["a: 1"]), ([("Age", "9")], [], []),
            ([("Age", "9")], [("Age", "5")], ["age: 5"]), ([("A", "1")], [("Keep-Alive", "x"), ("TE", "x")], ["a: 1"]),
            ([("Set-Cookie", "a=b")], [("Set-Cookie", "a=c")], ["set-cookie: a=c"]),
        ] as [([(String, String)], [(String, String)], [String])])
    func merging(stored: [(String, String)], update: [(String, String)], expected: [String]) {
        #expect(merge(stored, update) == (expected + [ValidationTests.date]).sorted())
    }

    @Test("A refreshed response is dated by the 304, or by its arrival")
    func mergedDate() {
        let new = Exchange.date(-5)
        #expect(merge([("Date", Exchange.date(-900))], [("Date", new)]) == ["date: " + new])
        #expect(merge([("Date", Exchange.date(-900))], []) == [ValidationTests.date])
    }

    @Test(
        "A 304 applies to the response whose validator it repeats",
        arguments: [
            ([("ETag", "\"a\"")], [("ETag", "\"a\"")], true), ([("ETag", "\"a\"")], [("ETag", "\"b\"")], false),
            ([("ETag", "W/\"a\"")], [("ETag", "\"a\"")], false), ([("ETag", "\"a\"")], [("ETag", "W/\"a\"")], true),
            ([("ETag", "\"a\"")], [], true), ([], [("ETag", "\"a\"")], false), ([], [], true),
            ([("ETag", "a")], [("ETag", "a")], true),
            ([("Last-Modified", "x")], [("Last-Modified", "x")], true),
            ([("Last-Modified", "x")], [("Last-Modified", "y")], false), ([], [("Last-Modified", "y")], true),
        ] as [([(String, String)], [(String, String)], Bool)])
    func applies(stored: [(String, String)], update: [(String, String)], expected: Bool) {
        #expect(
            StoredFieldUpdate.applies(Exchange.response(304, update), to: Exchange.fields(stored)) == expected)
    }

    @Test(
        "HEAD refreshes what has not changed and outdates what has",
        arguments: [
            (200, [], .none), (200, [("Content-Length", "5")], .update),
            (200, [("Content-Length", "6")], .invalidate),
            (200, [("Content-Length", "x")], .invalidate), (200, [("ETag", "\"a\"")], .update),
            (200, [("ETag", "\"b\"")], .invalidate), (410, [], .none), (304, [], .none),
        ] as [(UInt16, [(String, String)], HeadUpdate)])
    func head(status: UInt16, lines: [(String, String)], expected: HeadUpdate) {
        let stored = Exchange.fields([("ETag", "\"a\"")])
        #expect(
            HeadUpdate.effect(
                of: Exchange.response(status, lines), on: stored, storedStatus: 200, storedLength: 5) == expected)
        #expect(
            HeadUpdate.effect(of: Exchange.response(status, lines), on: stored, storedStatus: 404, storedLength: 5)
                == .none)
    }

    @Test(
        "Fields of the connection, and those that directives name, are not stored",
        arguments: [
            ([("Connection", "a, b"), ("a", "1"), ("b", "2"), ("c", "3")], ["c"]),
            ([("Keep-Alive", "x"), ("Proxy-Authenticate", "x"), ("Proxy-Authentication-Info", "x")], []),
            ([("Proxy-Authorization", "x"), ("Proxy-Connection", "x"), ("TE", "x"), ("Upgrade", "x")], []),
            ([("Transfer-Encoding", "x"), ("Trailer", "x"), ("Age", "1"), ("Set-Cookie", "a=b")], ["Set-Cookie"]),
            ([("Cache-Control", "no-cache=\"a, B\""), ("A", "1"), ("b", "2"), ("c", "3")], ["Cache-Control", "c"]),
            ([("Cache-Control", "private=\"a\", max-age=1"), ("a", "1"), ("a", "2")], ["Cache-Control"]),
            ([("CDN-Cache-Control", "private=\"a\""), ("a", "1")], ["CDN-Cache-Control"]),
            (
                [("CDN-Cache-Control", "max-age=1"), ("Cache-Control", "private=\"a\""), ("a", "1")],
                ["CDN-Cache-Control", "Cache-Control", "a"]
            ),
        ] as [([(String, String)], [String])])
    func storedFields(lines: [(String, String)], expected: [String]) {
        let stored = StoredFields.select(from: Exchange.response(200, lines), policy: CachePolicy())
        #expect(stored.slots.indices.map { stored.name(at: $0).text() } == expected)
        let stripped = StoredFields.select(
            from: Exchange.response(200, lines), policy: CachePolicy(setCookie: .stripped))
        #expect(!stripped.contains(.setCookie))
    }

    @Test(
        "What is kept out of the store is for the client that fetched (RFC 9111 §5.2.2.4, §5.2.2.7)",
        arguments: [
            ([("Cache-Control", "no-cache=\"a, B\""), ("A", "1"), ("b", "2"), ("c", "3")], "A: 1\r\nb: 2\r\n"),
            ([("Cache-Control", "private=\"a\""), ("a", "1"), ("a", "2")], "a: 1\r\na: 2\r\n"),
            ([("Cache-Control", "private=\"a\""), ("a", "1"), ("Connection", "a")], ""),
            ([("Cache-Control", "private"), ("a", "1"), ("Age", "5"), ("Set-Cookie", "a=b")], ""),
        ] as [([(String, String)], String)])
    func withheldFields(lines: [(String, String)], expected: String) {
        func withheld(_ policy: CachePolicy) -> String {
            var buffer = ByteBuffer()
            StoredFields.writeWithheld(from: Exchange.response(200, lines), policy: policy, into: &buffer)
            return buffer.span.text()
        }
        #expect(withheld(CachePolicy()) == expected)
        let cookies = lines.contains { $0.0 == "Set-Cookie" } ? "Set-Cookie: a=b\r\n" : ""
        #expect(withheld(CachePolicy(setCookie: .stripped)) == expected + cookies)
    }
}

struct StalePolicyTests {
    @Test(
        "A failed origin lets stale responses serve within their window",
        arguments: [
            ("max-age=2, stale-if-error=60", 62, true), ("max-age=2, stale-if-error=60", 63, false),
            ("max-age=2", 3, false), ("max-age=2, stale-if-error=60, must-revalidate", 3, false),
            ("max-age=2, stale-if-error=60, proxy-revalidate", 3, false), ("s-maxage=2, stale-if-error=60", 3, false),
            ("max-age=60", 3, true),
        ] as [(String, Int64, Bool)])
    func window(stored: String, seconds: Int64, isServed: Bool) throws {
        let metadata = try #require(Exchange.dated([("Cache-Control", stored)]).metadata())
        for failure in [OriginFailure.unreachable, .timedOut, .malformed, .status(Status(503))] {
            #expect(
                StalePolicy.mayServeStaleOnError(
                    metadata, failure: failure, request: .none, policy: CachePolicy(),
                    now: Exchange.moment(seconds * 1000)) == isServed)
        }
    }

    @Test(
        "Only some statuses are failures",
        arguments: [(500, true), (502, true), (503, true), (504, true), (501, false), (404, false), (200, false)]
            as [(UInt16, Bool)])
    func statuses(status: UInt16, isFailure: Bool) {
        #expect(OriginFailure.status(Status(status)).isError == isFailure)
    }

    @Test("no-cache forbids it, route and client may widen it")
    func others() throws {
        let now = Exchange.moment(3000)
        func serves(_ value: String, _ policy: CachePolicy, _ request: RequestDirectives = .none) throws -> Bool {
            let lines = [("Cache-Control", value), ("ETag", "\"a\"")]
            let metadata = try #require(Exchange.dated(lines).metadata(policy))
            return StalePolicy.mayServeStaleOnError(
                metadata, failure: .unreachable, request: request, policy: policy, now: now)
        }
        let route = CachePolicy(staleIfErrorMilliseconds: 60_000)
        #expect(try !serves("max-age=2, no-cache, stale-if-error=60", route))
        #expect(try serves("max-age=2", route))
        #expect(try !serves("max-age=2, must-revalidate", route))
        let asked = RequestDirectives.parse(Exchange.fields([("Cache-Control", "stale-if-error=60")]))
        #expect(try serves("max-age=2", CachePolicy(), asked))
        #expect(try !serves("max-age=2", CachePolicy(requestDirectives: .ignore), asked))
        #expect(try !serves("max-age=2, must-revalidate", CachePolicy(), asked))
    }
}
