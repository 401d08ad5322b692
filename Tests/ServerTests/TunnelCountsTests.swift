// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing
import Upstreams

@testable import Server

/// Places for tunnels are shared by clients (promise 7).
@Suite struct TunnelCountsTests {
    private static func client(_ text: String) throws -> UpstreamClient {
        let bytes = Array(text.utf8)
        let address = IPAddress(bytes.span)
        return UpstreamClient(try #require(address))
    }

    @Test func oneClientLeavesSomeToOthers() throws {
        let counts = TunnelCounts()
        let (greedy, other) = (try Self.client("192.0.2.1"), try Self.client("192.0.2.2"))
        let taken = (0..<100).count { _ in counts.enter("/ws", greedy, limit: 100) }
        #expect(taken == 80)
        #expect(counts.enter("/ws", other, limit: 100))
        #expect(counts.enter("/other", greedy, limit: 1), "each route for itself")
        counts.leave("/ws", greedy, wasOpen: false)
        counts.leave("/ws", greedy, wasOpen: false)
        #expect(counts.enter("/ws", greedy, limit: 100))
    }

    @Test(arguments: 1...4)
    func fewAreNotDivided(limit: Int) throws {
        let (counts, client) = (TunnelCounts(), try Self.client("192.0.2.1"))
        #expect((0..<9).count { _ in counts.enter("/ws", client, limit: limit) } == limit)
    }

    @Test func nobodyInParticularGetsAll() {
        let counts = TunnelCounts()
        #expect((0..<30).count { _ in counts.enter("/ws", .nobody, limit: 20) } == 20)
        for _ in 0..<20 { counts.leave("/ws", .nobody, wasOpen: false) }
        #expect(counts.present.isEmpty)
    }
}
