// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Storage

struct InvalidationTests {
    private let store = MemoryStore(limitBytes: 64 << 20, shardCount: 4)

    private func put(_ key: String, tags: [String] = [], epoch: UInt64? = nil) -> InsertOutcome {
        store.insert(makeResponse(key, tags: tags, epoch: epoch ?? store.currentEpoch, body: bytes(key)))
    }

    private func pattern(_ text: String) throws -> InvalidationRule.Target { .pattern(URLPattern(try Glob(text))) }

    private func targets() throws -> [InvalidationRule.Target] {
        [
            .key(bytes("GET h/a/1"), hash: testHash("GET h/a/1")), try pattern("/a/*"), try pattern("h/a/?"),
            .pattern(URLPattern(prefix: bytes("/a/").span)), .tag(hash: testHash("red")), .all,
        ]
    }

    @Test("What a rule matches is gone when it returns, the rest stays (promise 3)", arguments: 0..<6)
    func hard(number: Int) throws {
        #expect(put("GET h/a/1", tags: ["blue", "red"]) == .stored)
        #expect(put("GET h/b/1", tags: ["blue"]) == .stored)
        let isAll = number == 5
        store.invalidate([InvalidationRule(try targets()[number])])
        #expect(store.body("GET h/a/1") == nil)
        #expect((store.body("GET h/b/1") == nil) == isAll)
        #expect(store.statistics.invalidated == (isAll ? 2 : 1))
    }

    @Test("A soft rule keeps the response and says so", arguments: 0..<6)
    func soft(number: Int) throws {
        #expect(put("GET h/a/1", tags: ["red"]) == .stored)
        store.invalidate([InvalidationRule(try targets()[number], isSoft: true)])
        guard case .found(_, isSoftlyInvalidated: true) = store.find("GET h/a/1") else {
            Issue.record("expected a softly invalidated response")
            return
        }
        #expect(put("GET h/a/1", tags: ["red"]) == .stored)
        guard case .found(_, isSoftlyInvalidated: false) = store.find("GET h/a/1") else {
            Issue.record("expected the new response to be unmarked")
            return
        }
    }

    @Test("A fetch that began before is refused, one that began after is stored (promise 3)", arguments: 0..<6)
    func fetchUnderWay(number: Int) throws {
        let before = store.currentEpoch
        let epoch = store.invalidate([InvalidationRule(try targets()[number])])
        let tags = [testHash("red")]
        let key = bytes("GET h/a/1")
        let hash = testHash("GET h/a/1")
        #expect(store.verdict(key: key.span, hash: hash, tags: tags.span, since: before) == .hard)
        #expect(store.verdict(key: key.span, hash: hash, tags: tags.span, since: epoch) == .no)
        #expect(put("GET h/a/1", tags: ["red"], epoch: before) == .invalidated)
        #expect(store.body("GET h/a/1") == nil)
        #expect(put("GET h/a/1", tags: ["red"]) == .stored)
        #expect(store.body("GET h/a/1") != nil)
        #expect(store.statistics.refusedInvalidated == 1)
    }

    @Test("A fetch that began before a soft rule is stored as stale, but not over a newer one")
    func softFetchUnderWay() throws {
        let before = store.currentEpoch
        store.invalidate([InvalidationRule(.all, isSoft: true)])
        #expect(put("/a", epoch: before) == .stored)
        guard case .found(_, isSoftlyInvalidated: true) = store.find("/a") else {
            Issue.record("expected a softly invalidated response")
            return
        }
        #expect(put("/a") == .stored)
        #expect(put("/a", epoch: before) == .invalidated)
    }

