// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import Testing

/// Promise 7: what is too large or not to be understood gets the right status; and RFC 9112 §2 to §5.
@Suite struct RequestParserTests {
    @Test func readsEveryPartOfARequest() throws {
        let text =
            "POST /a/b?x=1&y HTTP/1.1\r\nHost: example.com:8080\r\ncontent-LENGTH:\t 5 \t\r\nX-Own: \r\n\r\nhello"
        let head = try request(text)
        #expect(head.method == .post)
        #expect(head.version == .http11)
        #expect(slice(head, head.methodRange) == "POST")
        #expect(slice(head, head.targetRange) == "/a/b?x=1&y")
        #expect(slice(head, head.pathRange) == "/a/b")
        #expect(slice(head, head.queryRange) == "x=1&y")
        #expect(head.authorityRange == nil)
        #expect(head.fields.count == 3)
        #expect(head.fields.text(of: .host) == "example.com:8080")
        #expect(head.fields.text(of: .contentLength) == "5")
        #expect(slice(head, head.fields.slots[2].nameRange) == "X-Own")
        #expect(head.fields.slots[2].valueRange.isEmpty)
        #expect(head.fields.bytes.count == text.utf8.count - 5)
    }

    @Test func theLengthCoversEmptyLinesAndLeavesTheBody() {
        var parser = RequestParser()
        var head = RequestHead()
        let text = "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nrest"
        #expect(parser.parse(Array(text.utf8).span, into: &head) == .complete(length: text.utf8.count - 4))
        #expect(slice(head, head.targetRange) == "/")
        #expect(head.fields.text(of: .host) == "a")
    }

    @Test func aReusedHeadKeepsNothingOfTheLastRequest() {
        var parser = RequestParser()
        var head = RequestHead()
        let first = "CONNECT a:1 HTTP/1.0\r\nHost: a\r\nCookie: x\r\n\r\n"
        let second = "GET /b HTTP/1.1\r\nHost: b\r\n\r\n"
        #expect(parser.parse(Array(first.utf8).span, into: &head) == .complete(length: first.utf8.count))
        #expect(parser.parse(Array(second.utf8).span, into: &head) == .complete(length: second.utf8.count))
        #expect(head.method == .get)
        #expect(head.version == .http11)
        #expect(head.authorityRange == nil)
        #expect(head.queryRange == nil)
        #expect(!head.fields.contains(.cookie))
        #expect(head.fields.text(of: .host) == "b")
    }

    struct Target: Sendable {
        var line: String
        var path: String
        var query: String?
        var authority: String?
    }

    @Test(arguments: [
        Target(line: "GET /", path: "/"),
        Target(line: "GET /?", path: "/", query: ""),
        Target(line: "GET //x/../y?a?b", path: "//x/../y", query: "a?b"),
        Target(line: "GET http://h", path: "/", authority: "h"),
        Target(line: "GET HTTP://h:80?q", path: "/", query: "q", authority: "h:80"),
        Target(line: "GET https://[::1]:443/p?q", path: "/p", query: "q", authority: "[::1]:443"),
        Target(line: "OPTIONS *", path: "*"),
        Target(line: "OPTIONS http://h:1", path: "*", authority: "h:1"),
        Target(line: "OPTIONS http://h/", path: "/", authority: "h"),
        Target(line: "OPTIONS http://h?q", path: "/", query: "q", authority: "h"),
        Target(line: "CONNECT h:443", path: "", authority: "h:443"),
        Target(line: "GET /a|b{c}\"<>", path: "/a|b{c}\"<>"),
    ])
    func readsTheFourFormsOfTarget(target: Target) throws {
        let head = try request("\(target.line) HTTP/1.1\r\nHost: other\r\n\r\n")
        #expect(slice(head, head.pathRange) == target.path)
        #expect(slice(head, head.queryRange) == target.query)
        #expect(slice(head, head.authorityRange) == target.authority)
        #expect(head.authority.text() == target.authority ?? "other")
    }

