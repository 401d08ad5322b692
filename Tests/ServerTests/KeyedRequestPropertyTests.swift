// SPDX-License-Identifier: Apache-2.0
import TestKit
import Testing

@testable import Server

/// Two clients ask for something, one behind the other. Whenever the second is served what the first one brought, the
/// origin would have been asked the same by it, but for fields that pass without being keyed (promise 2). And whenever
/// the origin would be asked the same to the letter, what is stored serves the second: what is not sent tells no two
/// requests apart.
@Suite struct KeyedRequestPropertyTests {
    /// These pass as they came, and it is for the origin to name them in Vary.
    private static let passing: Set<String> = [
        "user-agent", "accept", "accept-language", "referer", "cookie", "x-custom", "x-lang", "authorization", "via",
        "x-forwarded-for", "cache-control",
        // What is stored answers these.
        "if-none-match", "if-modified-since", "range", "if-range",
    ]
    /// A trusted proxy is trusted for what it says of the client.
    private static let ofClients: Set<String> = [
        "x-real-ip", "true-client-ip", "remote-addr", "cloudfront-viewer-address",
    ]

    @Test(arguments: 0..<8)
    func whoeverSharesAnAnswerAsksTheSame(block: Int) throws {
        var hits = 0
        var likes = 0
        for round in 0..<60 {
            let seed = UInt64(block * 1000 + round)
            var random = SeededRandom(seed: seed)
            let plan = Plan(&random)
            let base = Message(&random, plan)
            let (one, other) = (base.changed(&random, plan), base.changed(&random, plan))
            for (first, second) in [(one, other), (other, one)] {
                let (isShared, isLike) = try compare(plan, first, second, seed)
                hits += isShared ? 1 : 0
                likes += isLike ? 1 : 0
            }
        }
        #expect(hits > 10 && likes > 10, "too few requests shared an answer for the test to say anything")
    }

    /// Whether the second was served what the first one brought, and whether the origin would have been asked the same.
    private func compare(
        _ plan: Plan, _ first: Message, _ second: Message, _ seed: UInt64
    ) throws -> (isShared: Bool, isLike: Bool) {
        let larder = try plan.world()
        let firstAnswer = larder.send(first)
        let asked = larder.requests.count
        let secondAnswer = larder.send(second)
        let isHit = larder.requests.count == 1 && secondAnswer.cacheStatus.contains("hit")
        guard asked == 1, isHit || firstAnswer.cacheStatus.contains("; stored") else { return (false, false) }
        let alone = try plan.world()
        _ = alone.send(second)
        guard let wanted = alone.requests.first else { return (false, false) }
        let seen = try #require(larder.requests.first)
        let story: Comment = "seed \(seed), \(plan.text), first \(first.text), second \(second.text)"
        let isLike = seen.head == wanted.head && seen.body == wanted.body && seen.trailers == wanted.trailers
        guard isHit else {
            #expect(!isLike, story)
            return (false, isLike)
        }
        #expect(Self.essence(seen, plan) == Self.essence(wanted, plan), story)
        // Else it was confirmed, or invited to send its content first.
        let areWhole = [firstAnswer, secondAnswer].allSatisfy { [200, 206].contains($0.status) }
        #expect(!areWhole || firstAnswer.body == secondAnswer.body, story)
        return (true, isLike)
    }

    /// What of a request may choose an answer by rule.
    private static func essence(_ request: ScriptedWorld.Request, _ plan: Plan) -> [String] {
        var lines = request.head.split(separator: "\r\n").map(String.init)
        let start = lines.removeFirst()
        let kept = lines.compactMap { line -> String? in
            let name = line.prefix { $0 != ":" }.lowercased()
            if plan.varies.contains(name) || plan.keyed.contains(name) { return line }
            if name == "host", plan.sharesHosts { return nil }
            if passing.contains(name) || plan.isTrusting && ofClients.contains(name) { return nil }
            if name == "forwarded" { return withoutAddresses(line) }
            // The content of GET means nothing (RFC 9110 §9.3.1); its trailers would.
            return name == "transfer-encoding" ? nil : line
        }
        let cookies = plan.keysCookie ? CookieReaders.all(request.head) : []
        return [start] + kept.sorted() + cookies
            + [request.method == "GET" ? "" : request.body, String(request.trailers.dropFirst(3))].filter {
                !$0.isEmpty && $0 != "\r\n"
            }
    }

