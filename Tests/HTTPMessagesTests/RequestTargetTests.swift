// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

/// Promise 2: whatever reads the target of a request reads the same.
@Suite struct RequestTargetTests {
    private static func head(_ method: String, _ path: String, query: String? = nil, authority: String? = nil)
        -> RequestHead
    {
        var head = RequestHead()
        head.method = Method(Array(method.utf8).span)
        if let authority { head.authorityRange = head.fields.appendText(Array(authority.utf8).span) }
        head.pathRange = head.fields.appendText(Array(path.utf8).span)
        if let query { head.queryRange = head.fields.appendText(Array(query.utf8).span) }
        head.targetRange = 0..<head.fields.bytes.count
        return head
    }

    struct Target: Sendable {
        var path: String
        var query: String?
        var authority: String?
        var expected: String
        var method = "GET"
    }

    @Test(arguments: [
        Target(path: "/%61pi/me", expected: "/api/me"),
        Target(path: "/x/../api/me", query: "a=%61", expected: "/api/me?a=%61"),
        Target(path: "/api/me", query: "a={1}&b=%zz", expected: "/api/me?a=%7B1%7D&b=%zz"),
        Target(path: "/.", query: "", expected: "/?"), Target(path: "/a", authority: "h", expected: "/a"),
        Target(path: "/../a", query: "b", authority: "h", expected: "/a?b"),
        Target(path: "*", expected: "*", method: "OPTIONS"),
        Target(path: "*", authority: "h", expected: "*", method: "OPTIONS"),
    ])
    func pathQueryAndTargetBecomeOneReading(target: Target) throws {
        var head = Self.head(target.method, target.path, query: target.query, authority: target.authority)
        let wasNormal = head.hasNormalTarget
        #expect(!wasNormal)
        var scratch = ByteBuffer()
        try head.normalizeTarget(scratch: &scratch)
        #expect(head.target.text() == target.expected)
        let parts = target.expected.split(separator: "?", omittingEmptySubsequences: false)
        #expect(head.path.text() == String(parts[0]))
        #expect(head.query?.text() == (parts.count > 1 ? String(parts[1]) : nil))
        if let authority = target.authority { #expect(head.authority.text() == authority) }
    }

    @Test func whatIsNormalStaysWhereItIs() {
        for (path, query) in [("/a/b-c_d/e.f", "x=1&y[]=2~"), ("/", nil), ("/a//b;c", "")] {
            let isNormal = Self.head("GET", path, query: query).hasNormalTarget
            #expect(isNormal, "\(path)")
        }
        let isNormal = Self.head("CONNECT", "", authority: "h:1").hasNormalTarget
        #expect(isNormal)
    }

    @Test func aHeadIsSmallEnoughToMoveWithoutACall() { #expect(MemoryLayout<RequestHead>.size <= 128) }

    @Test func aHostIsKnownToBePlainAsLongAsItIsTheSame() {
        var head = RequestHead()
        func isPlain(_ host: String, isSecure: Bool = false) -> Bool {
            head.removeAll()
            let bytes = Array(host.utf8)
            let range = head.fields.appendText(bytes.span)
            head.hostRange = range
            if !head.knows(host: bytes.span) { head.remember(host: bytes.span) }
            head.isSecure = isSecure
            return head.namesPlainHost
        }
        let first = isPlain("a.example")
        head.foundPlainAuthority()
        let (second, secure, again) = (isPlain("a.example"), isPlain("a.example", isSecure: true), isPlain("a.example"))
        #expect(!first && second && !secure && again)
        head.setAuthority(Array("A.example".utf8).span)
        let changed = head.namesPlainHost
        let (other, back) = (isPlain("b.example"), isPlain("a.example"))
        #expect(!changed && !other && !back, "what was found of one host is not said of another")
        let long = String(repeating: "a", count: 65)
        _ = isPlain(long)
        head.foundPlainAuthority()
        let (longAgain, short) = (isPlain(long), isPlain("a.example"))
        #expect(!longAgain && !short)
        // Found under https, where another port is the usual one.
        head.isSecure = true
        head.foundPlainAuthority()
        let underHTTP = isPlain("a.example")
        #expect(!underHTTP)
    }

    @Test(arguments: ["/%zz", "/a/%4", "/%00", "/x/../%"])
    func whatHasNoOneReadingIsRefused(path: String) {
        var head = Self.head("GET", path)
        var scratch = ByteBuffer()
        let isNormal = head.hasNormalTarget
        #expect(!isNormal)
        do {
            try head.normalizeTarget(scratch: &scratch)
            Issue.record("\(path) is taken")
        } catch {
            #expect(PercentEncoding.flaw(in: Array(path.utf8).span) == error)
        }
    }
}
