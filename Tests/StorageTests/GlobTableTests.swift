// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Storage

struct GlobTableTests {
    private struct Written {
        var pattern: URLPattern
        var stamp: UInt64
        var isSoft: Bool
    }

    private func add(_ rule: Written, to set: inout RuleSet<UInt64>) {
        set.add(rule.pattern, at: rule.stamp, isSoft: rule.isSoft)
    }

    private func verdict(_ set: RuleSet<UInt64>, _ key: [UInt8], since stamp: UInt64) -> InvalidationVerdict {
        let key = key
        let subject = InvalidationSubject(key: key.span, keyHash: 1, tags: [UInt64]().span, epoch: 0)
        var verdict = set.verdict(onGramsOf: key.span, since: stamp)
        subject.forEachHash(set.kinds) { _ in
        } head: { hash, text in
            verdict = max(verdict, set.verdict(onHead: hash, of: text, since: stamp))
        }
        return verdict
    }

    /// Few letters, so that many begin alike, contain the same, and match.
    @Test("It says what each of many globs says that begin alike", arguments: 1...20)
    func model(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let words = ["a", "b", "ab", "ba", "aab", "abba", "*", "*", "?", "/", "12", "123", "1234"]
        let word = { (random: inout SeededGenerator) in words.randomElement(using: &random) ?? "" }
        var set = RuleSet<UInt64>()
        var written: [Written] = []
        for stamp in UInt64(1)...400 {
            let start =
                ["/v*", "/v*", "/v*", "h/v*", "https://h/v*", "http://h/*", "*"].randomElement(using: &random) ?? ""
            let text = start + (0..<Int.random(in: 0...4, using: &random)).map { _ in word(&random) }.joined() + "?"
            let rule = Written(
                pattern: URLPattern(try Glob(text)), stamp: stamp, isSoft: Bool.random(using: &random))
            add(rule, to: &set)
            written.append(rule)
        }
        #expect(set.hasGrams)
        for _ in 0..<400 {
            let scheme = ["", "https://"].randomElement(using: &random) ?? ""
            let words = (0..<Int.random(in: 0...6, using: &random)).map { _ in word(&random) }
            let key = bytes(
                "GET \(scheme)h/v" + words.joined() + ["", " plan=a"][Int.random(in: 0...1, using: &random)])
            let since = UInt64.random(in: 300...400, using: &random)
            var expected = InvalidationVerdict.no
            for rule in written where rule.stamp > since && rule.pattern.matches(key: key.span) {
                expected = max(expected, rule.isSoft ? .soft : .hard)
            }
            #expect(verdict(set, key, since: since) == expected)
        }
    }

    @Test("The same globs again and again take no more room, and count as new")
    func again() throws {
        var set = RuleSet<UInt64>()
        var stamp: UInt64 = 0
        var bytesOfAll = 0
        for round in 0..<10 {
            for number in 0..<100 {
                stamp += 1
                set.add(URLPattern(try Glob("/v*/\(number)/x")), at: stamp, isSoft: false)
            }
            if round == 0 { bytesOfAll = set.globBytes }
        }
        #expect(set.globCount == 100 && set.globBytes == bytesOfAll)
        #expect(verdict(set, bytes("GET h/v1/7/x"), since: 907) == .hard)
        #expect(verdict(set, bytes("GET h/v1/7/x"), since: 908) == .no)
        #expect(verdict(set, bytes("GET h/v1/99/x"), since: 999) == .hard)
    }

    @Test("A text that repeats what globs are found by costs no more than to look at each once")
    func repetition() throws {
        var set = RuleSet<UInt64>()
        for number in UInt64(1)...2000 {
            set.add(URLPattern(try Glob("/v*-abc*-abc?*\(number)z")), at: number, isSoft: false)
        }
        let key = bytes("GET h/v" + String(repeating: "-abc", count: 2000))
        let time = ContinuousClock().measure { #expect(verdict(set, key, since: 0) == .no) }
        #expect(time < .seconds(2))
        #expect(verdict(set, key + bytes("1999z"), since: 0) == .hard)
    }
}