    private static func withoutAddresses(_ line: String) -> String? {
        let rest = line.split(separator: ",").map { element in
            element.split(separator: ";").filter { !$0.lowercased().contains("for=") }.joined(separator: ";")
        }.filter { !$0.isEmpty }.joined(separator: ",")
        return rest.isEmpty ? nil : rest
    }
}

/// A configuration, and what its origin says.
private struct Plan {
    let text: String
    let isTrusting: Bool
    let keysCookie: Bool
    let varies: Set<String>
    let keyed: Set<String>
    /// The operator's word: one answer for all hosts, though the origin is told which.
    let sharesHosts: Bool

    init(_ random: inout SeededRandom) {
        isTrusting = random.chance(0.4)
        keysCookie = random.chance(0.4)
        var key: [String] = []
        if keysCookie { key.append("cookie=my_plan") }
        var keyed: Set<String> = []
        if random.chance(0.4) {
            key.append("header=X-Lang")
            keyed.insert("x-lang")
        }
        if random.chance(0.3) {
            key.append("authorization=hashed")
            keyed.insert("authorization")
        }
        self.keyed = keyed
        if random.chance(0.3) { key.append("body=safe_post") }
        key.append(
            ["query=sorted", "query=sorted drop=utm_*", "keep=a,b", "query=as_is"].randomElement(using: &random) ?? "")
        let leavesHostOut = random.chance(0.3)
        if leavesHostOut { key.append("host=off") }
        let upstream = leavesHostOut && random.chance(0.5) ? "a" : "api"
        sharesHosts = leavesHostOut && upstream == "api"
        let line = "key " + key.joined(separator: " ")
        varies = Set(
            [[], ["x-lang"], ["x-forwarded-proto"], ["x-forwarded-for"], ["x-real-ip"], ["te"], ["accept-language"]]
                .randomElement(using: &random) ?? [])
        let forwarded = ["append", "append", "replace", "off"].randomElement(using: &random) ?? "append"
        text = """
            \(isTrusting ? "trusted_proxies 127.0.0.1" : "")
            forwarded \(forwarded)
            defaults { upgrade \(random.chance(0.5) ? "websocket" : "off") }
            upstream b { server 127.0.0.1:3000
              host b.internal }
            route /* host=b.example { upstream b
              \(line) }
            route /* { upstream \(upstream)
              \(line) }
            upstream a { server 127.0.0.1:3000
              host a.internal }
            """
    }

    /// What it keys, so that requests often differ in nothing else.
    var telling: [String] {
        (isTrusting ? ["X-Forwarded-Proto: https"] : [])
            + (keyed.contains("x-lang") ? ["X-Lang: de", "X-Lang: en"] : [])
            + (keysCookie ? ["Cookie: my_plan=a", "Cookie: my.plan=b"] : [])
            + (text.contains("safe_post") ? ["X-HTTP-Method-Override: DELETE"] : [])
    }

    func world() throws -> ScriptedWorld {
        let vary = varies.isEmpty ? "" : "Vary: \(varies.joined())\r\n"
        return try ScriptedWorld(text) { request in
            let body = request.head + request.body + request.trailers
            return
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n\(vary)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
    }
}

/// A request as a client sends it.
private struct Message {
    var method = "GET"
    var target = "/a?b=1&a=2&a=1"
    var version = "HTTP/1.1"
    var host: String? = "shop.example"
    var options: [String] = ["close"]
    var lines: [String] = []
    var trailers: [String]?

