// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Storage

struct SharedInvalidationTests {
    private let store = MemoryStore(limitBytes: 64 << 20, shardCount: 4)
    private static let start = Moment(monotonicNanoseconds: 0, wallNanoseconds: 0)

    private static func at(_ milliseconds: UInt64, _ sequence: UInt64 = 0) -> SharedEpoch {
        SharedEpoch(milliseconds: milliseconds, sequence: sequence)
    }

    init() {
        store.restartSharedLog(Self.log, first: Self.at(100))
        store.followSharedLog(from: Self.at(100))
        store.confirmShared(untilMonotonicNanoseconds: 1_000)
    }

    private func key(_ key: String, isSoft: Bool = false) -> InvalidationRule {
        InvalidationRule(.key(bytes(key), hash: testHash(key)), isSoft: isSoft)
    }

    private static let log = LogGeneration(number: 7)

    private static func place(_ milliseconds: UInt64, in log: LogGeneration = log) -> RecordEpoch {
        RecordEpoch(generation: log, epoch: at(milliseconds))
    }

    private func judge(
        _ key: String, tags: [String] = [], since epoch: SharedEpoch, in log: LogGeneration = Self.log,
        at now: Moment = Self.start
    ) -> InvalidationVerdict { judgeWhole(key, tags: tags, since: epoch, in: log, at: now).verdict }

    private func judgeWhole(
        _ key: String, tags: [String] = [], since epoch: SharedEpoch, in log: LogGeneration = Self.log,
        at now: Moment = Self.start
    ) -> SharedVerdict {
        let epoch = RecordEpoch(generation: log, epoch: epoch)
        let key = (bytes(key), testHash(key))
        let tags = tags.map(testHash)
        return store.judge(key: key.0.span, hash: key.1, tags: tags.span, since: epoch, now: now)
    }

    @Test(
        "A shared epoch is read as Redis writes it, and nothing else is",
        arguments: [
            ("0-0", at(0)), ("1700000000000-3", at(1_700_000_000_000, 3)),
            ("18446744073709551615-18446744073709551615", at(.max, .max)), ("", nil), ("5", nil), ("5-", nil),
            ("-5", nil), ("5-1-2", nil), ("5 -1", nil), ("18446744073709551616-0", nil), ("a-b", nil),
        ] as [(String, SharedEpoch?)])
    func text(_ text: String, epoch: SharedEpoch?) {
        #expect(SharedEpoch(bytes(text).span) == epoch)
        if let epoch { #expect(epoch.description == text) }
    }

    @Test("A record is judged by what is newer than it, and by nothing else (promise 3)")
    func judging() throws {
        let pattern = InvalidationRule(.pattern(URLPattern(try Glob("/b/*"))))
        store.applyShared([
            SharedInvalidation(Self.at(110), [key("GET h/a")]),
            SharedInvalidation(Self.at(120), [InvalidationRule(.tag(hash: testHash("red")), isSoft: true)]),
            SharedInvalidation(Self.at(120, 1), [pattern]),
        ])
        #expect(judge("GET h/a", since: Self.at(109)) == .hard)
        #expect(judge("GET h/a", since: Self.at(110)) == .no)
        #expect(judge("GET h/x", tags: ["blue", "red"], since: Self.at(119)) == .soft)
        #expect(judge("GET h/x", tags: ["blue", "red"], since: Self.at(120)) == .no)
        #expect(judge("GET h/b/1", tags: ["red"], since: Self.at(110)) == .hard)
        #expect(judge("GET h/b/1", tags: ["red"], since: Self.at(120)) == .hard)
        #expect(judge("GET h/b/1", tags: ["red"], since: Self.at(120, 1)) == .no)
        store.applyShared([SharedInvalidation(Self.at(130), [InvalidationRule(.all)])])
        #expect(judge("GET h/x", since: Self.at(120, 1)) == .hard)
        #expect(judge("GET h/x", since: Self.at(130)) == .no)
    }

    @Test("What cannot be proved valid is not: too old, too new, no log, out of touch")
    func unprovable() {
        #expect(judge("GET h/a", since: Self.at(99)) == .hard)
        #expect(judge("GET h/a", since: Self.at(100)) == .no)
        #expect(judge("GET h/a", since: Self.at(101)) == .hard)
        #expect(
            judge("GET h/a", since: Self.at(100), at: Moment(monotonicNanoseconds: 1_000, wallNanoseconds: 0)) == .hard)
        store.restartSharedLog(Self.log, first: Self.at(100))
        #expect(judge("GET h/a", since: Self.at(100)) == .hard)
    }

