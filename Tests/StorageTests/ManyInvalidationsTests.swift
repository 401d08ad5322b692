// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Storage

/// Far more rules than the tables hold, in no time, and nobody but who issues them to sweep.
struct ManyInvalidationsTests {
    // Room for 1,536 rules that entries have not met.
    private let store = MemoryStore(limitBytes: 8 << 20, shardCount: 4)
    private static let entryCount = 5000
    private static let ruleCount = 6000

    private func rule(_ kind: Int, _ number: Int) throws -> InvalidationRule {
        switch kind {
        case 0: InvalidationRule(.tag(hash: testHash("other\(number)")))
        case 1: InvalidationRule(.pattern(URLPattern(prefix: bytes("/other/\(number)/").span)))
        case 2: InvalidationRule(.pattern(URLPattern(try Glob("h/other/\(number)"))))
        default: InvalidationRule(.key(bytes("GET h/o/\(number)"), hash: testHash("GET h/o/\(number)")))
        }
    }

    private func fill() {
        for number in 0..<Self.entryCount {
            _ = store.insert(  // all are stored, which `hits` shows
                makeResponse("GET h/page/\(number)", tags: ["page", "page\(number)"], epoch: store.currentEpoch))
        }
    }

    private var hits: Int { (0..<Self.entryCount).count { store.body("GET h/page/\($0)") != nil } }

    @Test("What no rule names stays, and what one names is gone at once (promise 3)", arguments: 0..<4)
    func others(kind: Int) throws {
        fill()
        #expect(hits == Self.entryCount)
        let (bytes, before) = (store.accountedBytes, store.currentEpoch)
        for number in 0..<Self.ruleCount { store.invalidate([try rule(kind, number)]) }
        #expect(hits == Self.entryCount)
        store.invalidate([InvalidationRule(.tag(hash: testHash("page7")))])
        #expect(store.body("GET h/page/7") == nil)
        store.invalidate([InvalidationRule(.pattern(URLPattern(prefix: Array("/page/12".utf8).span)))])
        #expect(hits == Self.entryCount - 1 - 111)
        #expect(store.pendingRules.folded == 0 && store.statistics.unproved == 0)
        #expect(store.accountedBytes <= bytes)
        // A fetch that was under way all the time.
        #expect(store.insert(makeResponse("GET h/late", epoch: before)) == .stored)
        #expect(store.insert(makeResponse("GET h/page/12", epoch: before)) == .invalidated)
    }

    @Test("Globs are swept away before they are too many as well")
    func globs() throws {
        fill()
        for number in 0..<800 {
            store.invalidate([InvalidationRule(.pattern(URLPattern(try Glob("/other/*/\(number)"))))])
        }
        #expect(hits == Self.entryCount)
        store.invalidate([InvalidationRule(.pattern(URLPattern(try Glob("/page/*7"))))])
        #expect(hits == Self.entryCount - 500)
        #expect(store.pendingRules.folded == 0)
    }

    @Test("A thousand rules in one call, again and again")
    func calls() throws {
        fill()
        for call in 0..<8 {
            store.invalidate(try (0..<1000).map { try rule($0 % 3, call * 1000 + $0) })
        }
        #expect(hits == Self.entryCount)
        #expect(store.statistics.unproved == 0 && store.foldedEntryRules == 0)
    }

    @Test(
        "Thousands of globs that begin alike, in calls of a thousand, with the least memory (promise 3)",
        arguments: [1, 2, 8])
    func globsThatBeginAlike(megabytes: Int) throws {
        let store = MemoryStore(limitBytes: megabytes << 20, shardCount: 4)
        for number in 0..<200 { _ = store.insert(makeResponse("GET h/v\(number)", epoch: store.currentEpoch)) }
        let kept = { (0..<200).count { store.body("GET h/v\($0)") != nil } }
        #expect(kept() == 200)
        for call in 0..<20 {
            store.invalidate(
                try (0..<1000).map { InvalidationRule(.pattern(URLPattern(try Glob("/v*z\(call)-\($0)*")))) })
            #expect(kept() == 200)
        }
        #expect(store.statistics.unproved == 0 && store.foldedEntryRules == 0)
        #expect(store.ruleWaitCount > 0)
        store.invalidate(
            try (0..<1000).map { InvalidationRule(.pattern(URLPattern(try Glob("/v*\($0 % 2 == 0 ? $0 : -$0)")))) })
        #expect(kept() == 0 || (0..<200).allSatisfy { store.body("GET h/v\($0)") == nil || $0 % 2 == 1 })
    }

    @Test("One call of more rules than there is room for: each holds, and nothing else goes")
    func oneCallBeyondAllRoom() throws {
        fill()
        let rules = try (0..<20_000).map { number in
            number % 1000 == 7
                ? InvalidationRule(.tag(hash: testHash("page\(number / 1000)"))) : try rule(number % 3, number)
        }
        let before = store.currentEpoch
        store.invalidate(rules)
        #expect(hits == Self.entryCount - 20)
        #expect(store.statistics.unproved == 0 && store.foldedEntryRules == 0)
        #expect(store.insert(makeResponse("GET h/late", tags: ["page3"], epoch: before)) == .invalidated)
    }

    @Test("Many threads at once, each with rules of its own (promise 3)", .timeLimit(.minutes(10)))
    func threads() async throws {
        fill()
        let store = store
        try await withThrowingTaskGroup(of: Void.self) { group in
            for thread in 0..<6 {
                group.addTask {
                    for number in 0..<600 {
                        let url = try Glob("h/write/\(thread)/\(number)")
                        store.invalidate([InvalidationRule(.pattern(URLPattern(url)))])
                        let glob = try Glob("/page/*x\(thread)-\(number)")
                        if number % 4 == 0 { store.invalidate([InvalidationRule(.pattern(URLPattern(glob)))]) }
                    }
                    store.invalidate([InvalidationRule(.tag(hash: testHash("page\(thread)")))])
                }
            }
            try await group.waitForAll()
        }
        #expect(hits == Self.entryCount - 6)
        #expect(store.statistics.unproved == 0 && store.foldedEntryRules == 0)
    }

    @Test("Rules that others put into the shared log meet the same room (promise 3)")
    func fromTheLog() throws {
        fill()
        store.restartSharedLog(LogGeneration.none, first: .zero)
        store.followSharedLog(from: SharedEpoch(milliseconds: 1, sequence: 0))
        fill()
        for entry in UInt64(1)...12 {
            let rules = try (0..<1000).map {
                InvalidationRule(.pattern(URLPattern(try Glob("/page/*z\(entry)-\($0)*"))))
            }
            store.applyShared([SharedInvalidation(SharedEpoch(milliseconds: 1 + entry, sequence: 0), rules)])
        }
        #expect(hits == Self.entryCount)
        let own = store.issue(try (0..<4000).map { try rule($0 % 3, $0) } + [.init(.tag(hash: testHash("page5")))])
        #expect(hits == Self.entryCount - 1)
        #expect(store.pendingSharedCount == 1)
        store.applyShared([SharedInvalidation(SharedEpoch(milliseconds: 20, sequence: 0), [], ownEpoch: own)])
        #expect(store.pendingSharedCount == 0)
        #expect(store.statistics.unproved == 0 && store.foldedEntryRules == 0)
    }
}
