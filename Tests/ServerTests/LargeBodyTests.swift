// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestKit
import Testing

@testable import Server

/// Stored bodies that lie in pages, on a kernel that takes a few bytes at a time.
@Suite struct LargeBodyTests {
    private static let body = String(decoding: (0..<150_000).map(letter(at:)), as: UTF8.self)

    private static func letter(at index: Int) -> UInt8 { UInt8(97 + (index / 7 + index % 5) % 26) }

    private func makeWorld(seed: UInt64 = 1, framing: String = "") throws -> ScriptedWorld {
        try ScriptedWorld("route /* { upstream api }", seed: seed) { _ in
            let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: \"1\"\r\n"
            if framing == "chunked" {
                let size = String(Self.body.utf8.count, radix: 16)
                return head + "Transfer-Encoding: chunked\r\n\r\n\(size)\r\n\(Self.body)\r\n0\r\n\r\n"
            }
            return head + "Content-Length: \(Self.body.utf8.count)\r\n\r\n" + Self.body
        }
    }

    private func part(_ range: Range<Int>) -> String {
        String(decoding: Array(Self.body.utf8)[range], as: UTF8.self)
    }

    @Test("A stored body is sent by its pages, whole and in parts", arguments: ["", "chunked"])
    func byPages(framing: String) throws {
        let world = try makeWorld(framing: framing)
        #expect(world.ask("GET /a").status == 200)
        #expect(world.world.pagedByteCount == 0, "what only passes is copied")
        #expect(world.ask("GET /a").body == Self.body)
        #expect(world.world.pagedByteCount > 100_000)
        let before = world.world.pagedByteCount
        #expect(world.ask("GET /a", fields: "Range: bytes=1000-60999\r\n").body == part(1000..<61_000))
        #expect(world.world.pagedByteCount == before + 60_000)
        #expect(world.ask("GET /a", fields: "Range: bytes=1000-1999\r\n").body == part(1000..<2000))
        #expect(world.world.pagedByteCount == before + 60_000, "a short part is copied")
        #expect(world.ask("HEAD /a").body.isEmpty)
        #expect(world.requests.count == 1)
    }

    @Test("However little the kernel takes, the bytes arrive in order", arguments: 1...20 as ClosedRange<UInt64>)
    func fragmented(seed: UInt64) throws {
        let world = try makeWorld(seed: seed)
        #expect(world.ask("GET /a").body == Self.body)
        world.world.faults = .fragmented
        let clients = (0..<4).map { world.begin("GET /a", fields: $0 == 3 ? "Range: bytes=7-\r\n" : "") }
        for (index, client) in clients.enumerated() {
            #expect(world.answer(on: client).body == (index == 3 ? part(7..<150_000) : Self.body))
        }
        #expect(world.world.pagedByteCount > 0)
    }

    @Test("Where sending pages is refused, the bodies are copied", arguments: 1...5 as ClosedRange<UInt64>)
    func refused(seed: UInt64) throws {
        let world = try makeWorld(seed: seed)
        world.world.refusesPages = true
        world.world.faults = .fragmented
        for _ in 0..<3 { #expect(world.ask("GET /a").body == Self.body) }
        #expect(world.world.pagedByteCount == 0)
        #expect(world.requests.count == 1)
    }

    @Test("Requests that wait behind a large answer get theirs after it")
    func pipelined() throws {
        let world = try makeWorld()
        #expect(world.ask("GET /a").body == Self.body)
        let socket = world.connect()
        let request = "GET /a HTTP/1.1\r\nHost: shop.example\r\n"
        socket.write("\(request)\r\n\(request)Range: bytes=0-9\r\n\r\n\(request)Connection: close\r\n\r\n")
        let bodies = world.answer(on: socket).text.components(separatedBy: "\r\n\r\n").dropFirst()
        #expect(bodies.count == 3)
        for (text, expected) in zip(bodies, [Self.body, part(0..<10), Self.body]) {
            #expect(text.hasPrefix(expected))
        }
    }
}
