// SPDX-License-Identifier: Apache-2.0
import EventIO
import TestKit
import Testing

@testable import Server

/// Connections to an upstream that carried a stream of events to its end.
@Suite struct EndedStreamTests {
    private static func answer(_ fields: String = "") -> String {
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\(fields)Transfer-Encoding: chunked\r\n\r\n"
            + "9\r\ndata: 1\n\n\r\n0\r\n\r\n"
    }

    @Test("Carry requests again", arguments: ["pass", "ttl 1m"])
    func areUsedAgain(route: String) throws {
        let larder = try ScriptedWorld("route /* { upstream api\n \(route) }") { _ in Self.answer() }
        for number in 0..<20 { #expect(larder.ask("GET /\(number)").status == 200) }
        #expect(larder.requests.count == 20)
        #expect(larder.originConnections == 1)
    }

    @Test("End where the server wants that")
    func areClosed() throws {
        let larder = try ScriptedWorld("route /* { upstream api\n pass }") { _ in Self.answer("Connection: close\r\n") }
        for number in 0..<3 { #expect(larder.ask("GET /\(number)").status == 200) }
        #expect(larder.originConnections == 3)
        #expect(larder.endedConnections == 3)
    }
}