    @Test("An invalidation issued here counts against records before it has come back from the log (promise 3)")
    func pending() {
        let own = store.issue([key("GET h/a")])
        #expect(judge("GET h/a", since: Self.at(100)) == .hard)
        #expect(judge("GET h/b", since: Self.at(100)) == .no)
        store.applyShared([SharedInvalidation(Self.at(110), [key("GET h/a")], ownEpoch: own)])
        #expect(store.pendingSharedCount == 0)
        #expect(judge("GET h/a", since: Self.at(100)) == .hard)
        #expect(judge("GET h/a", since: Self.at(110)) == .no)
    }

    @Test("One that invalidates everything stands for those issued before it that were never sent")
    func collapsed() {
        store.issueAll(["GET h/a", "GET h/b"].map { key($0) })
        let own = store.issue([InvalidationRule(.all)])
        store.issueAll([key("GET h/c")])
        store.applyShared([SharedInvalidation(Self.at(110), [InvalidationRule(.all)], ownEpoch: own)])
        #expect(store.pendingSharedCount == 1)
    }

    @Test("Own entries of the log are not applied a second time")
    func ownOnce() {
        let own = store.issue([key("GET h/a")])
        #expect(store.insert(makeResponse("GET h/a", epoch: store.currentEpoch)) == .stored)
        store.applyShared([SharedInvalidation(Self.at(110), [key("GET h/a")], ownEpoch: own)])
        #expect(store.body("GET h/a") != nil)
        store.applyShared([SharedInvalidation(Self.at(111), [key("GET h/a")])])
        #expect(store.body("GET h/a") == nil)
    }

    @Test("A record says the newest shared epoch of which its fetch knew everything (promise 3)")
    func relation() {
        #expect(store.recordEpoch(of: store.currentEpoch - 1) == nil)
        let first = store.currentEpoch
        #expect(store.recordEpoch(of: first) == Self.place(100))
        store.applyShared([SharedInvalidation(Self.at(110), [key("GET h/a")])])
        #expect(store.recordEpoch(of: first) == Self.place(100))
        #expect(store.recordEpoch(of: store.currentEpoch) == Self.place(110))
        let own = store.issue([key("GET h/b")])
        store.applyShared([SharedInvalidation(Self.at(120), [key("GET h/c")])])
        #expect(store.recordEpoch(of: own) == Self.place(110))
        store.applyShared([SharedInvalidation(Self.at(130), [key("GET h/b")], ownEpoch: own)])
        #expect(store.recordEpoch(of: own) == Self.place(110))
        #expect(store.recordEpoch(of: store.currentEpoch) == Self.place(130))
    }

    @Test("A response taken from a record is stored only if nothing came meanwhile (promise 3)")
    func storedAfterJudging() {
        let verdict = judgeWhole("GET h/a", since: Self.at(100))
        store.applyShared([SharedInvalidation(Self.at(110), [key("GET h/a")])])
        #expect(verdict.verdict == .no)
        #expect(store.insert(makeResponse("GET h/a", epoch: verdict.epoch)) == .invalidated)
    }

    @Test("When the log is followed anew, nothing is left in memory")
    func restart() {
        #expect(store.insert(makeResponse("GET h/a", epoch: store.currentEpoch)) == .stored)
        store.restartSharedLog(Self.log, first: Self.at(90))
        store.loadShared([SharedInvalidation(Self.at(95), [key("GET h/b")])])
        store.followSharedLog(from: Self.at(96))
        store.confirmShared(untilMonotonicNanoseconds: 1_000)
        #expect(store.body("GET h/a") == nil)
        #expect(judge("GET h/b", since: Self.at(94)) == .hard)
        #expect(judge("GET h/b", since: Self.at(95)) == .no)
    }

