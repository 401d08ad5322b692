// SPDX-License-Identifier: Apache-2.0
import Bytes
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
            files: SettingsFiles(readFile: { _ in .failure(.notFound) }))
        return ProxySnapshot(try #require(report.settings, "\(report.diagnostics)"), workerCount: 1)
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
            (#"{"urls":["http:///x"]}"#, "bad_url", "urls[0]"), (#"{"tags":["a, b"]}"#, "bad_tag", "tags[0]"),
            (#"{"tags":["a"],"tags":["b"]}"#, "malformed_json", nil),
        ] as [(String, String, String?)])
    func errorsNameTheMember(json: String, code: String, field: String?) {
        let error = refusal(json)
        #expect(error?.code == code)
        #expect(error?.field == field)
        #expect(error?.status == 400)
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
        ("/a/.w", "GET b/a/.well-known", true),
    ])
    func prefixesBeginAtThePathOrAtTheHost(prefix: String, key: String, isMatched: Bool) throws {
        #expect(matches(try plan("{\"prefixes\":[\"\(prefix)\"]}"), key) == isMatched)
    }

    @Test(arguments: [
        ("/api/*/1", "GET b/api/users/1", true), ("/api/?", "GET b/api/1", true),
        ("*users*", "GET b/api/users/1", true),
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