    init(_ random: inout SeededRandom, _ plan: Plan) {
        host = ["shop.example", "b.example"].randomElement(using: &random)
        if plan.text.contains("safe_post"), random.chance(0.3) { method = "POST" }
        for _ in 0..<Int.random(in: 0..<3, using: &random) { lines.append(Self.line(&random)) }
        if random.chance(0.4), let line = plan.telling.randomElement(using: &random) { lines.append(line) }
    }

    var text: String {
        var text = "\(method) \(target) \(version)\r\n"
        if let host { text += "Host: \(host)\r\n" }
        text += "Connection: \(options.joined(separator: ", "))\r\n" + lines.map { $0 + "\r\n" }.joined()
        if let trailers, version == "HTTP/1.1" {
            text += "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
            return text + trailers.map { $0 + "\r\n" }.joined() + "\r\n"
        }
        return text + (method == "POST" ? "Content-Length: 1\r\n\r\nx" : "\r\n")
    }

    func changed(_ random: inout SeededRandom, _ plan: Plan) -> Message {
        var copy = self
        for _ in 0..<Int.random(in: 0..<3, using: &random) { copy.change(&random, plan) }
        return copy
    }

    private mutating func change(_ random: inout SeededRandom, _ plan: Plan) {
        if random.chance(0.4), let line = plan.telling.randomElement(using: &random) {
            // Said twice it is keyed as it came, and sent as one.
            if line.hasPrefix("X-Forwarded-Proto") {
                lines.removeAll { $0.lowercased().hasPrefix("x-forwarded-proto") }
            }
            return insert(line, &random)
        }
        switch Int.random(in: 0..<12, using: &random) {
        case 0: host = Self.hosts.randomElement(using: &random) ?? host
        case 1: target = Self.targets.randomElement(using: &random) ?? target
        case 2:
            version = "HTTP/1.0"
            if random.chance(0.5) { host = nil }
        case 3, 4:
            let names =
                lines.map { String($0.prefix { $0 != ":" }) } + [
                    "host", "X-Lang", "authorization", "upgrade", "close", "te",
                ]
            options.append(names.randomElement(using: &random) ?? "x")
        case 5: trailers = Bool.random(using: &random) ? [] : ["X-Forwarded-Host: evil", "X-Sum: 1"]
        default: insert(Self.line(&random), &random)
        }
    }

    private mutating func insert(_ line: String, _ random: inout SeededRandom) {
        lines.insert(line, at: Int.random(in: 0...lines.count, using: &random))
    }

    private static let hosts = [
        "SHOP.example", "shop.example:80", "shop.example.", "shop.example:443", "b.example", "b.example:80", "a",
    ]
    private static let targets = [
        "/a?a=2&a=1&b=1", "/a?a=1&a=2&b=1", "/a?b=1&utm_x=1&a=2&a=1", "http://shop.example/a?b=1&a=2&a=1",
        "http://b.example/a?b=1&a=2&a=1", "/a?%61=1&b=1&a=2",
    ]

    private static func line(_ random: inout SeededRandom) -> String {
        var (name, values) = pool.randomElement(using: &random) ?? ("X-Custom", ["1"])
        switch Int.random(in: 0..<8, using: &random) {
        case 0: name = name.lowercased()
        case 1: name = name.uppercased()
        case 2 where name.contains("-"): name = String(name.map { $0 == "-" ? "_" : $0 })
        default: break
        }
        return "\(name): \(values.randomElement(using: &random) ?? "")"
    }

