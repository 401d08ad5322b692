// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@Suite struct GlobTests {
    @Test(arguments: [
        ("", ""), ("*", ""), ("*", "anything/at/all"), ("/api/*", "/api/"), ("/api/*", "/api/a/b"),
        ("/a?c", "/abc"), ("*.json", "/x/y.json"), ("/a*b*c", "/aXbXbc"), ("a**b", "ab"), ("*a*", "bab"),
        ("/a\\*b", "/a*b"), ("\\?", "?"), ("\\\\", "\\"), ("?*", "x"), ("*ab", "aab"),
        ("users:*:profile", "users:7:profile"),
    ])
    func matches(pattern: String, text: String) throws {
        #expect(try Glob(pattern).matches(Array(text.utf8).span))
    }

    @Test(arguments: [
        ("", "a"), ("a", ""), ("/api/*", "/api"), ("/a?c", "/ac"), ("*.json", "/x.jsonp"), ("/a\\*b", "/aXb"),
        ("a*b", "a"), ("?", ""), ("/A", "/a"), ("*b", "ba"), ("/x", "/xy"),
    ])
    func doesNotMatch(pattern: String, text: String) throws {
        #expect(try !Glob(pattern).matches(Array(text.utf8).span))
    }

    private func prefix(_ pattern: String) throws -> String {
        let glob = try Glob(pattern)
        return glob.literalPrefix.text()
    }

    @Test func knowsItsLiteralPrefix() throws {
        #expect(try prefix("/a\\*b/*") == "/a*b/")
        #expect(try prefix("*x") == "")
        #expect(try Glob("/a").isLiteral)
        #expect(try Glob("/a*").isPrefix)
        #expect(try !Glob("/a*b").isPrefix)
    }

    @Test func refusesADanglingEscapeAndTooLongAPattern() {
        #expect(throws: GlobError.danglingEscape) { try Glob("a\\") }
        #expect(throws: GlobError.tooLong(limit: 3)) { try Glob("abcd", limit: 3) }
    }

    /// By trying every way.
    private static func matchesSlowly(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == UInt8(ascii: "*") {
            return matchesSlowly(pattern.dropFirst(), text)
                || !text.isEmpty && matchesSlowly(pattern, text.dropFirst())
        }
        guard let byte = text.first, first == byte || first == UInt8(ascii: "?") else { return false }
        return matchesSlowly(pattern.dropFirst(), text.dropFirst())
    }

    @Test("Every pattern and text over few letters match as the definition says", arguments: 1...8)
    func definition(seed: UInt64) throws {
        var state = seed
        func next(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33 % bound
        }
        for _ in 0..<2000 {
            let pattern = (0..<next(9)).map { _ in Array("aab?*".utf8)[Int(next(5))] }
            let text = (0..<next(12)).map { _ in Array("aab".utf8)[Int(next(3))] }
            let expected = Self.matchesSlowly(pattern[...], text[...])
            let matches = try Glob(pattern.span).matches(text.span)
            #expect(matches == expected, "\(pattern) \(text)")
        }
    }

    @Test("What is longer than a word is found too", arguments: [60, 63, 64, 65, 127, 128, 129, 300])
    func longSegments(count: Int) throws {
        let run = String(repeating: "ab", count: count / 2) + "?" + String(repeating: "b", count: count % 2)
        let text = "x" + String(repeating: "ab", count: count) + "a" + "y"
        #expect(try Glob("*\(run)*").matches(Array(text.utf8).span))
        #expect(try !Glob("*\(run)c*").matches(Array(text.utf8).span))
    }

    @Test("A long text that nearly matches costs no more than a longer one", arguments: ["", "?"])
    func hostilePatterns(mark: String) throws {
        let pattern = "*" + String(repeating: "a", count: 2000) + mark + "b*"
        let glob = try Glob(pattern)
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 18)
        let clock = ContinuousClock()
        // Text times pattern would be 500 million steps, seconds in a debug build.
        var matches = true
        let duration = clock.measure { matches = glob.matches(text.span.extracting(0..<1 << (mark.isEmpty ? 18 : 14))) }
        #expect(!matches)
        #expect(duration < .seconds(2))
    }

    @Test func manyRunsDoNotExplode() throws {
        let glob = try Glob(String(repeating: "a*", count: 100) + "b")
        let text = Array(repeating: UInt8(ascii: "a"), count: 5_000)
        #expect(glob.matches(text.span) == false)
    }
}
