// SPDX-License-Identifier: Apache-2.0
import EventIO
import Nodes
import TestKit
import Testing

@testable import Server

/// Requests whose body is part of their key (RFC 10008, and POST where the route says so).
@Suite struct KeyedContentTests {
    private static let route = "route /* { upstream api; key body=query,safe_post max_body=1KB }"

    /// Answers each request with its number and its body.
    private static func world(
        _ route: String = route, control: String = "max-age=60", top: String = "", workers: Int = 1
    ) throws -> ScriptedWorld {
        let counter = Counter()
        return try ScriptedWorld(route, top: top, workers: workers) { request in
            counter.count += 1
            let body = "\(counter.count):\(request.body)"
            let control = control.isEmpty ? "" : "Cache-Control: \(control)\r\n"
            return "HTTP/1.1 200 OK\r\n\(control)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
    }

    private final class Counter { var count = 0 }

    private static let json = "Content-Type: application/json\r\n"

    // MARK: Keys

    @Test(arguments: ["QUERY", "POST"])
    func equalBodiesShareAnAnswerAndOthersDoNot(method: String) throws {
        let larder = try Self.world()
        #expect(larder.ask("\(method) /q", fields: Self.json, body: "a").body == "1:a")
        let again = larder.ask("\(method) /q", fields: Self.json, body: "a")
        #expect(again.body == "1:a")
        #expect(again.cacheStatus.hasPrefix("Larder; hit; ttl="))
        #expect(again.field("Age") != nil)
        #expect(larder.ask("\(method) /q", fields: Self.json, body: "b").body == "2:b")
        #expect(larder.ask("\(method) /q", fields: Self.json, body: "").body == "3:")
        #expect(larder.ask("\(method) /q", fields: Self.json, body: "").body == "3:")
        #expect(larder.ask("\(method) /r", fields: Self.json, body: "a").body == "4:a")
        #expect(larder.requests.allSatisfy { $0.method == method })
        #expect(larder.requests.map(\.body) == ["a", "b", "", "a"])
    }

    @Test func methodsDoNotShareAnswers() throws {
        let larder = try Self.world()
        #expect(larder.ask("GET /q").body == "1:")
        #expect(larder.ask("POST /q", body: "").body == "2:")
        #expect(larder.ask("QUERY /q", body: "").body == "3:")
        #expect(larder.ask("HEAD /q").cacheStatus.contains("; hit"))
        #expect(larder.ask("GET /q").body == "1:")
        #expect(larder.ask("POST /q", body: "").body == "2:")
    }

    @Test(arguments: [
        ("Content-Type: a/a\r\n", "Content-Type: a/b\r\n"), ("Content-Type: a/a\r\n", ""),
        ("Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n"), ("Content-Language: de\r\n", ""),
    ])
    func whatTheBodyIsSaidToBeIsPartOfTheKey(one: String, other: String) throws {
        let larder = try Self.world()
        #expect(larder.ask("QUERY /q", fields: one, body: "a").body == "1:a")
        #expect(larder.ask("QUERY /q", fields: other, body: "a").body == "2:a")
        #expect(larder.ask("QUERY /q", fields: one, body: "a").body == "1:a")
    }

    @Test func aChunkedBodyHasTheKeyOfItsContent() throws {
        let larder = try Self.world()
        #expect(larder.ask("QUERY /q", body: "hello").body == "1:hello")
        let socket = larder.connect()
        socket.write(
            "QUERY /q HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n"
        )
        larder.world.run(for: .seconds(1))
        socket.write("3\r\nllo\r\n0\r\nX-Trailer: a\r\n\r\n")
        #expect(larder.answer(on: socket).body == "1:hello")
        #expect(larder.requests.count == 1)
    }

    @Test func withoutTheWordsNothingIsKeyed() throws {
        let larder = try Self.world("route /* { upstream api; key body=query }")
        #expect(larder.ask("POST /q", body: "a").body == "1:a")
        #expect(larder.ask("POST /q", body: "a").cacheStatus == "Larder; fwd=method; fwd-status=200; detail=method")
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        let larder = try Self.world()
        let socket = larder.connect()
        let query = { (body: String) in
            "QUERY /q HTTP/1.1\r\nHost: shop.example\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        socket.write(query("a") + query("a") + query("bb") + "GET /q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let text = larder.answer(on: socket).text
        let bodies = text.components(of: ["1:a", "2:bb", "3:"])
        #expect(bodies == ["1:a", "1:a", "2:bb", "3:"])
    }

    // MARK: Limits

    @Test(arguments: [false, true])
    func aBodyPastTheLimitPassesThrough(isChunked: Bool) throws {
        let larder = try Self.world()
        let body = String(repeating: "x", count: 5000)
        for number in 1...2 {
            let socket = larder.connect()
            let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: 5000"
            socket.write("POST /q HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\(framing)\r\n\r\n")
            let half = String(body.prefix(2500))
            if isChunked {
                socket.write("9c4\r\n\(half)\r\n")
                larder.world.run(for: .seconds(1))
                socket.write("9c4\r\n\(half)\r\n0\r\n\r\n")
            } else {
                socket.write(body)
            }
            let answer = larder.answer(on: socket)
            #expect(answer.body == "\(number):\(body)")
            #expect(answer.cacheStatus == "Larder; fwd=bypass; fwd-status=200; detail=request-too-large")
        }
        #expect(larder.requests.map(\.body) == [body, body])
    }

    @Test func aBodyOfExactlyTheLimitIsKeyed() throws {
        let larder = try Self.world()
        let body = String(repeating: "x", count: 1024)
        #expect(larder.ask("POST /q", body: body).status == 200)
        #expect(larder.ask("POST /q", body: body).cacheStatus.contains("; hit"))
    }

    @Test func theLimitOfAllBodiesHoldsToo() throws {
        let larder = try Self.world(top: "limits body=10B")
        let socket = larder.connect()
        socket.write("QUERY /q HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n")
        #expect(larder.answer(on: socket).status == 413)
        #expect(larder.requests.isEmpty)
    }

    @Test func aBodyThatEndsEarlyIsNoRequest() throws {
        let larder = try Self.world()
        let socket = larder.connect()
        socket.write("QUERY /q HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
        socket.finishWriting()
        #expect(larder.answer(on: socket).status == 400)
        let slow = larder.connect()
        slow.write("QUERY /q HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
        #expect(larder.answer(on: slow).status == 408)
        let broken = larder.connect()
        broken.write("QUERY /q HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n")
        #expect(larder.answer(on: broken).status == 400)
        #expect(larder.requests.isEmpty)
    }

    @Test func aClientThatWaitsForContinueGetsItFromTheProxy() throws {
        let larder = try Self.world()
        for _ in 0..<2 {
            let socket = larder.connect()
            socket.write(
                "QUERY /q HTTP/1.1\r\nHost: shop.example\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 1\r\n\r\n"
            )
            let isContinued = larder.world.run(within: .seconds(1)) {
                socket.receivedText == "HTTP/1.1 100 Continue\r\n\r\n"
            }
            #expect(isContinued)
            _ = socket.takeReceived()  // seen
            socket.write("a")
            #expect(larder.answer(on: socket).body == "1:a")
        }
        #expect(larder.requests.map { $0.field("Expect") } == [nil])
    }

    // MARK: Fetching

    @Test(arguments: ["QUERY", "POST"])
    func equalBodiesAreFetchedOnce(method: String) throws {
        let larder = try Self.world(workers: 2)
        larder.originDelay = .milliseconds(200)
        let sockets = (0..<10).map { larder.begin("\(method) /q", body: $0 % 2 == 0 ? "even" : "odd") }
        let answers = sockets.map { larder.answer(on: $0) }
        #expect(larder.requests.count == 2)
        #expect(Set(answers.map(\.body)).count == 2)
        #expect(answers.allSatisfy { $0.body.hasSuffix(":even") || $0.body.hasSuffix(":odd") })
        #expect(answers.filter { $0.cacheStatus.contains("collapsed") }.count == 8)
    }

    @Test func anUncacheableAnswerIsForItsClientAlone() throws {
        let larder = try Self.world(control: "no-store")
        #expect(larder.ask("QUERY /q", body: "a").body == "1:a")
        let answer = larder.ask("QUERY /q", body: "a")
        #expect(answer.body == "2:a")
        #expect(answer.cacheStatus == "Larder; fwd=uri-miss; fwd-status=200; detail=no-store")
    }

    @Test(arguments: ["QUERY", "POST"])
    func theBodyIsSentAgainWhenAReusedConnectionBreaks(method: String) throws {
        let larder = try Self.world()
        #expect(larder.ask("\(method) /q", body: "a").body == "1:a")
        larder.brokenAnswers = 1
        #expect(larder.ask("\(method) /q", body: "b").body == "2:b")
        #expect(larder.requests.map(\.body) == ["a", "b", "b"])
    }

    @Test func aStaleAnswerIsValidatedWithTheBody() throws {
        let larder = try ScriptedWorld(Self.route) { request in
            request.field("If-None-Match") == "\"v\""
                ? "HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\nCache-Control: max-age=60\r\n\r\n"
                : "HTTP/1.1 200 OK\r\nETag: \"v\"\r\nCache-Control: max-age=1\r\nContent-Length: 1\r\n\r\n\(request.body)"
        }
        #expect(larder.ask("QUERY /q", body: "a").body == "a")
        larder.world.run(for: .seconds(3))
        #expect(larder.ask("QUERY /q", body: "a").body == "a")
        #expect(larder.requests.map(\.body) == ["a", "a"])
        #expect(larder.requests.map { $0.field("If-None-Match") } == [nil, "\"v\""])
        #expect(larder.ask("QUERY /q", body: "a").cacheStatus.contains("; hit"))
        // The client's own condition is answered like GET's.
        #expect(larder.ask("QUERY /q", fields: "If-None-Match: \"v\"\r\n", body: "a").status == 304)
        // For POST a condition that fails is an error (RFC 9110 §13.1.2), so that none is made.
        _ = larder.ask("POST /q", body: "a")  // stored
        larder.world.run(for: .seconds(3))
        #expect(larder.ask("POST /q", body: "a").body == "a")
        #expect(larder.requests.last?.field("If-None-Match") == nil)
    }

    @Test func aStaleAnswerIsRefreshedWithTheBodyBehindTheClientsBack() throws {
        let larder = try Self.world(control: "max-age=1, stale-while-revalidate=60")
        #expect(larder.ask("POST /q", fields: Self.json, body: "a").body == "1:a")
        larder.world.run(for: .seconds(3))
        let stale = larder.ask("POST /q", fields: Self.json, body: "a")
        #expect(stale.body == "1:a")
        larder.world.run(for: .milliseconds(500))
        #expect(larder.requests.map(\.method) == ["POST", "POST"])
        #expect(larder.requests.map(\.body) == ["a", "a"])
        #expect(larder.requests.last?.field("Content-Type") == "application/json")
        #expect(larder.ask("POST /q", fields: Self.json, body: "a").body == "2:a")
    }

    // MARK: Invalidation

    @Test func anUnsafeMethodInvalidatesAllBodiesOfItsURL() throws {
        let larder = try Self.world()
        for body in ["a", "b"] { _ = larder.ask("QUERY /q?x", body: body) }  // stored
        #expect(larder.ask("QUERY /other", body: "a").body == "3:a")
        #expect(larder.ask("PUT /q?x", body: "new").status == 200)
        #expect(larder.ask("QUERY /q?x", body: "a").body == "5:a")
        #expect(larder.ask("QUERY /q?x", body: "b").body == "6:b")
        #expect(larder.ask("QUERY /other", body: "a").body == "3:a")
    }

    /// Promise 3.
    @Test(arguments: ["QUERY", "POST"])
    func anInvalidationMeetsAFetchUnderWay(method: String) throws {
        let larder = try Self.world()
        larder.originDelay = .milliseconds(200)
        let socket = larder.begin("\(method) /q", body: "a")
        larder.world.run(for: .milliseconds(100))
        larder.proxy.shared.invalidate([.all])
        #expect(larder.answer(on: socket).body == "1:a")
        #expect(larder.ask("\(method) /q", body: "a").body == "2:a")
    }

    @Test func aSafePOSTInvalidatesNothing() throws {
        let larder = try Self.world()
        #expect(larder.ask("GET /q").body == "1:")
        #expect(larder.ask("POST /q", body: "a").body == "2:a")
        #expect(larder.ask("POST /q", body: String(repeating: "x", count: 2000)).status == 200)
        #expect(larder.ask("GET /q").body == "1:")
    }

    /// GET and POST of one URL may have routes of their own.
    @Test func anotherRoutesUnsafeMethodInvalidatesTheBodies() throws {
        let routes = """
            route /q methods=POST { upstream api; key body=safe_post query=sorted }
            route /* { upstream api }
            """
        let larder = try Self.world(routes)
        #expect(larder.ask("POST /q?b&a", body: "a").body == "1:a")
        #expect(larder.ask("POST /q?a&b", body: "a").body == "1:a")
        #expect(larder.ask("GET /q?b&a").body == "2:")
        #expect(larder.ask("DELETE /q?b&a").status == 200)
        #expect(larder.ask("GET /q?b&a").body == "4:")
        #expect(larder.ask("POST /q?b&a", body: "a").body == "5:a")
    }

    @Test func anAdminCallForTheURLInvalidatesAllBodies() throws {
        let routes = "route /q methods=POST { upstream api; key body=safe_post; ttl 5m }\n"
        let larder = try ControlWorld("admin 127.0.0.1:9900\n" + ControlWorld.base + routes)
        let ask = { larder.ask(8080, "POST /q", content: $0) }
        for url in ["http://a/q", "/q"] {
            #expect(ask("1").contains("fwd=uri-miss"))
            #expect(ask("2").contains("fwd=uri-miss"))
            #expect(ask("1").contains("; hit"))
            let answer = larder.admin("POST /invalidate", content: #"{"urls":["\#(url)"]}"#)
            #expect(answer.contains("200 OK"))
        }
        #expect(ask("1").contains("fwd=uri-miss"))
    }
}

extension String {
    /// Those of the words that stand in the text, in the order in which they do.
    fileprivate func components(of words: [String]) -> [String] {
        var found: [String] = []
        for line in split(omittingEmptySubsequences: true, whereSeparator: \.isNewline) {
            for word in words
            where line.hasPrefix(word) && (line.count == word.count || line.dropFirst(word.count).hasPrefix("HTTP")) {
                found.append(word)
            }
        }
        return found
    }
}
