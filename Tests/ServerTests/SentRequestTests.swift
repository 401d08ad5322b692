// SPDX-License-Identifier: Apache-2.0
import TestKit
import Testing

@testable import Server

/// What is keyed is what is sent, and what is not keyed fills nothing for others (promise 2).
@Suite struct SentRequestTests {
    /// Echoes the request's head.
    private static func world(_ route: String, top: String = "", vary: String = "") throws -> ScriptedWorld {
        try ScriptedWorld(route, top: top) { request in
            let vary = vary.isEmpty ? "" : "Vary: \(vary)\r\n"
            let body = request.head
            return
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\(vary)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
    }

    private static let trusting = "trusted_proxies 127.0.0.1"
    private static let storing = "route /* { upstream api }"

    private static func isHit(_ answer: ScriptedWorld.Answer) -> Bool { answer.cacheStatus.contains("hit") }

    // MARK: Connection

    @Test func whatConnectionListsCountsAsAbsent() throws {
        for (route, vary) in [("route /* { upstream api; key header=X-A }", ""), (Self.storing, "X-A")] {
            let larder = try Self.world(route, vary: vary)
            _ = larder.ask("GET /", fields: "X-A: evil\r\nConnection: x-a\r\n")
            #expect(larder.requests[0].field("X-A") == nil)
            #expect(!Self.isHit(larder.ask("GET /", fields: "X-A: evil\r\n")))
            #expect(Self.isHit(larder.ask("GET /")))
        }
    }

    @Test func listedConditionsAndRangesAreNotHeard() throws {
        let larder = try Self.world(Self.storing)
        let whole = larder.ask("GET /", fields: "Range: bytes=0-1\r\nConnection: range\r\n")
        #expect(whole.status == 200)
        #expect(larder.ask("GET /", fields: "If-None-Match: *\r\nConnection: if-none-match\r\n").status == 200)
        #expect(larder.ask("GET /", fields: "Range: bytes=0-1\r\n").status == 206)
    }

    @Test func listedCredentialsAreNotSent() throws {
        let larder = try Self.world(Self.storing)
        _ = larder.ask("GET /", fields: "Authorization: a\r\nConnection: authorization\r\n")
        #expect(larder.requests[0].field("Authorization") == nil)
        #expect(Self.isHit(larder.ask("GET /")))
    }

    @Test func hopByHopFieldsChooseNothing() throws {
        let larder = try Self.world("route /* { upstream api; key header=X-A }", vary: "TE, Connection")
        _ = larder.ask("GET /", fields: "TE: trailers\r\n")
        #expect(Self.isHit(larder.ask("GET /")))
    }

    // MARK: What Larder writes

    @Test(arguments: ["X-Forwarded-For", "Forwarded", "Via", "x-lang, X-FORWARDED-FOR"])
    func whatVariesByTheClientIsNotStored(vary: String) throws {
        let larder = try Self.world(Self.storing, vary: vary)
        #expect(larder.ask("GET /").cacheStatus.contains("detail=vary-client"))
        #expect(!Self.isHit(larder.ask("GET /")))
    }

    @Test func aStrangersSchemeChoosesNoVariant() throws {
        let larder = try Self.world(Self.storing, vary: "X-Forwarded-Proto")
        _ = larder.ask("GET /", fields: "X-Forwarded-Proto: https\r\n")
        #expect(larder.requests[0].field("X-Forwarded-Proto") == "http")
        #expect(Self.isHit(larder.ask("GET /")))
    }

    @Test func aTrustedSchemeIsKeyed() throws {
        let larder = try Self.world(Self.storing, top: "\(Self.trusting) fields=both")
        let secure = "X-Forwarded-Proto: https\r\n"
        _ = larder.ask("GET /")
        #expect(!Self.isHit(larder.ask("GET /", fields: secure)))
        #expect(larder.requests.map { $0.field("X-Forwarded-Proto") } == ["http", "https"])
        #expect(Self.isHit(larder.ask("GET /", fields: secure)))
        #expect(!Self.isHit(larder.ask("GET /", fields: "X-Forwarded-Proto: https, http\r\n")))
        #expect(!Self.isHit(larder.ask("GET /", fields: "X-Forwarded-Host: evil\r\n")))
        #expect(!Self.isHit(larder.ask("GET /", fields: "Forwarded: for=1;host=evil\r\n")))
        #expect(!Self.isHit(larder.ask("GET /", fields: "X-Original-URL: /evil\r\n")))
        #expect(larder.requests.last?.field("X-Original-URL") == "/evil")
        #expect(Self.isHit(larder.ask("GET /", fields: "X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1\r\n")))
    }

    @Test func aTrustedSchemeIsKeyedWhereTheHostIsNot() throws {
        let larder = try Self.world("route /* { upstream api; key host=off }", top: Self.trusting)
        let secure = "X-Forwarded-Proto: https\r\n"
        for fields in ["", secure] { #expect(!Self.isHit(larder.ask("GET /", fields: fields))) }
        for fields in ["", secure] { #expect(Self.isHit(larder.ask("GET /", fields: fields))) }
    }

    /// As it came, and not as it is understood.
    @Test func aSchemeThatIsPassedOnAsItCameIsKeyedSo() throws {
        let larder = try Self.world(Self.storing, top: "\(Self.trusting)\nforwarded off")
        let schemes = ["", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Proto: https\r\n"]
        for fields in schemes { #expect(!Self.isHit(larder.ask("GET /", fields: fields))) }
        for fields in schemes { #expect(Self.isHit(larder.ask("GET /", fields: fields))) }
        #expect(larder.requests.map { $0.field("X-Forwarded-Proto") } == [nil, "http", "https"])
    }

    /// It is the client's word that the proxy passes on.
    @Test(arguments: [
        ("x_forwarded", "Forwarded: for=1;host=evil;proto=https\r\n"),
        ("forwarded", "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n"),
    ])
    func whatTrustedProxiesDoNotWriteChoosesNothing(fields: String, word: String) throws {
        for rule in ["append", "off"] {
            let larder = try Self.world(Self.storing, top: "\(Self.trusting) fields=\(fields)\nforwarded \(rule)")
            _ = larder.ask("GET /", fields: word)
            #expect(Self.isHit(larder.ask("GET /")))
            for name in ["Forwarded", "X-Forwarded-Host"] {
                #expect(larder.requests[0].field(name)?.contains("evil") != true)
            }
        }
    }

    @Test func unsafeMethodsTakeBothSchemes() throws {
        for method in ["POST", "PURGE"] {
            let larder = try Self.world(Self.storing, top: "\(Self.trusting)\npurge_method on allow=127.0.0.1")
            let secure = "X-Forwarded-Proto: https\r\n"
            let hosted = "X-Forwarded-Host: other\r\n"
            for fields in ["", secure, hosted] { _ = larder.ask("GET /a", fields: fields) }
            #expect(larder.ask("\(method) /a", fields: method == "POST" ? secure : "").status == 200)
            for fields in ["", secure, hosted] { #expect(!Self.isHit(larder.ask("GET /a", fields: fields))) }
        }
    }

    @Test func purgeCountsWhatHTTPSBrought() throws {
        let larder = try Self.world(Self.storing, top: "\(Self.trusting)\npurge_method on allow=127.0.0.1")
        _ = larder.ask("GET /a", fields: "X-Forwarded-Proto: https\r\n")
        #expect(larder.ask("PURGE /a").status == 200)
        #expect(larder.ask("PURGE /a").status == 404)
    }

    @Test func refreshesAreAskedAsTheirKeySays() throws {
        let larder = try ScriptedWorld("route /* { upstream api; stale while_revalidate=1h }", top: Self.trusting) {
            let body = $0.field("X-Forwarded-Proto") ?? "none"
            return "HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        let secure = "X-Forwarded-Proto: https\r\n"
        #expect(larder.ask("GET /", fields: secure).body == "https")
        _ = larder.world.run(within: .seconds(5)) { false }
        #expect(larder.ask("GET /", fields: secure).body == "https")
        _ = larder.world.run(within: .milliseconds(500)) { larder.requests.count == 2 }
        #expect(larder.requests.map { $0.field("X-Forwarded-Proto") } == ["https", "https"])
        #expect(larder.requests.last?.field("X-Forwarded-For") != nil)
    }

    // MARK: Authorities

    @Test(arguments: ["SHOP.Example", "shop.example:80", "shop.example.", "shop.example.:80", "shop.example:"])
    func oneAuthorityIsSentAsOne(host: String) throws {
        let larder = try Self.world(Self.storing)
        let socket = larder.connect()
        socket.write("GET / HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
        _ = larder.answer(on: socket)
        #expect(larder.requests[0].field("Host") == "shop.example")
        #expect(larder.requests[0].field("X-Forwarded-Host") == "shop.example")
        #expect(Self.isHit(larder.ask("GET /")))
    }

    @Test func anAbsoluteTargetWinsOverHost() throws {
        let larder = try Self.world("route /* { upstream api; key header=Host }", vary: "Host")
        let socket = larder.connect()
        socket.write("GET http://SHOP.example:80/ HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n")
        _ = larder.answer(on: socket)
        #expect(!larder.requests[0].head.contains("evil"))
        #expect(Self.isHit(larder.ask("GET /")))
    }

    // MARK: Routes that share keys

    @Test func upstreamsAreToldApart() throws {
        let routes = """
            upstream b { server 127.0.0.1:3000
              host b.internal }
            route /* host=shop.example { upstream b
              key host=off }
            route /* { upstream api
              key host=off }
            route /m methods=POST { upstream b }
            route /m { upstream api }
            """
        let larder = try Self.world(routes)
        let socket = larder.connect()
        socket.write("GET / HTTP/1.0\r\n\r\n")
        _ = larder.answer(on: socket)
        #expect(!Self.isHit(larder.ask("GET /")))
        #expect(larder.requests.map { $0.field("Host") } == ["", "b.internal"])
        #expect(Self.isHit(larder.ask("GET /")))
        _ = larder.ask("GET /m")
        #expect(larder.ask("POST /m", body: "").status == 200)
        #expect(!Self.isHit(larder.ask("GET /m")))
    }

    @Test func aRequestWithoutHostMeetsNoRouteThatLeavesHostsOut() throws {
        let larder = try Self.world(
            "route /* host=shop.example { upstream api\n key host=off }\nroute /* { upstream api }")
        _ = larder.ask("GET /")
        let socket = larder.connect()
        socket.write("GET / HTTP/1.0\r\n\r\n")
        #expect(!Self.isHit(larder.answer(on: socket)))
    }

    // MARK: Identity

    @Test(arguments: [
        "X-Original-URL: /admin\r\n", "X_Original_URL: /admin\r\n", "X-Forwarded-Ssl: on\r\n", "X-Real-IP: 1\r\n",
        "X-HTTP-Method-Override: DELETE\r\n", "Accept_Language: xx\r\n",
    ])
    func whatNamesWhatIsAskedIsNotSent(fields: String) throws {
        let larder = try Self.world(Self.storing)
        let plain = try Self.world(Self.storing).ask("GET /").body
        #expect(larder.ask("GET /", fields: fields).body == plain)
        let name = String(fields.prefix { $0 != ":" })
        let keyed = try Self.world("route /* { upstream api; key header=\(name) }")
        _ = keyed.ask("GET /", fields: fields)
        #expect(keyed.requests[0].field(name) != nil)
        #expect(!Self.isHit(keyed.ask("GET /")))
        let open = try Self.world("route /* { upstream api; request_fields allow=\(name) }")
        _ = open.ask("GET /", fields: fields)
        #expect(open.requests[0].field(name) != nil)
        let passing = try Self.world("route /* { upstream api; pass }")
        _ = passing.ask("GET /", fields: fields)
        #expect(passing.requests[0].field(name) != nil)
    }

    @Test func forwardedFieldsThatPassAreNobodysOwn() throws {
        let fields = "X-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nForwarded: host=evil\r\n"
        let larder = try Self.world(Self.storing, top: "forwarded off")
        _ = larder.ask("GET /", fields: fields)
        #expect(!larder.requests[0].head.contains("evil"))
        let trusting = try Self.world(Self.storing, top: "forwarded off\n\(Self.trusting)")
        _ = trusting.ask("GET /", fields: fields)
        #expect(trusting.requests[0].field("X-Forwarded-Host") == "evil")
        #expect(!Self.isHit(trusting.ask("GET /")))
    }

    @Test func anAllowedForwardedFieldPassesFromAnybody() throws {
        let larder = try Self.world(
            "route /* { upstream api; request_fields allow=X-Forwarded-Host }", top: "forwarded off")
        _ = larder.ask("GET /", fields: "X-Forwarded-Host: one\r\nX-Forwarded-Port: 444\r\n")
        #expect(larder.requests[0].field("X-Forwarded-Host") == "one")
        #expect(larder.requests[0].field("X-Forwarded-Port") == nil)
    }

    /// It is not sent, and so tells nothing apart.
    @Test func aTrustedPortIsReplacedByOurWord() throws {
        let larder = try Self.world(Self.storing, top: Self.trusting)
        _ = larder.ask("GET /", fields: "X-Forwarded-Port: 444\r\n")
        #expect(larder.requests[0].field("X-Forwarded-Port") == nil)
        #expect(Self.isHit(larder.ask("GET /", fields: "X-Forwarded-Port: 445\r\n")))
    }

    /// With content it stays HTTP.
    @Test func anUpgradeWithContentIsNotSent() throws {
        let larder = try Self.world("route /* { upstream api; upgrade websocket }")
        let upgrade = "Upgrade: websocket\r\nConnection: upgrade\r\n"
        _ = larder.ask("POST /", fields: upgrade, body: "a")
        #expect(larder.requests[0].field("Upgrade") == nil)
        _ = larder.ask("GET /", fields: upgrade)
        #expect(larder.requests[1].field("Upgrade") == "websocket")
    }

    @Test func methodsWithOneBodyAreToldApart() throws {
        let larder = try Self.world("route /* { upstream api; key body=query,safe_post }")
        for method in ["QUERY", "POST"] {
            #expect(!Self.isHit(larder.ask("\(method) /", fields: "Content-Type: text/plain\r\n", body: "a")))
            #expect(Self.isHit(larder.ask("\(method) /", fields: "Content-Type: text/plain\r\n", body: "a")))
        }
    }

    @Test func anOverriddenPostIsNotStored() throws {
        let larder = try ScriptedWorld(Self.storing) { _ in
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Location: /\r\nContent-Length: 2\r\n\r\nok"
        }
        let answer = larder.ask("POST /", fields: "X-HTTP-Method-Override: PUT\r\n", body: "a")
        #expect(answer.cacheStatus.contains("detail=method"))
        #expect(larder.requests[0].field("X-HTTP-Method-Override") == "PUT")
        #expect(!Self.isHit(larder.ask("GET /")))
        _ = larder.ask("POST /", body: "a")
        #expect(Self.isHit(larder.ask("GET /")))
    }

    /// A route that keys POST by its content has taken it for safe: another method would share its answers.
    @Test func aKeyedPostIsNotOverridden() throws {
        let larder = try Self.world("route /* { upstream api; key body=safe_post }")
        for name in ["X-HTTP-Method-Override", "X-Method", "Method-Override", "X_HTTP_Method_Override"] {
            let answer = larder.ask("POST /\(name)", fields: "\(name): DELETE\r\n", body: "a")
            #expect(answer.status == 200)
            #expect(larder.requests.last?.field(name) == nil)
            #expect(Self.isHit(larder.ask("POST /\(name)", body: "a")))
        }
    }

    // MARK: Trailers

    @Test func trailersPassByName() throws {
        for (route, expected) in [
            ("", "0\r\n\r\n"), ("; request_fields trailers=X-Sum", "0\r\nx-sum: 1\r\n\r\n"),
        ] {
            let larder = try ScriptedWorld("route /* { upstream api; pass\(route) }") { _ in
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            }
            let socket = larder.connect()
            socket.write(
                "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTrailer: X-Sum, X-Forwarded-For\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
                    + "0\r\nX-Forwarded-For: 1\r\nx-sum: 1\r\nContent-Length: 9\r\nCookie: a\r\n\r\n")
            #expect(larder.answer(on: socket).status == 200)
            #expect(larder.requests[0].trailers == expected)
            #expect(larder.requests[0].field("Trailer") == (route.isEmpty ? nil : "x-sum"))
        }
    }

    // MARK: Cookies and credentials

    @Test func allThatMayBeReadAsTheCookieIsKeyed() throws {
        let larder = try Self.world("route /* { upstream api; key cookie=plan }")
        let cookies = [
            "Cookie: plan=a\r\n", "Cookie: plan=a; plan=b\r\n", "Cookie: plan=b; plan=a\r\n", "Cookie: plan=b\r\n",
            "Cookie: Plan=a\r\n", "Cookie: plan=a\r\nCookie: plan=b\r\n", "Cookie: x=1, plan=a\r\n", "",
            "Cookie: pl%61n=a\r\n", "Cookie: =plan=a\r\n",
        ]
        for cookie in cookies { #expect(!Self.isHit(larder.ask("GET /", fields: cookie))) }
        for cookie in cookies { #expect(Self.isHit(larder.ask("GET /", fields: cookie))) }
        #expect(Self.isHit(larder.ask("GET /", fields: "Cookie: other=1; plan=a\r\n")))
    }

    @Test func allLinesOfAFieldAreKeyed() throws {
        let larder = try Self.world("route /* { upstream api; key header=X-Lang }")
        let lines = [
            "X-Lang: de\r\n", "X-Lang: de\r\nX-Lang: en\r\n", "X-Lang: en\r\nX-Lang: de\r\n", "X-Lang: de, en\r\n",
            "X-Lang:\r\n", "",
        ]
        for line in lines { #expect(!Self.isHit(larder.ask("GET /", fields: line))) }
        for line in lines { #expect(Self.isHit(larder.ask("GET /", fields: line))) }
    }

    @Test func allCredentialsAreKeyed() throws {
        let larder = try Self.world("route /* { upstream api; key authorization=hashed }")
        let lines = ["Authorization: a\r\n", "Authorization: a\r\nAuthorization: b\r\n", "Authorization: b\r\n"]
        for line in lines { #expect(!Self.isHit(larder.ask("GET /", fields: line))) }
        for line in lines { #expect(Self.isHit(larder.ask("GET /", fields: line))) }
    }
}
