// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@testable import Storage

/// The store against a dictionary and a list of all invalidations ever.
private struct Model {
    struct Stored {
        var body: [UInt8]
        var epoch: UInt64
        var tags: [String]
    }

    var stored: [String: Stored] = [:]
    var invalidations: [(epoch: UInt64, kills: (String, [String]) -> Bool)] = []

    /// Whether it may be served at all; the store may know less, never more.
    func isValid(_ key: String, _ stored: Stored) -> Bool {
        !invalidations.contains { $0.epoch > stored.epoch && $0.kills(key, stored.tags) }
    }
}

struct MemoryStoreModelTests {
    private let keys = (0..<60).map { "GET h/\($0 % 5)/\($0)" }
    private let tags = ["red", "green", "blue"]

    @Test("Random operations never show another key's or an invalidated response (promises 2 and 3)", arguments: 1...6)
    func randomOperations(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        // Room for about half of the keys in odd runs; in even ones nothing is evicted and nothing may be missing.
        let isRoomy = seed % 2 == 0
        let store = MemoryStore(limitBytes: isRoomy ? 8 << 20 : 300_000, shardCount: 2)
        var model = Model()
        var began: [UInt64] = [0]
        var hits = 0
        var needlessRefusals = 0
        for step in 0..<20_000 {
            let key = keys[Int.random(in: 0..<keys.count, using: &generator)]
            let hash = testHash(key) & (seed % 3 == 0 ? 0x0000_0001_0000_0001 : .max)
            switch Int.random(in: 0..<100, using: &generator) {
            case 0..<25: began.append(store.currentEpoch)
            case 25..<50:
                let epoch = began.remove(at: Int.random(in: 0..<began.count, using: &generator))
                if began.isEmpty { began.append(store.currentEpoch) }
                let stored = Model.Stored(
                    body: bytes("\(key)#\(step)") + [UInt8](repeating: 0, count: step % 3000), epoch: epoch,
                    tags: tags.filter { _ in Bool.random(using: &generator) })
                let response = makeResponse(key, hash: hash, tags: stored.tags, epoch: epoch, body: stored.body)
                switch store.insert(response) {
                case .stored: model.stored[key] = stored
                case .invalidated: if model.isValid(key, stored) { needlessRefusals += 1 }
                case .notAdmitted: model.stored[key] = nil
                case .tooLarge: Issue.record("nothing here is too large")
                }
            case 50..<95:
                guard let body = store.body(key, hash: hash) else {
                    let isMissing = model.stored[key].map { model.isValid(key, $0) } ?? false
                    if isRoomy && seed % 3 != 0 { #expect(!isMissing, "step \(step)") }
                    continue
                }
                hits += 1
                let stored = try #require(model.stored[key], "step \(step)")
                #expect(stored.body == body, "step \(step)")
                #expect(model.isValid(key, stored), "step \(step)")
            case 95..<98: invalidate(store, &model, key, hash, &generator)
            default: _ = store.sweep(maximumEntries: 20)  // whether it is done does not matter
            }
        }
        #expect(hits > 500)
        // Tables that are bounded may refuse what they cannot prove valid, but not often.
        #expect(needlessRefusals < (seed % 3 == 0 ? 5000 : 500))
    }

    private func invalidate(
        _ store: MemoryStore, _ model: inout Model, _ key: String, _ hash: UInt64,
        _ generator: inout SeededGenerator
    ) {
        let tag = tags[Int.random(in: 0..<tags.count, using: &generator)]
        let folder = String(key.dropFirst(5).prefix { $0 != "/" })
        let target: InvalidationRule.Target
        let kills: (String, [String]) -> Bool
        switch Int.random(in: 0..<20, using: &generator) {
        case 0:
            target = .all
            kills = { _, _ in true }
        case 1..<4:
            target = .tag(hash: testHash(tag))
            kills = { _, tags in tags.contains(tag) }
        case 4..<9:
            target = .pattern(URLPattern(prefix: bytes("/\(folder)/").span))
            kills = { key, _ in key.hasPrefix("GET h/\(folder)/") }
        default:
            target = .key(bytes(key), hash: hash)
            kills = { other, _ in other == key }
        }
        let epoch = store.invalidate([InvalidationRule(target)])
        model.invalidations.append((epoch, kills))
    }
}
