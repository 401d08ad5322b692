// SPDX-License-Identifier: Apache-2.0
import EventIO
import TestKit
import Testing

@testable import Server

/// Connections to an upstream whose answer was held back, because its client was slow.
@Suite struct PausedUpstreamTests {
    /// Of lengths that differ by less than one read, so that some end with the piece at which the upstream is paused.
    @Test(arguments: Array(stride(from: 64 << 10, through: 640 << 10, by: 16 << 10)))
    func areClosedWhenTheServerEndsThem(byteCount: Int) throws {
        let larder = try ScriptedWorld("route /* { upstream api; pass }", top: "memory 1200KB max_object=256KB") { _ in
            "HTTP/1.1 200 OK\r\nContent-Length: \(byteCount)\r\n\r\n" + String(repeating: "a", count: byteCount)
        }
        larder.originPatience = .seconds(5)
        let slow = larder.begin("GET /")
        slow.isReading = false
        larder.world.run(for: .seconds(2))
        slow.isReading = true
        larder.world.run(for: .seconds(2))
        #expect(larder.answer(on: slow).body.utf8.count == byteCount)
        #expect(larder.endedConnections == 0)
        larder.world.run(for: .seconds(10))
        #expect(larder.endedConnections == 1)
    }
}