    @Test("Records of another log prove nothing, whatever their IDs are (promise 3)")
    func anotherLog() {
        let other = LogGeneration(number: 8)
        #expect(judge("GET h/a", since: Self.at(100), in: other) == .hard)
        #expect(judge("GET h/a", since: Self.at(100), in: .none) == .hard)
        let subject = (bytes("GET h/a"), testHash("GET h/a"))
        for (log, isDead) in [(other, true), (.none, true), (Self.log, false)] {
            #expect(
                store.isInvalidated(
                    key: subject.0.span, hash: subject.1, tags: Span(), since: Self.place(100, in: log)) == isDead)
        }
    }

    @Test("A log that is read anew is relied on only when that was confirmed again (promise 3)")
    func unconfirmedRestart() {
        store.restartSharedLog(Self.log, first: Self.at(100))
        store.followSharedLog(from: Self.at(100))
        #expect(!store.isConfirmed(Self.start) && judge("GET h/a", since: Self.at(100)) == .hard)
        store.confirmShared(untilMonotonicNanoseconds: 1_000)
        #expect(judge("GET h/a", since: Self.at(100)) == .no)
    }

    @Test("A new log with all that was applied leaves memory alone, and takes no record of the old one (promise 3)")
    func adopted() {
        let other = LogGeneration(number: 8)
        let before = store.currentEpoch
        #expect(store.insert(makeResponse("GET h/a", epoch: before)) == .stored)
        store.adoptSharedLog(other)
        #expect(store.body("GET h/a") != nil && store.isConfirmed(Self.start))
        #expect(judge("GET h/b", since: Self.at(100)) == .hard)
        #expect(judge("GET h/b", since: Self.at(100), in: other) == .no)
        #expect(store.recordEpoch(of: before) == nil)
        #expect(store.recordEpoch(of: store.currentEpoch) == Self.place(100, in: other))
    }

    @Test("Of rules too many to be kept one by one a share of older records suffers, and none that is newer")
    func bounds() throws {
        var history = InvalidationHistory(limits: .init(rules: .init(rows: 4, globs: 4, buckets: 1024), steps: 4))
        history.restart(Self.log, floor: .zero)
        history.follow(from: Self.at(100), local: 10)
        for number in UInt64(1)...40 {
            let rule =
                number % 8 == 0
                ? InvalidationRule(.pattern(URLPattern(try Glob("/\(number)*x")))) : .init(.tag(hash: number))
            history.append(SharedInvalidation(Self.at(100 + number), [rule]), local: 10 + number)
        }
        #expect(history.foldedCount > 20 && history.floor == .zero)
        let finding = { (tag: UInt64, since: UInt64) in
            let (key, tags) = (bytes("GET h/k"), [tag])
            return history.finding(
                on: InvalidationSubject(key: key.span, keyHash: 1, tags: tags.span, epoch: 0), since: Self.place(since))
        }
        #expect(finding(1, 100) == InvalidationFinding(verdict: .hard, isProved: false))
        #expect(finding(1, 130).verdict == .no)
        #expect(finding(39, 138) == InvalidationFinding(verdict: .hard))
        let unproved = (1000..<2000).count { finding($0, 100).verdict == .hard }
        #expect(unproved < 80, "a share of \(unproved) in 1000")
    }

    @Test("When there are many steps, what was fetched long ago counts as fetched a little earlier still (promise 3)")
    func steps() {
        var history = InvalidationHistory(limits: .init(steps: 8))
        history.follow(from: Self.at(100), local: 10)
        for number in UInt64(1)...100 {
            history.append(SharedInvalidation(Self.at(100 + number), [.init(.tag(hash: 1))]), local: 10 + number)
        }
        for local in UInt64(10)...110 {
            let epoch = history.recordEpoch(of: local)?.epoch
            #expect(epoch.map { $0 >= Self.at(100) && $0 <= Self.at(90 + local) } == true)
        }
        #expect(history.recordEpoch(of: 110)?.epoch == Self.at(200))
        #expect(history.recordEpoch(of: 108)?.epoch == Self.at(198))
    }

    @Test("Records are judged alike when 20,000 rules of each kind that do not match have come since")
    func manyRules() throws {
        for number in UInt64(0)..<20_000 {
            store.applyShared([
                SharedInvalidation(
                    Self.at(200, number),
                    [
                        key("GET h/other/\(number)"), InvalidationRule(.tag(hash: number &+ 1)),
                        InvalidationRule(.pattern(URLPattern(prefix: bytes("/other/\(number)/").span))),
                    ])
            ])
        }
        for number in 0..<1000 { #expect(judge("GET h/k/\(number)", tags: ["red"], since: Self.at(100)) == .no) }
        #expect(judge("GET h/other/7", since: Self.at(100)) == .hard)
        #expect(judge("GET h/other/7/x", since: Self.at(100)) == .hard)
        #expect(store.sharedLosses == (0, 0))
    }

    /// Two nodes and the log between them, in random order: whatever a record says, nothing that began before an
    /// invalidation that the reader knows is taken.
    @Test("Random histories of two nodes never let a record pass that an invalidation is newer than", arguments: 0..<40)
    func model(seed: UInt64) {
        var world = SharedModel(seed: seed)
        for _ in 0..<2000 { world.step() }
        #expect(world.taken > 0)
        #expect(world.violations == [])
    }
}

