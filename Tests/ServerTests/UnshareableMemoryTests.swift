// SPDX-License-Identifier: Apache-2.0
import TestKit
import Testing

@testable import Server

/// After an answer that cannot be shared the next requests do not queue; after an error only for a moment (promise 4).
@Suite struct UnshareableMemoryTests {
    private static func reply(_ status: Int, _ fields: String = "") -> String {
        "HTTP/1.1 \(status) X\r\n\(fields)Content-Length: 1\r\n\r\nx"
    }

    /// How many requests reach the origin for two that come at once, so long after an answer like that.
    private func requests(after seconds: Int, _ answer: String) throws -> Int {
        var isFirst = true
        let larder = try ScriptedWorld("route /* { upstream api }") { _ in
            defer { isFirst = false }
            return isFirst ? answer : Self.reply(200, "Cache-Control: max-age=60\r\n")
        }
        _ = larder.ask("GET /")
        larder.world.run(for: .seconds(seconds))
        larder.originDelay = .milliseconds(100)
        let sockets = [larder.begin("GET /"), larder.begin("GET /")]
        for socket in sockets { #expect(larder.answer(on: socket).status == 200) }
        return larder.requests.count - 1
    }

    @Test(
        arguments: ["500 X", "503 X", "404 X"].map {
            "HTTP/1.1 \($0)\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n"
        })
    func anError(answer: String) throws {
        #expect(try requests(after: 1, answer) == 2)
        #expect(try requests(after: 3, answer) == 1)
    }

    @Test func anAnswerThatIsPrivate() throws {
        let answer = Self.reply(200, "Cache-Control: private\r\n")
        #expect(try requests(after: 100, answer) == 2)
        #expect(try requests(after: 121, answer) == 1)
    }

    @Test func anAnswerThatBrokeOff() throws {
        #expect(try requests(after: 0, "HTTP/1.1 2x0\r\n\r\n") == 1)
    }
}
