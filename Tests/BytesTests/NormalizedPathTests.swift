// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

/// Promise 2: one path has one reading, however it is spelled.
@Suite struct NormalizedPathTests {
    /// Each scalar below 256 is one byte.
    private func latin(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8($0.value) } }

    private func normal(_ path: String) -> String {
        let bytes = latin(path)
        var buffer = ByteBuffer()
        buffer.append("prefix")
        NormalizedPath.write(bytes.span, into: &buffer)
        return String(buffer.span.text().dropFirst(6))
    }

    @Test(arguments: [
        ("/", "/"), ("/a/b", "/a/b"), ("/a//b", "/a//b"), ("/A", "/A"), ("/a/", "/a/"), ("/a.b/c..", "/a.b/c.."),
        ("/%7Euser", "/~user"), ("/%7euser", "/~user"), ("/%2f", "/%2F"), ("/%2F", "/%2F"), ("/%zz", "/%zz"),
        ("/%2", "/%2"), ("/%", "/%"), ("/%41%c3%a9", "/A%C3%A9"), ("/a/./b", "/a/b"), ("/a/../b", "/b"),
        ("/../a", "/a"), ("/a/..", "/"), ("/a/.", "/a/"), ("/.", "/"), ("/..", "/"), ("/a/b/../../c", "/c"),
        ("/a//../b", "/a/b"), ("/%2e%2e/a", "/a"), ("/a/%2E/b", "/a/b"), ("/a%2f../b", "/a%2F../b"),
        ("/.well-known/x", "/.well-known/x"), ("/...", "/..."), ("/.a", "/.a"), ("*", "*"), ("", "/"),
        ("/a/../../../b/", "/b/"), ("/mid/content=5/../6", "/mid/6"), ("/a;x=1", "/a;x=1"), ("/%252e", "/%252e"),
        ("/a%2%46b", "/a%2%46b"), ("/%7e/%2%35", "/~/%2%35"),
        // What no URI may hold (RFC 3986 §2), and its escapes.
        ("/\"<>\\^`{|}", "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/%22%3c%3E%5c%5e%60%7b%7c%7d", "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/caf\u{C3}\u{A9}", "/caf%C3%A9"), ("/a b", "/a%20b"), ("/[x]", "/[x]"), ("/%5bx%5D", "/%5Bx%5D"),
        ("/{%zz", "/%7B%zz"), ("/%4{", "/%4%7B"), ("/a\\..\\b", "/a%5C..%5Cb"),
    ])
    func isThatOfRFC3986AndNothingBeyondIt(path: String, expected: String) {
        #expect(normal(path) == expected)
        #expect(normal(expected) == expected)
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func normalisingTwiceChangesNothingAndLeavesNoDotSegment(seed: UInt64) {
        let pieces = [
            "/", ".", "..", "%2e", "%2F", "%", "2", "5", "%41", "a", "%c3", "//", "%7E", ";", "{", "\"", "\u{E9}", "~",
        ]
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var path = "/"
        for _ in 0..<12 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            path += pieces[Int(state >> 33) % pieces.count]
        }
        let once = normal(path)
        #expect(normal(once) == once)
        #expect(!once.split(separator: "/", omittingEmptySubsequences: false).contains { $0 == "." || $0 == ".." })
        #expect(once.hasPrefix("/"))
        #expect(once.utf8.allSatisfy(ASCII.isURIByte))
        let bytes = latin(path)
        let isNormal = NormalizedPath.isNormal(bytes.span)
        if isNormal { #expect(once == path) }
    }

    @Test(arguments: [
        ("/a", PercentEncoding.Flaw?.none), ("/%41", nil), ("/%zz", .brokenEscape), ("/%4", .brokenEscape),
        ("/%", .brokenEscape), ("/%%41", .brokenEscape), ("/%00", .nul), ("/a%00b", .nul), ("/%00%", .brokenEscape),
        ("/%0", .brokenEscape), ("/%01", nil), ("/%2500", nil), ("/%u0041", .brokenEscape),
    ])
    func aPathThatServersReadInDifferentWaysHasAFlaw(path: String, flaw: PercentEncoding.Flaw?) {
        let bytes = Array(path.utf8)
        let found = PercentEncoding.flaw(in: bytes.span)
        #expect(found == flaw)
    }
}
