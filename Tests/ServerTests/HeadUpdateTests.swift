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
}
