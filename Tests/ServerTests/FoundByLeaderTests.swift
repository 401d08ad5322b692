// SPDX-License-Identifier: Apache-2.0
import EventIO
import TestKit
import Testing

@testable import Server

/// Who follows a request that finds its answer in Redis: nothing was forwarded, and what the leader may have, another
/// one need not take (promises 2 and 8).
@Suite struct FoundByLeaderTests {
    private static let honoring = TierWorld.base.replacing(
        "tags header", with: "client_cache_control honor\n  tags header")

    /// Two that ask while Redis takes its time.
    private func askTwo(_ world: TierWorld, _ first: String = "", _ second: String = "") -> [ScriptedWorld.Answer] {
        let sockets = [first, second].map { fields in
            let socket = world.world.connectSocket(to: .loopback(port: 8080))
            socket.write("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(fields)\r\n")
            world.world.run(for: .microseconds(300))
            return socket
        }
        #expect(world.world.run(within: .seconds(20)) { sockets.allSatisfy(\.isOver) })
        return sockets.map { ScriptedWorld.Answer(text: $0.receivedText) }
    }

    @Test func allSayThatTheyWereHits() throws {
        let world = try TierWorld()
        _ = world.get("/a")
        world.forgetMemory("/a")
        world.redis.delay = .milliseconds(5)
        for answer in askTwo(world) {
            #expect(answer.status == 200)
            #expect(answer.cacheStatus.contains("; hit; ttl="), "\(answer.cacheStatus)")
            #expect(answer.cacheStatus.contains("; detail=l2"), "\(answer.cacheStatus)")
            #expect(!answer.cacheStatus.contains("fwd"), "\(answer.cacheStatus)")
        }
        #expect(world.originRequests == 1 && world.lookups == 2)
    }

    @Test func whoAcceptsStaleAnswersDoesSoForNobodyElse() throws {
        let world = try TierWorld(text: Self.honoring)
        _ = world.get("/a")
        world.world.run(for: .seconds(310))
        world.forgetMemory("/a")
        world.redis.delay = .milliseconds(5)
        let answers = askTwo(world, "Cache-Control: max-stale\r\n")
        #expect(answers[0].cacheStatus.contains("; hit"), "\(answers[0].cacheStatus)")
        #expect(answers[1].cacheStatus.contains("fwd=stale"), "\(answers[1].cacheStatus)")
        #expect(world.originRequests == 2)
    }
}
