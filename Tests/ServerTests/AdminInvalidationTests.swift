// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import ConfigLanguage
import Settings
import Storage
import Testing

@testable import Server

@Suite struct AdminInvalidationTests {
    static let configuration = """
        upstream api { server 127.0.0.1:1 }
        invalidation users-changed { pattern /api/users/*
          tag users
          key /list?b=2&a=1
          prefix /u/ }
        route /sorted/* {
          upstream api
          key query=sorted drop=utm_*
        }
        route /shared/* {
          upstream api
          key host=off
        }
        route /plan/* {
          upstream api
          key cookie=plan
        }
        route /hosted/* host=shop.example {
          upstream api
          key query=none
        }
        route /* { upstream api }
        """

    static func snapshot(_ text: String = configuration) throws -> ProxySnapshot {
        let report = SettingsParser.parse(
            text: text, file: "proxy.conf", environment: { _ in nil },
            files: ConfigFiles(readFile: { _ in .failure(.notFound) }))
        return ProxySnapshot(try #require(report.settings, "\(report.diagnostics)"), workerCount: 1, ownName: "larder")
    }

    private func plan(_ json: String) throws -> InvalidationPlan {
        let call = try InvalidationCall.read(ContiguousArray(json.utf8))
        return try InvalidationPlan(call, snapshot: try Self.snapshot(), hasher: ByteHasher(seed: 1))
    }

    private func refusal(_ json: String) -> AdminError? {
        do {
            _ = try plan(json)
            return nil
        } catch {
            return error as? AdminError
        }
    }

    private func keys(_ plan: InvalidationPlan) -> [String] {
        plan.keys.map { String(decoding: $0.text, as: UTF8.self) }
    }

    /// Whether any of the rules that are not keys matches.
    private func matches(_ plan: InvalidationPlan, _ key: String) -> Bool {
        plan.rules.contains { rule in
            if case .pattern(let pattern) = rule.target { pattern.matches(key: Array(key.utf8).span) } else { false }
        }
    }

    @Test func everyMemberIsRead() throws {
        let call = try InvalidationCall.read(
            ContiguousArray(
                #"{"urls":["/a"],"keys":["GET b/c"],"prefixes":["/d"],"patterns":["/e*"],"tags":["f"],"groups":["g"],"all":true,"soft":true,"dry_run":true}"#
                    .utf8))
        #expect(call.itemCount == 7)
        #expect(call.soft && call.dryRun && call.all)
        #expect(call.counts.map(\.name) == ["urls", "keys", "prefixes", "patterns", "tags", "groups", "all"])
    }

    @Test(
        arguments: [
            ("{", "malformed_json", nil), ("[1]", "wrong_type", nil), ("{}", "nothing_named", nil),
            (#"{"soft":true}"#, "nothing_named", nil), (#"{"all":false}"#, "nothing_named", nil),
            (#"{"tags":[]}"#, "nothing_named", nil), (#"{"tag":["a"]}"#, "unknown_member", "tag"),
            (#"{"tags":"a"}"#, "wrong_type", "tags"), (#"{"tags":["a",1]}"#, "wrong_type", "tags[1]"),
            (#"{"tags":[""]}"#, "empty_text", "tags[0]"), (#"{"all":"yes"}"#, "wrong_type", "all"),
            (#"{"groups":["nope"]}"#, "unknown_group", "groups[0]"),
            (#"{"prefixes":["api"]}"#, "bad_prefix", "prefixes[0]"),
            (#"{"patterns":["/a\\"]}"#, "bad_pattern", "patterns[0]"),
            (#"{"patterns":["a"]}"#, "bad_pattern", "patterns[0]"),
            (#"{"urls":["a b"]}"#, "bad_url", "urls[0]"), (#"{"urls":["/ok","ftp://a/"]}"#, "bad_url", "urls[1]"),
            (#"{"urls":["http:///x"]}"#, "bad_url", "urls[0]"), (#"{"urls":["http://u:p@a/x"]}"#, "bad_url", "urls[0]"),
            (#"{"urls":["http://a:99999/"]}"#, "bad_url", "urls[0]"), (#"{"urls":["users/1"]}"#, "bad_url", "urls[0]"),
            (#"{"urls":["http://a:b/"]}"#, "bad_url", "urls[0]"), (#"{"urls":["http://*.a/"]}"#, "bad_url", "urls[0]"),
            (#"{"urls":["http://ä.example/"]}"#, "bad_url", "urls[0]"), (#"{"urls":["//"]}"#, "bad_url", "urls[0]"),
            (#"{"urls":["http://[::1/"]}"#, "bad_url", "urls[0]"), (##"{"urls":["#f"]}"##, "bad_url", "urls[0]"),
            (#"{"urls":["http:/a/x"]}"#, "bad_url", "urls[0]"),
            (#"{"prefixes":["https://u@a/"]}"#, "bad_prefix", "prefixes[0]"),
            (#"{"prefixes":["ftp://a/"]}"#, "bad_prefix", "prefixes[0]"),
            (#"{"prefixes":["/a#b"]}"#, "bad_prefix", "prefixes[0]"),
            (#"{"prefixes":["/a%6"]}"#, "bad_prefix", "prefixes[0]"),
            (#"{"prefixes":["http://*.a/"]}"#, "bad_prefix", "prefixes[0]"),
            (#"{"prefixes":["/a b"]}"#, "bad_prefix", "prefixes[0]"),
            (#"{"patterns":["ftp://a/*"]}"#, "bad_pattern", "patterns[0]"),
            (#"{"patterns":["http://u@*.a/*"]}"#, "bad_pattern", "patterns[0]"),
            (#"{"patterns":["/*/../a"]}"#, "bad_pattern", "patterns[0]"),
            (#"{"patterns":["/a#*"]}"#, "bad_pattern", "patterns[0]"),
            (#"{"patterns":["https://a"]}"#, "bad_pattern", "patterns[0]"),
            (#"{"keys":["get b/x"]}"#, "bad_key", "keys[0]"), (#"{"keys":["PUT b/x"]}"#, "bad_key", "keys[0]"),
            (#"{"keys":["GET u@b/x"]}"#, "bad_key", "keys[0]"), (#"{"tags":["a, b"]}"#, "bad_tag", "tags[0]"),
            (#"{"tags":["a"],"tags":["b"]}"#, "malformed_json", nil),
        ] as [(String, String, String?)])
    func errorsNameTheMember(json: String, code: String, field: String?) {
        let error = refusal(json)
        #expect(error?.code == code)
        #expect(error?.field == field)
        #expect(error?.status == 400)
    }

    @Test func allThatIsWrongIsSaidAtOnce() throws {
        let error = try #require(
            refusal(#"{"urls":["/ok","","//u@h/","ftp://a/"],"keys":["get b/x"],"tags":[1],"prefixes":["x"],"nope":1}"#)
        )
        let fields = ([error] + error.others).compactMap(\.field)
        #expect(fields == ["urls[1]", "tags[0]", "nope", "urls[2]", "urls[3]", "keys[0]", "prefixes[0]"])
        #expect(error.others.last?.message.hasPrefix(#"prefixes[0] is "x": "#) == true)
        let text = String(decoding: AdminResponse(error).content, as: UTF8.self)
        #expect(text.contains(#""errors":"#) && text.contains(#""keys[0]""#))
    }

    @Test(arguments: [
        ("//b:80/x", ["GET b/x", "GET https://b:80/x"]),
        ("b.example/x", ["GET b.example/x", "GET https://b.example/x"]),
        ("//B.Example:443/%7Ex/../y", ["GET b.example:443/y", "GET https://b.example/y"]),
        ("HTTPS://[::FF]:443/", ["GET https://[::ff]/"]), ("http://b/ä", ["GET b/%C3%A4"]),
        ("//b/shared/x", ["GET /shared/x", "GET https:///shared/x"]), ("https://b:80/x", ["GET https://b:80/x"]),
    ])
    func aURLWithoutASchemeIsOfBoth(url: String, keys expected: [String]) throws {
        let found = keys(try plan("{\"urls\":[\"\(url)\"]}"))
        #expect(found == expected)
    }

    @Test func likelyNamesAreSuggested() {
        #expect(refusal(#"{"tag":["a"]}"#)?.message.contains(#"did you mean "tags"?"#) == true)
        #expect(refusal(#"{"groups":["user-changed"]}"#)?.message.contains(#""users-changed""#) == true)
    }

    @Test func oneCallNamesAtMostAThousandThings() {
        let texts = { (count: Int) in "[" + repeatElement("\"a\"", count: count).joined(separator: ",") + "]" }
        #expect(refusal("{\"tags\":\(texts(1000))}") == nil)
        #expect(refusal("{\"tags\":\(texts(1001))}")?.status == 413)
        #expect(refusal("{\"tags\":\(texts(600)),\"urls\":\(texts(600))}")?.code == "too_many_items")
    }

    @Test(arguments: [
        ("http://Shop.example/a", "GET shop.example/a"), ("http://shop.example:80/%61?x=1", "GET shop.example/a?x=1"),
        ("http://shop.example:8080", "GET shop.example:8080/"),
        ("https://shop.example/a#f", "GET https://shop.example/a"),
        ("http://a/sorted/x?b=2&a=1&utm_source=q", "GET a/sorted/x?a=1&b=2"), ("http://a/shared/x", "GET /shared/x"),
        ("/shared/x?q", "GET /shared/x?q"), ("http://shop.example/hosted/x?q", "GET shop.example/hosted/x"),
        ("http://other.example/hosted/x?q", "GET other.example/hosted/x?q"),
    ])
    func urlsComeToTheKeysOfTheirRoutes(url: String, key: String) throws {
        let plan = try plan("{\"urls\":[\"\(url)\"]}")
        #expect(keys(plan) == [key])
        #expect(plan.others.isEmpty)
    }

    @Test(arguments: [
        ("/a?x=1", "GET any.example:8080/a?x=1", true), ("/a?x=1", "GET https://b/a?x=1", true),
        ("/a", "GET b/ab", false), ("/a", "GET b/a?x=1", false), ("/a*", "GET b/ab", false), ("/a*", "GET b/a*", true),
        ("/sorted/x?b=2&a=1", "GET b/sorted/x?a=1&b=2", true),
        ("http://b/plan/x", "GET b/plan/x cookie:plan=pro", true),
        ("http://b/plan/x", "GET c/plan/x cookie:plan=pro", false),
        ("http://b/plan/x", "GET https://b/plan/x cookie:plan=pro", false),
        ("https://b/plan/x", "GET https://b/plan/x cookie:plan=pro", true),
        ("//b/plan/x", "GET https://b/plan/x cookie:plan=pro", true),
        ("/hosted/x?q", "GET shop.example/hosted/x", true), ("/hosted/x?q", "GET other.example/hosted/x?q", true),
    ])
    func whereTheKeyIsNotKnownWholeTheURLIsMatched(url: String, key: String, isMatched: Bool) throws {
        let plan = try plan("{\"urls\":[\"\(url)\"]}")
        #expect(plan.keys.isEmpty)
        #expect(matches(plan, key) == isMatched)
    }

    @Test(arguments: [
        ("/api/", "GET b/api/x", true), ("/api/", "GET b/apix", false), ("/%61pi/", "GET b/api/x", true),
        ("B.example/api", "GET b.example/api/x?y", true), ("http://b:80/api", "GET b/api", true),
        ("c/api", "GET b/api", false), ("https://b/", "GET https://b/x", true), ("https://b/", "GET b/x", false),
        ("/a/.w", "GET b/a/.well-known", true), ("/a/../b/.", "GET b/b/.w", true), ("/%41%2f", "GET b/A%2Fx", true),
        ("http://b/", "GET https://b/x", false), ("http://b:80/", "GET b/x", true), ("HTTP://b", "GET b/x", true),
        ("https://b:443/", "GET https://b/x", true), ("//b/api", "GET https://b/apix", true),
        ("//b/api", "GET b/apix", true), ("b:443/", "GET https://b/x", true), ("b:443/", "GET b:443/x", true),
        ("b:443/", "GET b/x", false), ("[::1]/", "GET [::1]/x", true), ("http://b/sh", "GET /shared/x", true),
        ("http://b/api", "GET c/api", false), ("/ä", "GET b/%C3%A4", true), ("/a?x=ä", "GET b/a?x=%C3%A4", true),
        ("/{a", "GET b/%7Bab", true), ("/a?x={", "GET b/a?x=%7B1", true),
    ])
    func prefixesBeginAtThePathOrAtTheHost(prefix: String, key: String, isMatched: Bool) throws {
        #expect(matches(try plan("{\"prefixes\":[\"\(prefix)\"]}"), key) == isMatched)
    }

    @Test(arguments: [
        ("/api/*/1", "GET b/api/users/1", true), ("/api/?", "GET b/api/1", true),
        ("*users*", "GET b/api/users/1", true),
        ("http://b/*/1", "GET b/a/1", true), ("http://b/*/1", "GET https://b/a/1", false),
        ("https://b/*", "GET https://b/a", true), ("https://b/*", "GET b/a", false),
        ("*://b/*", "GET https://b/x", true),
        ("http://b:80/*", "GET b/x", true), ("https://B:443/*", "GET https://b/x", true),
        ("*.Example/*", "GET a.example/x", true), ("https://*.example:443/*", "GET https://a.example/x", true),
        ("/%61/*", "GET b/a/x", true), ("/%c3%a4*", "GET b/%C3%A4x", true), ("/ä*", "GET b/%C3%A4x", true),
        ("/a/../b/*", "GET b/b/x", true), ("/a/./*", "GET b/a/x", true), ("*", "GET https://b/x", true),
        ("//b/*", "GET b/x", true), ("b/shared/*", "GET /shared/x", true), ("b/api/*", "GET c/api/x", false),
        ("/{a}*", "GET b/%7Ba%7D", true), ("/a*|", "GET b/a?x=%7C", true),
        ("b/*", "GET b/x", true), ("c/*", "GET b/x", false), ("/x", "GET b/x", true), ("/x", "GET b/x?y", false),
    ])
    func patternsAreMatchedAgainstPathAndQueryOrHostToo(pattern: String, key: String, isMatched: Bool) throws {
        #expect(matches(try plan("{\"patterns\":[\"\(pattern)\"]}"), key) == isMatched)
    }

    @Test func groupsComeToTheirRules() throws {
        let plan = try plan(#"{"groups":["users-changed"]}"#)
        #expect(matches(plan, "GET b/api/users/1"))
        #expect(matches(plan, "GET b/u/1"))
        #expect(matches(plan, "GET b/list?b=2&a=1"))
        #expect(plan.rules.count == 4)
        #expect(plan.counts == ["group": 1])
    }

    @Test func wholeKeysAreTakenAsTheyAre() throws {
        #expect(keys(try plan(#"{"keys":["GET b/x cookie:plan=pro"]}"#)) == ["GET b/x cookie:plan=pro"])
        #expect(keys(try plan(#"{"keys":["http://b/x"]}"#)) == ["GET b/x"])
    }

    @Test(arguments: [
        ("GET B/%61", "GET b/a"), ("GET http://b:80/x", "GET b/x"), ("GET https://b:443/x", "GET https://b/x"),
        ("HEAD b/x", "GET b/x"), ("POST b/x", "GET b/x"), ("GET /shared/x", "GET /shared/x"), ("GET b", "GET b/"),
        ("QUERY b/x header:content-type body:00", "QUERY b/x header:content-type body:00"),
    ])
    func keysAreSpelledAsTheyAreStored(text: String, key: String) throws {
        #expect(keys(try plan("{\"keys\":[\"\(text)\"]}")) == [key])
    }

    @Test func aKeyWithoutAHostIsNoneWhereEveryRouteNamesIt() throws {
        let call = try InvalidationCall.read(ContiguousArray(#"{"keys":["GET /x"]}"#.utf8))
        let snapshot = try Self.snapshot("upstream api { server 127.0.0.1:1 }\nroute /* { upstream api }")
        #expect(throws: AdminError.self) {
            try InvalidationPlan(call, snapshot: snapshot, hasher: ByteHasher(seed: 1))
        }
    }

    @Test(arguments: ["/a/../b", "/%7e%41%2f", "/a/./b/..", "/..", "/a//b/", "/a/.b/..c", "/%zz/%61"])
    func globsAreSpelledAsKeysAre(path: String) throws {
        let bytes = Array(path.utf8)
        var key = ByteBuffer()
        NormalizedPath.write(bytes.span, into: &key)
        // A segment with a broken escape is stored as it was sent.
        let expected = path == "/%zz/%61" ? "/%zz/a" : String(decoding: Array(copying: key.span), as: UTF8.self)
        #expect(try GlobText.normalized(bytes).get() == Array(expected.utf8))
    }

    @Test func softCallsMakeSoftRules() throws {
        let plan = try plan(#"{"tags":["a"],"keys":["GET b/x"],"soft":true}"#)
        #expect(plan.rules.count == 2)
        #expect(plan.rules.filter { !$0.isSoft }.isEmpty)
    }

    @Test func theAuditKeepsTheLatest() {
        var audit = InvalidationAudit()
        for epoch in 0..<250 {
            audit.add(
                .init(
                    at: Moment(monotonicNanoseconds: 0, wallNanoseconds: 0), peer: "p", epoch: .own(UInt64(epoch)),
                    isSoft: false, rules: [], sample: [], removed: 0, durationNanoseconds: 0))
        }
        #expect(audit.entries.count == InvalidationAudit.limit)
        #expect(audit.entries.first?.epoch.text == "150")
        #expect(audit.entries.last?.epoch.text == "249")
    }
}