    private static let pool: [(String, [String])] = [
        ("X-Lang", ["de", "en"]), ("X-Lang", ["de", "en"]), ("Accept-Language", ["de", "en"]),
        ("User-Agent", ["x", "y"]),
        ("X-Custom", ["1", "2"]), ("TE", ["trailers"]), ("Keep-Alive", ["timeout=5"]), ("Via", ["1.1 x"]),
        ("Authorization", ["a", "b"]), ("Cookie", cookies), ("Cookie", cookies), ("Cookie", cookies),
        ("X-Forwarded-Proto", ["https", "http", "HTTPS", "https, http", ""]),
        ("X-Forwarded-Proto", ["https"]), ("X-Forwarded-Host", ["evil", "a"]), ("X-Forwarded-Port", ["443"]),
        ("X-Forwarded-For", ["1.2.3.4", "5.6.7.8"]), ("Forwarded", ["for=1", "for=2;proto=https", "host=evil, for=3"]),
        ("X-Forwarded-Scheme", ["https"]), ("X-Host", ["evil"]), ("X-Original-URL", ["/evil"]),
        ("X-Rewrite-URL", ["/evil"]), ("X-HTTP-Method-Override", ["DELETE"]), ("X-Real-IP", ["1.2.3.4"]),
        ("True-Client-IP", ["1"]), ("Proxy", ["evil"]), ("Front-End-Https", ["on"]), ("X.Forwarded.Host", ["evil"]),
        ("Cache-Control", ["max-age=5"]), ("Upgrade", ["websocket"]), ("Trailer", ["X-Sum"]), ("Close", ["1"]),
        ("Proxy-Authorization", ["Basic x"]), ("Proxy-Connection", ["keep-alive"]), ("HTTP2-Settings", ["AAMAAABkAAQ"]),
        ("Expect", ["100-continue"]), ("If-Match", ["*", "\"x\""]), ("If-None-Match", ["\"x\""]),
        ("If-Modified-Since", ["Mon, 01 Jun 2026 12:00:00 GMT"]), ("Range", ["bytes=0-"]), ("If-Range", ["\"x\""]),
        ("If-Unmodified-Since", ["Mon, 01 Jun 2026 12:00:00 GMT"]), ("Method-Override", ["PUT"]),
        ("Forwarded-Host", ["evil"]), ("Remote-Addr", ["1.2.3.4"]), ("X-Forwarded-For-Original", ["1.2.3.4"]),
        ("X-Method", ["PUT"]), ("CloudFront-Viewer-Address", ["1.2.3.4:5"]), ("Script-Name", ["/evil"]),
    ]

    private static let cookies = [
        "my_plan=a", "my_plan=b", "my_plan=a; my_plan=b", "my_plan=b; my_plan=a", "My_Plan=b", "x=1", "x=1, my_plan=a",
        "=my_plan=b",
        "x=\"; my_plan=a; y=\"", "my_plan", "my_pl%61n=a", "my.plan=b", "my plan=b", "my%5Fplan=a",
    ]
}

extension ScriptedWorld {
    fileprivate func send(_ message: Message) -> Answer {
        let socket = connect()
        socket.write(message.text)
        return answer(on: socket)
    }
}

/// How servers read the cookie `my_plan`.
private enum CookieReaders {
    static func all(_ head: String) -> [String] {
        let lines = head.split(separator: "\r\n").filter { $0.lowercased().hasPrefix("cookie:") }
            .map { $0.dropFirst(7).drop { $0 == " " } }
        let joined = [
            lines.joined(separator: "; "), lines.joined(separator: ","), String(lines.first ?? ""),
            String(lines.last ?? ""),
        ]
        return joined.flatMap { text in [false, true].flatMap { splits in read(text, splitsAtCommas: splits) } }
    }

    private static func read(_ text: String, splitsAtCommas: Bool) -> [String] {
        let pairs = text.split { $0 == ";" || splitsAtCommas && $0 == "," }
            .map { $0.drop { $0 == " " } }
        let folded = pairs.map { $0.replacing("%61", with: "a").replacing("%5F", with: "_").lowercased() }
            .map { $0.hasPrefix("=") ? String($0.dropFirst()) : $0 }
            .map { $0.hasPrefix("my.plan") || $0.hasPrefix("my plan") ? "my_" + $0.dropFirst(3) : $0 }
        let isQuoted = text.contains("\"")
        return [
            "first \(pairs.first { $0.hasPrefix("my_plan=") } ?? "-")",
            "last \(pairs.last { $0.hasPrefix("my_plan=") } ?? "-")",
            "folded \(folded.filter { $0.hasPrefix("my_plan") })",
            "quoting \(isQuoted ? "none" : String(pairs.first { $0.hasPrefix("my_plan=") } ?? "-"))",
        ]
    }
}
