// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Storage

struct PendingInvalidationsTests {
    private static let few = PendingInvalidations.Limits(
        entries: .init(rows: 8, globs: 8, buckets: 4096), fetches: .init(rows: 8, globs: 8, buckets: 4096))

    private func finding(
        _ pending: PendingInvalidations, key: String = "GET h/k", tags: [UInt64] = [], checked: UInt32
    ) -> InvalidationFinding {
        let key = bytes(key)
        let subject = InvalidationSubject(key: key.span, keyHash: 1, tags: tags.span, epoch: 0)
        return pending.finding(on: subject, checkedAt: checked)
    }

    private func verdict(
        _ pending: PendingInvalidations, key: String = "GET h/k", tags: [UInt64] = [], checked: UInt32
    ) -> InvalidationVerdict { finding(pending, key: key, tags: tags, checked: checked).verdict }

    private func onFetch(
        _ pending: PendingInvalidations, key: String = "GET h/k", hash: UInt64 = 1, tags: [UInt64] = [], epoch: UInt64
    ) -> InvalidationFinding {
        let key = bytes(key)
        return pending.findingOnFetch(
            InvalidationSubject(key: key.span, keyHash: hash, tags: tags.span, epoch: epoch))
    }

    private func prefix(_ text: String, isSoft: Bool = false) -> InvalidationRule {
        InvalidationRule(.pattern(URLPattern(prefix: bytes(text).span)), isSoft: isSoft)
    }

    private func glob(_ text: String, isSoft: Bool = false) throws -> InvalidationRule {
        InvalidationRule(.pattern(URLPattern(try Glob(text))), isSoft: isSoft)
    }

    @Test(
        "A URL without wildcards is found by its hash, in every spelling that a pattern has",
        arguments: [
            ("/a", "GET h/a", true), ("/a", "GET /a", true), ("/a", "GET https://h/a x:1", true),
            ("/a", "GET h/ab", false), ("h/a", "GET h/a", true), ("h/a", "GET https://h/a", true),
            ("h/a", "GET g/a", false), ("https://h/a", "GET https://h/a", true), ("https://h/a", "GET h/a", false),
            ("http://h/a", "GET h/a", true), ("http://h/a", "GET https://h/a", false), ("/a\\*", "GET h/a*", true),
            ("/a\\*", "GET h/ab", false), ("/a?b", "GET h/a?b", true), ("/a?b", "GET h/axb", true),
            ("/a/*/c", "GET h/a/b/c", true), ("/a/*/c", "GET h/a/b/d", false), ("*c", "GET h/a/b/c", true),
            ("h/a/*", "GET https://h/a/", true), ("http://h/a/*", "GET https://h/a/", false), ("*", "GET /", true),
            ("/0123456789abcdef/*", "GET h/0123456789abcdef/x", true), ("/0123456/*", "GET h/0123457/", false),
        ])
    func urls(pattern: String, key: String, isMatch: Bool) throws {
        var pending = PendingInvalidations()
        pending.add(try glob(pattern), epoch: 1)
        #expect(verdict(pending, key: key, checked: 0) == (isMatch ? .hard : .no))
        #expect(verdict(pending, key: key, checked: 1) == .no)
        #expect(onFetch(pending, key: key, epoch: 0).verdict == (isMatch ? .hard : .no))
        #expect(onFetch(pending, key: key, epoch: 1).verdict == .no)
        pending.add(try glob(pattern, isSoft: true), epoch: 2)
        #expect(verdict(pending, key: key, checked: 1) == (isMatch ? .soft : .no))
        #expect(verdict(pending, key: key, checked: 0) == (isMatch ? .hard : .no))
    }

    /// Rules in the tables against the same rules asked one by one.
    @Test("Tables say what each rule says", arguments: 1...20)
    func model(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let words = ["", "a", "b", "ab", "*", "?", "/", "/", "long-word", "0123456789"]
        var pending = PendingInvalidations()
        var rules: [InvalidationRule] = []
        let text = { (random: inout SeededGenerator) in
            let scheme = ["", "", "http://", "https://"].randomElement(using: &random) ?? ""
            let host = scheme.isEmpty ? ["/", "h/", "*"].randomElement(using: &random) ?? "" : "h/"
            return scheme + host + (0..<3).map { _ in words.randomElement(using: &random) ?? "" }.joined()
        }
        for epoch in UInt64(1)...200 {
            let isSoft = Bool.random(using: &random)
            let rule =
                switch Int.random(in: 0..<4, using: &random) {
                case 0: InvalidationRule(.tag(hash: UInt64.random(in: 1...40, using: &random)), isSoft: isSoft)
                case 1: prefix(text(&random), isSoft: isSoft)
                default: try glob(text(&random), isSoft: isSoft)
                }
            rules.append(rule)
            pending.add(rule, epoch: epoch)
            if epoch % 50 == 0 { _ = pending.beginSweep() }
        }
        for _ in 0..<300 {
            let name =
                "GET \(["", "https://"].randomElement(using: &random) ?? "")h/"
                + (0..<3).map { _ in words.randomElement(using: &random) ?? "" }.joined()
            let (key, tags) = (bytes(name), [UInt64.random(in: 1...60, using: &random)])
            let since = Int.random(in: 150...200, using: &random)
            let subject = InvalidationSubject(key: key.span, keyHash: 1, tags: tags.span, epoch: UInt64(since))
            var expected = InvalidationVerdict.no
            for rule in rules[since...] where rule.matches(subject) {
                expected = max(expected, rule.isSoft ? .soft : .hard)
            }
            #expect(verdict(pending, key: name, tags: tags, checked: UInt32(since)) == expected)
            #expect(onFetch(pending, key: name, tags: tags, epoch: UInt64(since)).verdict == expected)
        }
    }

