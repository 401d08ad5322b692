// SPDX-License-Identifier: Apache-2.0
import EventIO
import TestKit
import Testing

@testable import Server

/// What HEAD learns about what GET stored (RFC 9111 §4.3.5).
@Suite struct HeadUpdateTests {
    @Test func aStaleResponseThatHEADConfirmsServesGETAgain() throws {
        let larder = try ScriptedWorld("route /* { upstream api }") { request in
            request.field("If-None-Match") == "\"v\""
                ? "HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\nCache-Control: max-age=60\r\n\r\n"
                : "HTTP/1.1 200 OK\r\nETag: \"v\"\r\nCache-Control: max-age=1\r\nContent-Length: 1\r\n\r\na"
        }
        #expect(larder.ask("GET /").body == "a")
        larder.world.run(for: .seconds(3))
        #expect(larder.ask("HEAD /").status == 200)
        let answer = larder.ask("GET /")
        #expect(answer.body == "a")
        #expect(answer.cacheStatus.contains("; hit"))
        #expect(larder.requests.count == 2)
    }

    /// What is stored may be older or newer than what the conditions speak of.
    @Test(arguments: ["If-None-Match: \"x\"\r\n", "If-Modified-Since: Mon, 01 Jun 2026 12:00:00 GMT\r\n"])
    func theAnswerToAClientsOwnConditionsUpdatesNothing(fields: String) throws {
        let larder = try ScriptedWorld("route /* { upstream api }") { request in
            let tag = request.method == "HEAD" ? "w" : "v"
            return "HTTP/1.1 200 OK\r\nETag: \"\(tag)\"\r\nCache-Control: max-age=60\r\nContent-Length: 1\r\n\r\n"
                + (request.method == "HEAD" ? "" : "a")
        }
        larder.originDelay = .milliseconds(50)
        let head = larder.begin("HEAD /", fields: fields)
        larder.world.run(for: .milliseconds(20))
        larder.originDelay = .zero
        #expect(larder.ask("GET /").body == "a")
        #expect(larder.answer(on: head).field("ETag") == "\"w\"")
        #expect(larder.ask("GET /").cacheStatus.contains("; hit"))
    }

    /// The client's own wish ends nothing that others get.
    @Test(arguments: [("Cache-Control: no-store\r\n", "", true), ("", "Authorization: Basic x\r\n", false)])
    func anUpdateThatMayNotBeStored(answer: String, request: String, ends: Bool) throws {
        var isDown = false
        let larder = try ScriptedWorld("route /* { upstream api\n ttl 1s\n stale if_error=60s }") { request in
            if isDown { return "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n" }
            let isHead = request.method == "HEAD"
            let fields = isHead ? answer : ""
            return "HTTP/1.1 200 OK\r\nETag: \"v\"\r\n\(fields)Content-Length: 1\r\n\r\n\(isHead ? "" : "a")"
        }
        #expect(larder.ask("GET /").body == "a")
        larder.world.run(for: .seconds(3))
        #expect(larder.ask("HEAD /", fields: request).status == 200)
        isDown = true
        #expect(larder.ask("GET /").status == (ends ? 503 : 200))
    }
}