    @Test(arguments: [
        ("GET /", true), ("GET /a-1//B", true), ("OPTIONS /a", true), ("GET /a?", false), ("GET /a.b", false),
        ("GET /a/.", false), ("GET /%61", false), ("OPTIONS *", false), ("GET http://other/a", false),
        ("CONNECT h:443", false), ("GET /12345678901234567890.", false), ("GET /1234567890123456789|", false),
    ])
    func whatIsSeenToBePlainNeedsNoSecondLook(line: String, isPlain: Bool) throws {
        var head = try request("\(line) HTTP/1.1\r\nHost: other\r\n\r\n")
        #expect(head.hasPlainTarget == isPlain)
        guard isPlain else { return }
        let target = head.target.text()
        var scratch = ByteBuffer()
        try head.normalizeTarget(scratch: &scratch)
        #expect(head.target.text() == target && head.path.text() == target)
    }

    @Test(arguments: [
        ("GET / HTTP/1.0\r\n\r\n", HTTPVersion.http10), ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", .http10),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", .http11), ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", .http11),
        ("GET / HTTP/1.9\r\nHost: a_b.c-d~e%41!$&'()*+;=:1\r\n\r\n", .http11),
        ("M-SEARCH / HTTP/1.1\r\nHost: [fe80::1]\r\n\r\n", .http11),
        ("GET / HTTP/1.1\r\nHost: a:\r\n\r\n", .http11),
        ("GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: \u{80}\u{FF}\t x\r\n\r\n", .http11),
    ])
    func accepts(text: String, version: HTTPVersion) throws {
        #expect(try request(text).version == version)
    }

    @Test(arguments: [
        // Request line
        (" GET / HTTP/1.1\r\n", RequestError.malformedMethod), ("/ HTTP/1.1\r\n", .malformedMethod),
        ("G@T / HTTP/1.1\r\n", .malformedMethod), ("GET\t/ HTTP/1.1\r\n", .malformedMethod),
        ("\nGET / HTTP/1.1\r\n", .malformedMethod), ("\u{16}\u{3}\u{1}", .malformedMethod),
        ("GET  / HTTP/1.1\r\n", .malformedTarget), ("GET /a\tb HTTP/1.1\r\n", .malformedTarget),
        ("GET /a\u{0}b HTTP/1.1\r\n", .malformedTarget), ("GET /\u{E9} HTTP/1.1\r\n", .malformedTarget),
        ("GET /a\u{7F} HTTP/1.1\r\n", .malformedTarget), ("GET a HTTP/1.1\r\n", .malformedTarget),
        ("GET ftp://a/ HTTP/1.1\r\n", .malformedTarget), ("GET http:// HTTP/1.1\r\n", .malformedTarget),
        ("GET http:///x HTTP/1.1\r\n", .malformedTarget), ("GET http://u@h/ HTTP/1.1\r\n", .malformedTarget),
        ("GET http://:80/ HTTP/1.1\r\n", .malformedTarget), ("GET http://h:x/ HTTP/1.1\r\n", .malformedTarget),
        ("GET http://h:65536/ HTTP/1.1\r\n", .malformedTarget), ("GET h:80 HTTP/1.1\r\n", .malformedTarget),
        ("GET /a#b HTTP/1.1\r\n", .fragmentInTarget), ("GET http://h/#b HTTP/1.1\r\n", .fragmentInTarget),
        ("GET * HTTP/1.1\r\n", .targetNotForMethod), ("CONNECT / HTTP/1.1\r\n", .targetNotForMethod),
        ("CONNECT h HTTP/1.1\r\n", .malformedTarget), ("CONNECT h: HTTP/1.1\r\n", .malformedTarget),
        ("CONNECT http://h:1/ HTTP/1.1\r\n", .malformedTarget), ("OPTIONS *x HTTP/1.1\r\n", .malformedTarget),
        ("GET /\r\n", .malformedVersion), ("GET / \r\n", .malformedVersion), ("GET /  HTTP/1.1\r\n", .malformedVersion),
        ("GET / http/1.1\r\n", .malformedVersion), ("GET / HTTP/1.1 \r\n", .malformedVersion),
        ("GET / HTTP/1.10\r\n", .malformedVersion), ("GET / HTTP/11\r\n", .malformedVersion),
        ("GET / HTTP/1.x\r\n", .malformedVersion), ("GET / a HTTP/1.1\r\n", .malformedVersion),
        ("GET / HTTP/2.0\r\n", .unsupportedVersion), ("GET / HTTP/0.9\r\n", .unsupportedVersion),
        ("GET / HTTP/3.1\r\n", .unsupportedVersion), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/1.1\n", .fieldLine(.bareLineFeed)), ("GET / HTTP/1.1\rX", .fieldLine(.bareCarriageReturn)),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\n", .emptyLines), ("\rGET / HTTP/1.1\r\n", .fieldLine(.bareCarriageReturn)),
    ])
    func refusesTheRequestLine(text: String, error: RequestError) {
        // Scalars below 256 stand for single bytes.
        #expect(failure(text + "Host: a\r\n\r\n") == error)
    }

    @Test(arguments: [
        ("A: b\n", FieldLineError.bareLineFeed), ("A:\n", .bareLineFeed), ("\nA: b\r\n", .bareLineFeed),
        ("A: b\rc\r\n", .bareCarriageReturn), ("A: b\r\r\n", .bareCarriageReturn), ("\rA: b\r\n", .bareCarriageReturn),
        (" A: b\r\n", .folded), ("A: b\r\n c\r\n", .folded), ("A: b\r\n\tc\r\n", .folded), ("A: b\r\n \r\n", .folded),
        ("A : b\r\n", .blankBeforeColon), ("A\t: b\r\n", .blankBeforeColon),
        ("Transfer-Encoding : chunked\r\n", .blankBeforeColon), ("A\r\n", .malformedName), (": b\r\n", .malformedName),
        ("A(b): c\r\n", .malformedName), ("A\u{0}: c\r\n", .malformedName), ("\u{E9}: c\r\n", .malformedName),
        ("A\u{B}: c\r\n", .malformedName), ("A: b\u{0}\r\n", .controlInValue), ("A: \u{1}\r\n", .controlInValue),
        ("A: b\u{7F}c\r\n", .controlInValue), ("A: b\u{B}chunked\r\n", .controlInValue),
        ("A: \u{1B}[0m\r\n", .controlInValue),
    ])
    func refusesTheFieldLine(line: String, error: FieldLineError) {
        #expect(failure("GET / HTTP/1.1\r\nHost: a\r\n" + line + "\r\n") == .fieldLine(error))
        #expect(RequestError.fieldLine(error).status == Status(400))
    }

    @Test(arguments: [
        ("", RequestError.missingHost), ("Host: a\r\nHost: a\r\n", .repeatedHost),
        ("Host: a\r\nhOST:\r\n", .repeatedHost),
        ("Host: a,b\r\n", .malformedHost), ("Host: a.com,\r\n", .malformedHost), ("Host: .\r\n", .malformedHost),
        ("Host: a..\r\n", .malformedHost), ("Host: a..:80\r\n", .malformedHost), ("Host: a, b\r\n", .malformedHost),
        ("Host: a b\r\n", .malformedHost), ("Host: a/b\r\n", .malformedHost), ("Host: u@a\r\n", .malformedHost),
        ("Host: a:b\r\n", .malformedHost), ("Host: a:1:2\r\n", .malformedHost), ("Host: :80\r\n", .malformedHost),
        ("Host: [::1\r\n", .malformedHost), ("Host: [::g]\r\n", .malformedHost), ("Host: []\r\n", .malformedHost),
        ("Host: [::1]x\r\n", .malformedHost), ("Host: a%4\r\n", .malformedHost), ("Host: a%zz\r\n", .malformedHost),
        ("Host: \u{E9}\r\n", .malformedHost), ("Host: a:65536\r\n", .malformedHost), ("Host: a\\b\r\n", .malformedHost),
        ("Host: http://a\r\n", .malformedHost), ("Host: a?b\r\n", .malformedHost), ("Host: a#b\r\n", .malformedHost),
    ])
    func refusesTheHost(lines: String, error: RequestError) {
        #expect(failure("GET / HTTP/1.1\r\n" + lines + "\r\n") == error)
        #expect(error.status == Status(400))
    }

    @Test func anEmptyHostMustNotStandBesideAnAuthority() {
        #expect(failure("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n") == .malformedHost)
        #expect(failure("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == .repeatedHost)
    }

    @Test(arguments: [
        (RequestError.requestLineTooLong, 414), (.unsupportedVersion, 505), (.unknownTransferCoding, 501),
        (.unknownExpectation, 417), (.fieldLine(.lineTooLong), 431), (.fieldLine(.headTooLarge), 431),
        (.fieldLine(.tooManyLines), 431), (.malformedTarget, 400), (.transferEncodingWithLength, 400),
    ])
    func eachErrorHasItsStatus(error: RequestError, code: Int) {
        #expect(error.status.code == UInt16(code))
    }
}