extension MemoryStore {
    fileprivate func issueAll(_ rules: [InvalidationRule]) {
        for rule in rules { _ = issue([rule]) }  // their epochs are of no interest
    }
}

/// Two stores, a log, and records that carry the real time at which their fetch began.
private struct SharedModel {
    struct Entry {
        var epoch: SharedEpoch
        var rule: InvalidationRule
        var node: Int
        var ownEpoch: UInt64
    }

    struct Record {
        var epoch: RecordEpoch
        var began: Int
    }

    let stores = [MemoryStore(limitBytes: 16 << 20, shardCount: 1), MemoryStore(limitBytes: 16 << 20, shardCount: 1)]
    var log: [Entry] = []
    var unsent: [[(rule: InvalidationRule, key: Int, epoch: UInt64)]] = [[], []]
    /// How much of the log each has read.
    var read = [0, 0]
    /// By node and key: when the newest invalidation that the node knows was issued.
    var known = [[Int]](repeating: [Int](repeating: -1, count: keyCount), count: 2)
    var issuedAt: [SharedEpoch: (key: Int, time: Int)] = [:]
    var issueTimes: [[Int]] = [[], []]
    var records: [Int: Record] = [:]
    var fetches: [(node: Int, key: Int, began: Int, epoch: UInt64)] = []
    var time = 0
    var random: SeededGenerator
    var taken = 0
    var violations: [String] = []

    static let keyCount = 3
    static let generation = LogGeneration(number: 1)
    static let now = Moment(monotonicNanoseconds: 0, wallNanoseconds: 0)

    init(seed: UInt64) {
        random = SeededGenerator(state: seed)
        for store in stores {
            store.restartSharedLog(Self.generation, first: .zero)
            store.followSharedLog(from: .zero)
            store.confirmShared(untilMonotonicNanoseconds: .max)
        }
    }

    mutating func step() {
        time += 1
        let node = Int.random(in: 0..<2, using: &random)
        let key = Int.random(in: 0..<Self.keyCount, using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0: issue(node, key)
        case 1, 2, 3: send(node)
        case 4, 5, 6: readLog(node)
        case 7, 8: fetches.append((node, key, time, stores[node].currentEpoch))
        case 9: write()
        default: take(node, key)
        }
    }

    private func name(_ key: Int) -> String { "GET h/\(key)" }

    private mutating func issue(_ node: Int, _ key: Int) {
        let name = name(key)
        let rule = InvalidationRule(.key(bytes(name), hash: testHash(name)))
        unsent[node].append((rule, key, stores[node].issue([rule])))
        issueTimes[node].append(time)
        known[node][key] = time
    }

    private mutating func send(_ node: Int) {
        guard !unsent[node].isEmpty else { return }
        let (rule, key, own) = unsent[node].removeFirst()
        let epoch = SharedEpoch(milliseconds: UInt64(log.count / 3 + 1), sequence: UInt64(log.count))
        log.append(Entry(epoch: epoch, rule: rule, node: node, ownEpoch: own))
        issuedAt[epoch] = (key, issueTimes[node].removeFirst())
    }

    private mutating func readLog(_ node: Int) {
        let count = min(Int.random(in: 1...3, using: &random), log.count - read[node])
        let entries = log[read[node]..<read[node] + count]
        read[node] += count
        stores[node].applyShared(
            entries.map { SharedInvalidation($0.epoch, [$0.rule], ownEpoch: $0.node == node ? $0.ownEpoch : nil) })
        for entry in entries {
            guard let (key, time) = issuedAt[entry.epoch] else { continue }
            known[node][key] = max(known[node][key], time)
        }
    }

    private mutating func write() {
        guard !fetches.isEmpty else { return }
        let fetch = fetches.remove(at: Int.random(in: 0..<fetches.count, using: &random))
        guard let epoch = stores[fetch.node].recordEpoch(of: fetch.epoch) else { return }
        records[fetch.key] = Record(epoch: epoch, began: fetch.began)
    }

    private mutating func take(_ node: Int, _ key: Int) {
        guard let record = records[key] else { return }
        let name = bytes(name(key))
        let verdict = stores[node].judge(
            key: name.span, hash: testHash(self.name(key)), tags: Span(), since: record.epoch, now: Self.now)
        guard verdict.verdict == .no else { return }
        taken += 1
        if record.began < known[node][key] { violations.append("key \(key) of \(record.began) at \(time)") }
    }
}
