// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Server

/// Heads go on in pieces, and still as each field's rule says.
@Suite struct PassedOnFieldsTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    /// A request without Host would be refused by its server, or answered for another site.
    @Test(arguments: ["Connection: host\r\n", "Connection: HOST, content-length\r\n", ""])
    func hostIsSentWhateverConnectionLists(fields: String) throws {
        let larder = try ScriptedWorld("route /* { upstream api; pass }") { _ in Self.ok }
        #expect(larder.ask("POST /", fields: fields, body: "abc").status == 200)
        let head = try #require(larder.requests.first).head
        let hosts = head.split(separator: "\r\n").filter { $0.lowercased().hasPrefix("host:") }
        #expect(hosts == ["Host: shop.example"])
        #expect(head.contains("Content-Length: 3"))
    }

    @Test func fieldsOfTheConnectionGoNoFurther() throws {
        let larder = try ScriptedWorld("route /* { upstream api; pass }") { _ in
            "HTTP/1.1 200 Fine\r\nA: 1\r\nKeep-Alive: timeout=5\r\nConnection: b\r\nB: 2\r\nC: 3\r\nContent-Length: 2\r\n\r\nok"
        }
        let answer = larder.ask("GET /", fields: "X: 1\r\nTE: trailers\r\nConnection: y\r\nY: 2\r\nZ:3 \r\n")
        let head = try #require(larder.requests.first).head
        #expect(head.contains("X: 1\r\nZ: 3"))
        for name in ["TE", "Y", "Connection"] { #expect(ScriptedWorld.field(name, in: head) == nil) }
        #expect(answer.head.hasPrefix("HTTP/1.1 200 Fine\r\nA: 1\r\nC: 3\r\n"))
        for name in ["Keep-Alive", "B"] { #expect(answer.field(name) == nil) }
        #expect(answer.body == "ok")
    }

    /// The server's own spelling is kept only where it is Larder's too.
    @Test(arguments: [
        ("HTTP/1.1 200 OK", "HTTP/1.1 200 OK"),
        ("HTTP/1.1 404 Nowhere to be found", "HTTP/1.1 404 Nowhere to be found"),
        ("HTTP/1.0 200 OK", "HTTP/1.1 200 OK"), ("HTTP/1.1 299", "HTTP/1.1 299 "), ("HTTP/1.1 200 ", "HTTP/1.1 200 "),
    ])
    func statusLines(sent: String, expected: String) throws {
        let larder = try ScriptedWorld("route /* { upstream api; pass }") { _ in
            "\(sent)\r\nContent-Length: 2\r\n\r\nok"
        }
        #expect(larder.ask("GET /").head.hasPrefix(expected + "\r\n"))
    }
}