    @Test("What every entry has met is forgotten, and fetches under way meet it still (promise 3)")
    func forgotten() {
        var pending = PendingInvalidations()
        pending.add(prefix("/a/"), epoch: 1)
        pending.add(InvalidationRule(.tag(hash: 5)), epoch: 2)
        let goal = pending.beginSweep()
        pending.add(prefix("/b/"), epoch: 3)
        #expect(pending.counts.sum == 3)
        pending.endSweep(through: goal)
        #expect(pending.counts.sum == 1 && pending.counts.prefixes == 1)
        #expect(verdict(pending, key: "GET h/b/1", checked: 2) == .hard)
        #expect(onFetch(pending, key: "GET h/a/1", epoch: 0).verdict == .hard)
        #expect(onFetch(pending, tags: [5], epoch: 1).verdict == .hard)
        pending.endSweep(through: pending.beginSweep())
        #expect(pending.counts.sum == 0)
    }

    @Test("Rules that nobody sweeps away are folded: a share of older entries suffers, and what has met them does not")
    func folded() {
        var pending = PendingInvalidations(limits: Self.few)
        for number in UInt64(1)...100 { pending.add(InvalidationRule(.tag(hash: number)), epoch: number) }
        #expect(pending.foldedCount > 80)
        #expect(finding(pending, tags: [1], checked: 0) == InvalidationFinding(verdict: .hard, isProved: false))
        #expect(finding(pending, tags: [100], checked: 99) == InvalidationFinding(verdict: .hard))
        #expect(verdict(pending, tags: [1], checked: 100) == .no)
        let suspects = (1000..<2000).count { verdict(pending, tags: [$0], checked: 0) == .hard }
        #expect(suspects < 100, "\(suspects) of 1000")
        pending.endSweep(through: pending.beginSweep())
        #expect((1...2000).allSatisfy { verdict(pending, tags: [$0], checked: 0) == .no })
    }

    @Test("A folded glob stands for all that begins alike, and one without a beginning for everything")
    func foldedGlobs() throws {
        var pending = PendingInvalidations(limits: Self.few)
        for number in UInt64(1)...40 { pending.add(try glob("/a/*\(number)x"), epoch: number) }
        #expect(finding(pending, key: "GET h/a/2x", checked: 0).verdict == .hard)
        #expect(finding(pending, key: "GET h/a/2", checked: 0) == InvalidationFinding(verdict: .hard, isProved: false))
        #expect(verdict(pending, key: "GET h/b/2", checked: 0) == .no)
        #expect(verdict(pending, key: "GET h/a/2", checked: 40) == .no)
        for number in UInt64(41)...80 { pending.add(try glob("*\(number)x"), epoch: number) }
        #expect(finding(pending, key: "GET h/b/2", checked: 0) == InvalidationFinding(verdict: .hard, isProved: false))
        #expect(verdict(pending, key: "GET h/b/2", checked: 80) == .no)
    }

    @Test("Keys invalidated by the thousand keep no other fetch from being stored, and their own they do (promise 3)")
    func manyKeys() {
        var pending = PendingInvalidations()
        for number in UInt64(1)...50_000 {
            pending.addKey(number &* 0x9E37_79B9_7F4A_7C15, epoch: number, isSoft: false)
        }
        let others = (UInt64(1)...1000).count { onFetch(pending, hash: $0 &* 31, epoch: 0).verdict != .no }
        #expect(others == 0 && pending.foldedCount == 0)
        #expect(onFetch(pending, hash: 0x9E37_79B9_7F4A_7C15, epoch: 0).verdict == .hard)
        #expect(onFetch(pending, hash: 0x9E37_79B9_7F4A_7C15, epoch: 1).verdict == .no)
        #expect(pending.counts.sum == 0)
    }

    @Test("However many rules come, tables stay within what is set apart for them (promise 7)")
    func memory() throws {
        let limits = PendingInvalidations.Limits(memoryBytes: 8 << 20)
        var pending = PendingInvalidations(limits: limits)
        for number in UInt64(1)...30_000 {
            pending.add(InvalidationRule(.tag(hash: number)), epoch: number)
            pending.addKey(number, epoch: number, isSoft: number % 2 == 0)
        }
        #expect(pending.allocatedBytes <= limits.bytes + 1024)
        // Long ones, whose `?` take tables.
        for number in UInt64(1)...200 {
            let text = "/a/*" + String(repeating: "ab?", count: 1000) + "\(number)*"
            pending.add(try glob(text), epoch: 30_000 + number)
        }
        #expect(pending.allocatedBytes <= limits.bytes + 1 << 20)
        #expect(limits.bytes < (8 << 20) / 30)
        #expect(PendingInvalidations.Limits(memoryBytes: 256 << 20).bytes < 8 << 20)
    }
}

extension PendingInvalidations.Limits {
    init(entries: RecentRules<UInt64>.Limits, fetches: RecentRules<UInt64>.Limits) {
        self.init(memoryBytes: 0)
        self.entries = entries
        self.fetches = fetches
    }
}
