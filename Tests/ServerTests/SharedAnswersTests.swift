// SPDX-License-Identifier: Apache-2.0
import EventIO
import Nodes
import TestKit
import Testing

@testable import Server

/// What a request says beside its key does not decide what others get (promise 2).
@Suite struct SharedAnswersTests {
    private static func reply(_ status: Int = 200, _ body: String = "", _ fields: String = "") -> String {
        "HTTP/1.1 \(status) X\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static let fresh = "Cache-Control: public, max-age=60\r\n"

    @Test(
        "Neither stored nor stored over what others get",
        arguments: [
            "If-Match: \"v\"\r\n", "If-Unmodified-Since: Mon, 01 Jun 2026 12:00:00 GMT\r\n",
            "Connection: upgrade\r\nUpgrade: websocket\r\n",
        ], [false, true])
    func ownFields(fields: String, isStoredBefore: Bool) throws {
        let larder = try ScriptedWorld("route /* { upstream api\n ttl 1m }") { request in
            request.field("X-Asked") == "own" ? Self.reply(200, "own", Self.fresh) : Self.reply(200, "all", Self.fresh)
        }
        if isStoredBefore { #expect(larder.ask("GET /").body == "all") }
        let own = larder.ask("GET /", fields: "X-Asked: own\r\n" + fields)
        #expect(own.body == "own")
        #expect(own.cacheStatus.contains("fwd=request"))
        #expect(own.cacheStatus.contains("detail=request-specific"))
        #expect(larder.ask("GET /").body == "all")
        #expect(larder.requests.count == 2)
    }

    @Test(
        "HEAD that is on its own neither updates nor evicts",
        arguments: ["ETag: \"w\"\r\n", "ETag: \"v\"\r\nX-New: 1\r\nCache-Control: max-age=0\r\n"])
    func ownHead(answer: String) throws {
        let larder = try ScriptedWorld("route /* { upstream api }") { request in
            request.method == "HEAD"
                ? "HTTP/1.1 200 OK\r\n\(answer)Content-Length: 9\r\n\r\n"
                : Self.reply(200, "a", "ETag: \"v\"\r\n" + Self.fresh)
        }
        #expect(larder.ask("GET /").body == "a")
        #expect(larder.ask("HEAD /", fields: "If-Match: \"w\"\r\n").status == 200)
        let later = larder.ask("GET /")
        #expect(later.cacheStatus.contains("; hit"))
        #expect(later.field("X-New") == nil)
    }

    @Test("Content of GET is read, and never reaches the origin", arguments: ["GET", "HEAD"], [false, true])
    func content(method: String, isChunked: Bool) throws {
        let larder = try ScriptedWorld("route /* { upstream api }") { request in
            Self.reply(200, request.body.isEmpty ? "all" : "own", Self.fresh)
        }
        let socket = larder.connect()
        let content =
            isChunked ? "Transfer-Encoding: chunked\r\n\r\n4\r\nsale\r\n0\r\n\r\n" : "Content-Length: 4\r\n\r\nsale"
        socket.write(
            "\(method) / HTTP/1.1\r\nHost: shop.example\r\nContent-Type: text/plain\r\n\(content)"
                + "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        let answers = larder.answer(on: socket).text
        #expect(answers.components("HTTP/1.1 200").count == 3)
        #expect(answers.hasSuffix("all"))
        #expect(!answers.contains("own"))
        for request in larder.requests {
            #expect(request.field("Content-Length") == nil && request.field("Transfer-Encoding") == nil)
            #expect(request.field("Content-Type") == nil)
        }
        #expect(larder.requests.count == (method == "GET" ? 1 : 2))
    }

    @Test("Content of GET has the limit of other bodies, and is invited like them")
    func contentLimits() throws {
        let larder = try ScriptedWorld("route /* { upstream api }", top: "limits body=10B") { _ in
            Self.reply(200, "all", Self.fresh)
        }
        #expect(larder.ask("GET /", body: "12345678901").status == 413)
        let chunked = larder.begin("GET /", fields: "Transfer-Encoding: chunked\r\n")
        chunked.write("b\r\n12345678901\r\n")
        #expect(larder.answer(on: chunked).status == 413)
        let broken = larder.begin("GET /", fields: "Transfer-Encoding: chunked\r\n")
        broken.write("x\r\n")
        #expect(larder.answer(on: broken).status == 400)
        let polite = larder.begin("GET /", fields: "Content-Length: 2\r\nExpect: 100-continue\r\n")
        larder.world.run(for: .milliseconds(5))
        #expect(polite.receivedText.hasPrefix("HTTP/1.1 100 Continue"))
        polite.write("ab")
        #expect(larder.answer(on: polite).text.hasSuffix("all"))
        #expect(larder.requests.first?.field("Expect") == nil)
    }

    @Test("A route that passes sends the content on")
    func passedContent() throws {
        let larder = try ScriptedWorld("route /* { upstream api\n pass }") { Self.reply(200, $0.body) }
        #expect(larder.ask("GET /", body: "mine").body == "mine")
    }

    @Test(
        "What judges one request's form is no answer for others",
        arguments: [400, 412, 416, 417, 426, 429, 431, 501])
    func judgements(status: Int) throws {
        let larder = try ScriptedWorld("route /* { upstream api\n ttl 1m force\n ttl 404 1m }") { request in
            request.field("X-Long") != nil ? Self.reply(status, "own", Self.fresh) : Self.reply(200, "all", Self.fresh)
        }
        let own = larder.ask("GET /", fields: "X-Long: 1\r\n")
        #expect(own.status == status)
        #expect(own.cacheStatus.contains("detail=request-form") || own.cacheStatus.contains("detail=status"))
        #expect(larder.ask("GET /").body == "all")
    }

    @Test(
        "Nor is an error that a range or a condition may have caused",
        arguments: ["Range: bytes=0-\r\n", "If-None-Match: \"x\"\r\n"])
    func ownConditions(fields: String) throws {
        let larder = try ScriptedWorld("route /* { upstream api\n coalesce off\n ttl 404 1m }") { request in
            request.field("Range") ?? request.field("If-None-Match") == nil
                ? Self.reply(200, "all", Self.fresh) : Self.reply(404, "own", Self.fresh)
        }
        let own = larder.ask("GET /", fields: fields)
        #expect(own.status == 404)
        #expect(own.cacheStatus.contains("detail=request-specific"))
        #expect(larder.ask("GET /").body == "all")
    }

    @Test("Nor does such an error end what others get when the origin fails")
    func ownConditionsEndNothing() throws {
        var isDown = false
        let larder = try ScriptedWorld(
            "route /* { upstream api\n key body=safe_post\n coalesce off\n ttl 1s\n stale if_error=60s }"
        ) { request in
            if isDown { return Self.reply(503, "down") }
            return request.field("If-None-Match") == nil ? Self.reply(200, "all") : Self.reply(404, "own")
        }
        #expect(larder.ask("POST /", body: "a").body == "all")
        larder.world.run(for: .seconds(3))
        #expect(larder.ask("POST /", fields: "If-None-Match: \"x\"\r\n", body: "a").body == "own")
        isDown = true
        #expect(larder.ask("POST /", body: "a").body == "all")
    }

    @Test("Nor does it end a part that others get")
    func ownRangeEndsNothing() throws {
        let larder = try ScriptedWorld("route /* { upstream api }") { request in
            request.field("Range") == "bytes=0-1"
                ? "HTTP/1.1 206 X\r\nETag: \"v\"\r\nContent-Range: bytes 0-1/4\r\n\(Self.fresh)Content-Length: 2\r\n\r\nab"
                : Self.reply(404, "own")
        }
        #expect(larder.ask("GET /", fields: "Range: bytes=0-1\r\n").body == "ab")
        #expect(larder.ask("GET /", fields: "Range: bytes=0-3\r\n").status == 404)
        #expect(larder.ask("GET /", fields: "Range: bytes=0-1\r\n").cacheStatus.contains("; hit"))
    }

    @Test("What is kept out of the store reaches who fetched it, and nobody else", arguments: [1, 100_000])
    func withheldFields(length: Int) throws {
        let larder = try ScriptedWorld("route /* { upstream api }") { _ in
            Self.reply(
                200, String(repeating: "a", count: length),
                "Cache-Control: max-age=60, private=\"X-User\"\r\nX-User: ann\r\n")
        }
        #expect(larder.ask("GET /").field("X-User") == "ann")
        let hit = larder.ask("GET /")
        #expect(hit.cacheStatus.contains("; hit") && hit.field("X-User") == nil)
    }

    @Test("A client's no-store or Authorization does not take away what others get")
    func noEviction() throws {
        let larder = try ScriptedWorld("route /* { upstream api\n client_cache_control honor }") { request in
            request.field("If-None-Match") == nil
                ? Self.reply(200, "a", "ETag: \"v\"\r\nCache-Control: max-age=1\r\n")
                : "HTTP/1.1 304 X\r\nETag: \"v\"\r\nCache-Control: max-age=60\r\n\r\n"
        }
        #expect(larder.ask("GET /").body == "a")
        larder.world.run(for: .seconds(3))
        for field in ["Cache-Control: no-store", "Authorization: Basic x"] {
            #expect(larder.ask("GET /", fields: field + "\r\n").body == "a")
        }
        #expect(larder.ask("GET /").body == "a")
        #expect(larder.requests.last?.field("If-None-Match") == "\"v\"")
        #expect(larder.ask("GET /").cacheStatus.contains("; hit"))
    }

    // MARK: Validation

    @Test("Vary that comes with a 304 is obeyed", arguments: ["GET", "HEAD"])
    func varyOf304(method: String) throws {
        var vary = ""
        let larder = try ScriptedWorld("route /* { upstream api }") { request in
            if request.field("If-None-Match") != nil {
                vary = "Vary: X-Lang\r\n"
                return "HTTP/1.1 304 X\r\nETag: \"v\"\r\nVary: X-Lang\r\nCache-Control: max-age=60\r\n\r\n"
            }
            let language = request.field("X-Lang") ?? "none"
            return Self.reply(200, language, "ETag: \"v\"\r\n\(vary)Cache-Control: max-age=1\r\n")
        }
        #expect(larder.ask("GET /", fields: "X-Lang: de\r\n").body == "de")
        larder.world.run(for: .seconds(3))
        #expect(larder.ask("\(method) /", fields: "X-Lang: de\r\n").status == 200)
        #expect(larder.ask("GET /", fields: "X-Lang: fr\r\n").body == "fr")
        let again = larder.ask("GET /", fields: "X-Lang: de\r\n")
        #expect(again.body == "de" && again.cacheStatus.contains("; hit"))
        #expect(larder.requests.count == 3)
    }

    @Test("Vary: * in a 304 ends it for others")
    func varyStarOf304() throws {
        let larder = try ScriptedWorld("route /* { upstream api }") { request in
            request.field("If-None-Match") != nil
                ? "HTTP/1.1 304 X\r\nETag: \"v\"\r\nVary: *\r\nCache-Control: max-age=60\r\n\r\n"
                : Self.reply(200, "a", "ETag: \"v\"\r\nCache-Control: max-age=1\r\n")
        }
        #expect(larder.ask("GET /").body == "a")
        larder.world.run(for: .seconds(3))
        #expect(larder.ask("GET /").body == "a")
        #expect(larder.ask("GET /").cacheStatus.contains("fwd=uri-miss"))
    }

    @Test(
        "What a refresh behind the client's back learns ends the old answer",
        arguments: [
            (404, "", true), (410, "", true), (401, "", true), (403, "", true), (302, "Location: /b\r\n", true),
            (200, "Cache-Control: no-store\r\n", true), (200, "Cache-Control: private\r\n", true),
            (200, "Vary: *\r\n", true), (200, "Cache-Control: max-age=60\r\nVary: X-A\r\n", true),
            (500, "", false), (503, "Cache-Control: max-age=60\r\n", false), (429, "", false), (400, "", false),
        ], ["GET", "HEAD"])
    func learned(answer: (Int, String, Bool), method: String) throws {
        var isOld = true
        let larder = try ScriptedWorld(
            "route /* { upstream api\n ttl 1s\n stale while_revalidate=60s if_error=60s }"
        ) { _ in
            isOld ? Self.reply(200, "old") : Self.reply(answer.0, "new", answer.1)
        }
        #expect(larder.ask("GET /").body == "old")
        larder.world.run(for: .seconds(3))
        isOld = false
        let stale = larder.ask("\(method) /")
        #expect(stale.status == 200 && stale.cacheStatus.contains("; hit"), "\(stale.cacheStatus)")
        larder.world.run(for: .milliseconds(100))
        #expect(larder.ask("GET /", fields: "X-A: 1\r\n").body == (answer.2 ? "new" : "old"))
    }

    @Test("A validation that a client waits for does the same")
    func learnedInTheForeground() throws {
        var isOld = true
        let larder = try ScriptedWorld("route /* { upstream api\n stale if_error=60s }") { _ in
            isOld
                ? Self.reply(200, "old", "ETag: \"v\"\r\nCache-Control: max-age=1\r\n")
                : Self.reply(404, "gone", "Cache-Control: no-store\r\n")
        }
        #expect(larder.ask("GET /").body == "old")
        larder.world.run(for: .seconds(3))
        isOld = false
        #expect(larder.ask("GET /").status == 404)
        #expect(larder.ask("GET /").status == 404)
        #expect(larder.requests.last?.field("If-None-Match") == nil)
    }

    // MARK: Invalidation under way

    @Test("A purge that comes before the 304 has the body fetched anew", arguments: ["GET", "HEAD"])
    func purgedBeforeConfirmation(method: String) throws {
        var version = 1
        let larder = try ScriptedWorld("route /* { upstream api }") { request in
            request.field("If-None-Match") == "\"v\""
                ? "HTTP/1.1 304 X\r\nETag: \"v\"\r\nCache-Control: max-age=60\r\n\r\n"
                : Self.reply(200, "\(version)", "ETag: \"v\"\r\nCache-Control: max-age=1\r\nX-Version: \(version)\r\n")
        }
        #expect(larder.ask("GET /").body == "1")
        larder.world.run(for: .seconds(3))
        larder.originDelay = .milliseconds(50)
        let leader = larder.begin("\(method) /")
        let follower = larder.begin("GET /")
        larder.world.run(for: .milliseconds(20))
        version = 2
        larder.proxy.shared.invalidate([.all])
        #expect(larder.answer(on: leader).field("X-Version") == "2")
        #expect(larder.answer(on: follower).body == "2")
        // HEAD fetches for itself alone, and is sent once more like the fetch of the other.
        #expect(larder.requests.count == (method == "GET" ? 3 : 5))
    }

    @Test("What was purged does not answer for an origin that fails", arguments: [false, true])
    func purgedBeforeFailure(isStatus: Bool) throws {
        var fails = false
        let larder = try ScriptedWorld(
            "route /* { upstream api\n stale if_error=60s }"
        ) { _ in
            fails ? Self.reply(503, "failed") : Self.reply(200, "old", "ETag: \"v\"\r\nCache-Control: max-age=1\r\n")
        }
        #expect(larder.ask("GET /").body == "old")
        larder.world.run(for: .seconds(3))
        fails = true
        #expect(larder.ask("GET /").body == "old")
        larder.originDelay = .milliseconds(50)
        let leader = larder.begin("GET /")
        let follower = larder.begin("GET /")
        larder.world.run(for: .milliseconds(20))
        larder.proxy.shared.invalidate([.all])
        #expect(larder.answer(on: leader).status == 503)
        #expect(larder.answer(on: follower).status == 503)
    }

    // MARK: Others

    @Test("A forced lifetime holds however late the origin's clock is")
    func lateClock() throws {
        let larder = try ScriptedWorld("route /* { upstream api\n ttl 2s force }") { _ in
            Self.reply(200, "a", "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n")
        }
        #expect(larder.ask("GET /").body == "a")
        let hit = larder.ask("GET /")
        #expect(
            hit.cacheStatus.contains("; hit; ttl=1") || hit.cacheStatus.contains("; hit; ttl=2"), "\(hit.cacheStatus)")
        #expect((hit.field("Age").flatMap { Int($0) } ?? 0) > 10_000)
        larder.world.run(for: .seconds(3))
        #expect(larder.ask("GET /").cacheStatus.contains("fwd=stale"))
    }

    @Test("A stream of events is not kept by the route's lifetime", arguments: ["ttl 1m", "ttl 1m force"])
    func events(ttl: String) throws {
        let larder = try ScriptedWorld("route /* { upstream api\n \(ttl) }") { _ in
            Self.reply(200, "data: 1\n\n", "Content-Type: text/event-stream\r\n")
        }
        #expect(larder.ask("GET /").cacheStatus.contains("detail=event-stream"))
        #expect(larder.ask("GET /").cacheStatus.contains("fwd=uri-miss"))
    }

    @Test("What comes in a transfer coding that is not known is refused", arguments: ["binary", "gzip", "chunked, br"])
    func transferCoding(coding: String) throws {
        let larder = try ScriptedWorld("route /* { upstream api\n ttl 1m }") { _ in
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: \(coding)\r\nContent-Type: text/plain\r\n\r\nabc"
        }
        let answer = larder.ask("GET /")
        #expect(answer.status == 502)
        #expect(answer.cacheStatus.contains("detail=upstream-transfer-coding"))
        larder.world.run(for: .milliseconds(10))
        #expect(larder.endedConnections == 1)
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: false)
    }
}
