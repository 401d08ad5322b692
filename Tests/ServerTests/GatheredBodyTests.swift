// SPDX-License-Identifier: Apache-2.0
import EventIO
import TestKit
import Testing

@testable import Server

/// What of a request's content comes before a connection to the upstream is taken (promise 7).
@Suite struct GatheredBodyTests {
    private static func world(top: String = "") throws -> ScriptedWorld {
        try ScriptedWorld("route /* { upstream api; pass }", top: top) { request in
            let text = String(request.body.utf8.count)
            return "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
        }
    }

    /// Sends the content in pieces, one a second, and answers how much had come when the upstream first heard of it.
    private static func upload(
        _ byteCount: Int, pieces: Int, to larder: ScriptedWorld, _ expected: String? = nil
    ) -> Int {
        let client = larder.begin("POST /", fields: "Content-Length: \(byteCount)\r\n")
        var (sent, heard) = (0, 0)
        while sent < byteCount {
            let piece = min((byteCount + pieces - 1) / pieces, byteCount - sent)
            client.write([UInt8](repeating: 120, count: piece))
            sent += piece
            larder.world.run(for: .seconds(1))
            if heard == 0, larder.originConnections > 0 { heard = sent }
        }
        #expect(larder.answer(on: client).body == String(byteCount))
        return heard
    }

    @Test(arguments: [1, 9, 32 << 10, (32 << 10) + 1, 50_000, 100_000, 256 << 10], [1, 2, 7])
    func allOfOneThatIsKnownToBeShort(byteCount: Int, pieces: Int) throws {
        let larder = try Self.world()
        #expect(Self.upload(byteCount, pieces: pieces, to: larder) == byteCount)
        #expect(larder.proxy.shared.heldForClients.byteCount == 0, "given back")
    }

    @Test(arguments: [(256 << 10) + 1, 1_000_000])
    func theBeginningOfALongerOne(byteCount: Int) throws {
        let larder = try Self.world()
        let heard = Self.upload(byteCount, pieces: 50, to: larder)
        #expect(heard >= 32 << 10 && heard < 64 << 10)
        #expect(larder.proxy.shared.heldForClients.byteCount == 0)
    }

    /// Of 4 MB for connections half may be held so: eight bodies of 256 KB.
    @Test func asLongAsThereIsRoom() throws {
        let larder = try Self.world(top: "memory 4MB connections=25%")
        let clients = (0..<12).map { _ in
            let client = larder.begin("POST /", fields: "Content-Length: \(256 << 10)\r\n")
            for _ in 0..<5 {
                client.write([UInt8](repeating: 120, count: 50_000))
                larder.world.run(for: .milliseconds(10))
            }
            return client
        }
        #expect(larder.originConnections == 4)
        for client in clients { client.write([UInt8](repeating: 120, count: (256 << 10) - 250_000)) }
        for client in clients { #expect(larder.answer(on: client).body == String(256 << 10)) }
        #expect(larder.proxy.shared.heldForClients.byteCount == 0)
    }
}
