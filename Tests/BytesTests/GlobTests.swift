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

    @Test func manyRunsDoNotExplode() throws {
        let glob = try Glob(String(repeating: "a*", count: 100) + "b")
        let text = Array(repeating: UInt8(ascii: "a"), count: 5_000)
        #expect(glob.matches(text.span) == false)
    }
}