    @Test("The sweeper frees what is dead in small steps and then is done")
    func sweep() throws {
        for number in 0..<2000 { #expect(put("GET h/a/\(number)") == .stored) }
        store.invalidate([InvalidationRule(try pattern("/a/*7"))])
        #expect(store.statistics.entries == 2000)
        var calls = 1
        while !store.sweep(maximumEntries: 100) { calls += 1 }
        #expect(calls > 10)
        #expect(store.statistics.entries == 1800)
        #expect(store.statistics.invalidated == 200)
    }

    @Test("A dry run counts and removes nothing")
    func dryRun() throws {
        for number in 0..<1000 { #expect(put("GET h/a/\(number)") == .stored) }
        #expect(store.count(matching: [InvalidationRule(try pattern("/a/*7"))]) == 100)
        #expect(store.count(matching: [InvalidationRule(.all), InvalidationRule(.tag(hash: 1))]) == 1000)
        #expect(store.count(matching: [InvalidationRule(.all)], budgetBytes: 5000) == nil)
        #expect(store.statistics.entries == 1000)
    }

    @Test("Every variant of a key goes with it")
    func variants() {
        for language in ["en", "de"] {
            let response = makeResponse("/a", rule: "accept-language", secondaryKey: language)
            #expect(store.insert(response) == .stored)
        }
        store.invalidate([InvalidationRule(.key(bytes("/a"), hash: testHash("/a")))])
        #expect(store.statistics.entries == 0)
    }

    @Test("Of one key alone every variant goes, others stay, and no fetch under way is stored (promise 3)")
    func oneKey() {
        for language in ["en", "de"] {
            let response = makeResponse("/a", rule: "accept-language", secondaryKey: language)
            #expect(store.insert(response) == .stored)
        }
        #expect(put("/b") == .stored)
        let before = store.currentEpoch
        #expect(store.invalidate(key: bytes("/a").span, hash: testHash("/a")) == 2)
        #expect(store.statistics.entries == 1)
        #expect(store.statistics.invalidated == 2)
        #expect(put("/a", epoch: before) == .invalidated)
        #expect(store.invalidate(key: bytes("/a").span, hash: testHash("/a")) == 0)
        #expect(put("/a") == .stored)
        #expect(store.body("/b") != nil)
    }

    @Test("A sweep is wanted from an invalidation that entries have to meet until a sweep that begins after it")
    func wantsSweep() {
        let store = MemoryStore(limitBytes: 8 << 20)
        for number in 0..<5000 { _ = store.insert(makeResponse("/\(number)")) }  // all are stored
        store.invalidate([InvalidationRule(.key(bytes("/1"), hash: testHash("/1")))])
        #expect(!store.wantsSweep)
        store.invalidate([InvalidationRule(.tag(hash: 1))])
        #expect(store.wantsSweep)
        #expect(!store.sweep(maximumEntries: 1000))
        #expect(!store.wantsSweep)
        store.invalidate([InvalidationRule(.tag(hash: 2))])
        while !store.sweep(maximumEntries: 1000) {}
        #expect(store.wantsSweep)
        while !store.sweep(maximumEntries: 1000) {}
        #expect(!store.wantsSweep)
    }
}

struct URLPatternTests {
    @Test(
        "Patterns are about the URL part of a key",
        arguments: [
            ("/a/*", "GET h/a/1", true), ("/a/*", "GET /a/1", true), ("/a/*", "GET https://h/a/1", true),
            ("/a/*", "GET h/b/a/1", false), ("h/a/*", "GET h/a/1", true), ("h/a/*", "GET https://h/a/1", true),
            ("h/a/*", "GET g/a/1", false), ("h/a/*", "GET /a/1", false), ("https://h/a/*", "GET https://h/a/1", true),
            ("https://h/a/*", "GET h/a/1", false), ("/a", "GET h/a", true), ("/a", "GET h/a cookie:x=1", true),
            ("http://h/a/*", "GET h/a/1", true), ("http://h/a/*", "GET https://h/a/1", false),
            ("http://*", "GET h/a", true), ("https://*", "GET h/a", false), ("https://*", "GET https://h/a", true),
            ("https://h/*/1", "GET https://h/a/1", true), ("http://h/*/1", "GET https://h/a/1", false),
            ("/a", "GET h/a?q", false), ("*x=1", "GET h/a cookie:x=1", false), ("/a*", "", false), ("*", "", true),
        ])
    func matching(pattern: String, key: String, isMatch: Bool) throws {
        let key = bytes(key)
        let matches = URLPattern(try Glob(pattern)).matches(key: key.span)
        #expect(matches == isMatch)
    }

    @Test("A prefix takes stars as they are")
    func prefix() {
        let pattern = URLPattern(prefix: bytes("/a*").span)
        let (one, other) = (bytes("GET h/a*b"), bytes("GET h/ab"))
        let (first, second) = (pattern.matches(key: one.span), pattern.matches(key: other.span))
        #expect(first)
        #expect(!second)
    }
}
