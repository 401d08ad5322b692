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
        #expect(store.statistics.unproved == 0)
    }
}
