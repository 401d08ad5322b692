// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings
import Testing

@testable import Server

/// Promise 2: of two spellings of one URL both take the same route, have the same key, are asked for in the same words
/// and are judged alike, whatever the spelling.
@Suite struct OneReadingTests {
    private static let configuration = """
        upstream api { server 127.0.0.1:1 }
        route /* {
          compress gzip exclude=/a/b*,*x
        }
        route /a/b/* { key query=sorted cookie=plan }
        route /a/b { pass }
        route */private/* { pass }
        route /a.b/*/c { key query=none }
        route /~x { key host=off }
        """

    /// What became of one request.
    private struct Reading: Equatable {
        var route: Int?
        var key = ""
        var sent = ""
        var logged = ""
        var invalidated: [String] = []
        var isLeftPlain = false
        var storing: [Int] = []
    }

    private static func read(_ text: String, _ snapshot: ProxySnapshot) throws -> Reading? {
        var parser = RequestParser()
        var head = RequestHead()
        guard case .complete = parser.parse(Array(text.utf8).span, into: &head) else { return nil }
        if !head.hasNormalTarget {
            var scratch = ByteBuffer()
            try head.normalizeTarget(scratch: &scratch)
        }
        var reading = Reading()
        reading.logged = head.target.text()
        reading.route = snapshot.router.match(path: head.path, method: head.method, host: head.authority)
        let route = snapshot.routes[try #require(reading.route)]
        var buffer = ByteBuffer()
        route.writeKey(of: head, content: nil, hasher: ByteHasher(seed: 1), into: &buffer)
        reading.key = buffer.span.text()
        buffer.clear()
        NormalizedTarget.write(head, options: route.key, into: &buffer)
        reading.sent = buffer.span.text()
        var answer = ResponseHead()
        answer.status = Status(200)
        answer.fields.append("Content-Type", "text/plain")
        var types = MediaTypeMemory()
        reading.isLeftPlain =
            snapshot.routes[0].compression.refusal(of: answer, to: head, contentLength: 5000, types: &types) == .path
        answer.fields.append("Location", "next")
        Invalidation.forEachKey(request: head, response: answer, options: route.key) {
            reading.invalidated.append($0.text())
        }
        reading.storing = snapshot.routes(storing: head.path, host: head.authority).map(\.index)
        return reading
    }

    private static func request(_ target: String) -> String {
        "GET \(target) HTTP/1.1\r\nHost: shop.example\r\nCookie: plan=pro\r\n\r\n"
    }

    /// Another way to write the same path (RFC 3986 §6.2.2).
    private static func respell(_ path: String, _ random: inout SeededNumbers) -> String {
        var spelled = ""
        for byte in path.utf8 {
            let character = Character(UnicodeScalar(byte))
            if character == "/" {
                spelled += ["/", "/", "/", "/./", "/zz/../", "/%7A/%2e%2E/", "/%2e/"][random.below(7)]
            } else if random.below(3) == 0 {
                let digits = String(byte, radix: 16)
                spelled += "%" + (random.below(2) == 0 ? digits : digits.uppercased())
            } else {
                spelled.append(character)
            }
        }
        return random.below(4) == 0 ? "http://shop.example" + spelled : spelled
    }

    @Test(arguments: 0..<150 as Range<UInt64>)
    func everySpellingOfAPathHasOneReading(seed: UInt64) throws {
        let snapshot = try AdminInvalidationTests.snapshot(Self.configuration)
        var random = SeededNumbers(seed)
        let pieces = ["a", "b", "/", "/a", "/b", "x", ".", "~x", "private/", "c", "/a/b", "a.b", "_"]
        var path = "/"
        for _ in 0..<random.below(7) { path += pieces[random.below(pieces.count)] }
        // Only a path without dot segments says of itself what its normal form is.
        guard !path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else { return }
        let query = ["", "?b=1&a=2", "?"][random.below(3)]
        let plain = try #require(try Self.read(Self.request(path + query), snapshot))
        #expect(plain.logged == path + query)
        for _ in 0..<20 {
            let spelled = Self.respell(path, &random) + query
            #expect(try Self.read(Self.request(spelled), snapshot) == plain, "\(spelled)")
        }
    }

    @Test(arguments: ["//a", "/A", "/a%2Fb", "/a;b", "/a%5Cb", "/a/", "/a%25b"])
    func whatIsNoEquivalenceIsKeptApart(path: String) throws {
        let snapshot = try AdminInvalidationTests.snapshot(Self.configuration)
        let reading = try #require(try Self.read(Self.request(path), snapshot))
        #expect(reading.sent == path)
        #expect(reading.key.contains(path))
    }

    /// Every byte, in path and query: what the parser refuses is refused, and what it takes has one spelling.
    @Test func whatNoURIHoldsIsKeyedAndSentAsItsEscape() throws {
        let snapshot = try AdminInvalidationTests.snapshot("upstream api { server 127.0.0.1:1 }\nroute /* { }")
        for byte in UInt8.min...UInt8.max {
            let isRefused = byte <= 0x20 || byte >= 0x7F || byte == UInt8(ascii: "#")
            var bytes = Array("GET /p".utf8) + [byte]
            bytes += Array("p?q".utf8) + [byte] + Array("q HTTP/1.1\r\nHost: shop.example\r\n\r\n".utf8)
            var parser = RequestParser()
            var head = RequestHead()
            guard case .complete = parser.parse(bytes.span, into: &head) else {
                #expect(isRefused, "\(byte)")
                continue
            }
            #expect(!isRefused, "\(byte)")
            guard byte != ASCII.percent, byte != ASCII.questionMark else { continue }
            var scratch = ByteBuffer()
            try head.normalizeTarget(scratch: &scratch)
            let digits = String(byte, radix: 16, uppercase: true)
            let text = ASCII.isURIByte(byte) ? String(UnicodeScalar(byte)) : "%\(digits)"
            let read = head.target.text()
            #expect(read == "/p\(text)p?q\(text)q")
            let reading = try Self.read(Self.request("/p%\(digits)p?q\(text)q"), snapshot)
            if !ASCII.isURIByte(byte) { #expect(reading?.sent == read) }
        }
    }
}

/// The same numbers for the same seed.
private struct SeededNumbers {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 ^ 0xD1B5_4A32_D192_ED03 }

    mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
}
