// SPDX-License-Identifier: Apache-2.0
import RequestFlow
import TestKit
import Testing

@testable import Server

/// `coalesce nodes`: one fetch per key among all nodes (promise 4), at the cost of one timeout at most (promise 5).
@Suite struct TurnTests {
    @Test func oneNodeFetchesForAll() throws {
        let world = try TurnWorld()
        let answers = world.answers(world.begin("/a", each: 50))
        #expect(answers.count == 200 && answers.allSatisfy { $0.status == 200 && $0.body == "/a " })
        #expect(world.originRequests.count == 1)
        #expect(world.count(.led) == 1 && world.count(.served) == 3)
        world.world.run(for: .milliseconds(10))
        #expect(world.locks == [])
    }

    /// Whoever waited for another variant than its own learns that when the rule is known, and so do those who waited
    /// for the same.
    @Test func oneNodeFetchesEachVariantThoughNoneKnewTheRule() throws {
        let world = try TurnWorld(nodes: 3)
        world.originHead += "Vary: Accept\r\n"
        let sockets = ["a/a", "b/b"].flatMap { world.begin("/v", each: 2, fields: "Accept: \($0)\r\n") }
        let answers = world.answers(sockets)
        #expect(answers.map(\.body) == Array(repeating: "/v a/a", count: 6) + Array(repeating: "/v b/b", count: 6))
        #expect(world.originRequests.count == 2)
        world.world.run(for: .milliseconds(10))
        #expect(world.locks == [])
    }

    @Test func waitingAddsLittleToTheFetch() throws {
        let world = try TurnWorld()
        let milliseconds = world.milliseconds { _ = world.answers(world.begin("/a")) }
        #expect((500...575).contains(milliseconds), "\(milliseconds) ms")
    }

    @Test func aFetchMayTakeLongerThanTheLock() throws {
        let world = try TurnWorld(coalesce: "nodes lock=100ms")
        world.originDelay = .seconds(2)
        _ = world.answers(world.begin("/a", each: 5))
        #expect(world.originRequests.count == 1)
    }

    @Test func whenTheNodeThatFetchesDiesAnotherDoes() throws {
        let world = try TurnWorld(coalesce: "nodes lock=400ms")
        let first = world.begin("/a", at: [world.nodes[0]])
        world.world.run(for: .milliseconds(50))
        let others = world.begin("/a", at: Array(world.nodes.dropFirst()), each: 10)
        world.world.run(for: .milliseconds(50))
        world.kill(world.nodes[0])
        let milliseconds = world.milliseconds { #expect(world.answers(others).allSatisfy { $0.status == 200 }) }
        #expect(milliseconds <= 400 + 50 + 575, "\(milliseconds) ms")
        #expect(world.originRequests.count == 2 && world.count(.takenOver) == 1)
        for socket in first { socket.close() }
    }

    /// Nobody queues for what everybody has to fetch for himself.
    @Test func whatCannotBeStoredReleasesAllNodesAtOnce() throws {
        let world = try TurnWorld()
        world.originHead = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n"
        let milliseconds = world.milliseconds {
            #expect(world.answers(world.begin("/a")).allSatisfy { $0.status == 200 })
        }
        #expect((1000...1100).contains(milliseconds), "one fetch, and then all at once: \(milliseconds) ms")
        #expect(world.originRequests.count == 4 && world.count(.released) == 3)
        let later = world.milliseconds { _ = world.answers(world.begin("/a")) }
        #expect(later <= 505, "it is remembered: \(later) ms")
        #expect(world.count(.released) == 3, "and Redis is not asked")
    }

    @Test func whatHasNoPlaceInRedisIsFetchedByEachNodeForItself() throws {
        let world = try TurnWorld(redis: "max_object=1KB")
        world.originHead += "X-Long: \(String(repeating: "x", count: 2000))\r\n"
        _ = world.answers(world.begin("/a", each: 3))
        #expect(world.originRequests.count == 4, "one for each node")
        let milliseconds = world.milliseconds { _ = world.answers(world.begin("/a?", each: 3)) }
        #expect(milliseconds <= 1100)
    }

    @Test func aFailureIsNotWaitedForTwice() throws {
        let world = try TurnWorld()
        world.originHead = "HTTP/1.1 503 Service Unavailable\r\n"
        let milliseconds = world.milliseconds {
            #expect(world.answers(world.begin("/a")).allSatisfy { $0.status == 503 })
        }
        #expect(milliseconds <= 1100, "\(milliseconds) ms")
    }

    /// A request that breaks the origin: the next node leads, and those who wait get what it brings.
    @Test func afterAFailureTheTurnGoesOn() throws {
        let world = try TurnWorld()
        world.breaks = { $0.field("Accept") == "poison" }
        let poison = world.begin("/a", at: [world.nodes[0]], fields: "Accept: poison\r\n")
        world.world.run(for: .milliseconds(100))
        let others = world.begin("/a", each: 5)
        let milliseconds = world.milliseconds {
            #expect(world.answers(others).allSatisfy { $0.status == 200 })
        }
        #expect(world.answers(poison).allSatisfy { $0.status == 502 })
        #expect(milliseconds <= 400 + 575, "\(milliseconds) ms")
        #expect(world.originRequests.count == 2, "one after the other, and no more")
    }

    @Test func variantsOfAKeyThatMemoryKnowsAreFetchedAtOnce() throws {
        let world = try TurnWorld(nodes: 2)
        world.originHead += "Vary: Accept\r\n"
        _ = world.answers(world.begin("/a", at: [world.nodes[0]], fields: "Accept: x\r\n"))
        for key in world.redis.keys { world.redis.evict(key) }
        let sockets = (0..<5).flatMap { world.begin("/a", at: [world.nodes[0]], fields: "Accept: \($0)\r\n") }
        let milliseconds = world.milliseconds { #expect(world.answers(sockets).allSatisfy { $0.status == 200 }) }
        #expect(milliseconds <= 550, "\(milliseconds) ms")
        #expect(world.originRequests.count == 6)
    }

    @Test func variantsOfAColdKeyAreFetchedAtOnceWhenTheFirstHasTold() throws {
        let world = try TurnWorld(nodes: 1)
        world.originHead += "Vary: Accept\r\n"
        let sockets = (0..<5).flatMap { world.begin("/a", fields: "Accept: \($0)\r\n") }
        let milliseconds = world.milliseconds { #expect(world.answers(sockets).allSatisfy { $0.status == 200 }) }
        #expect(milliseconds <= 1100, "\(milliseconds) ms")
        #expect(world.originRequests.count == 5)
    }

    @Test func nobodyWaitsForLongerThanTheRouteSays() throws {
        let world = try TurnWorld(coalesce: "nodes wait=200ms")
        world.originDelay = .seconds(3)
        let milliseconds = world.milliseconds { _ = world.answers(world.begin("/a")) }
        #expect((3200...3300).contains(milliseconds), "\(milliseconds) ms")
        #expect(world.count(.gaveUp) == 3)
    }

    @Test func variantsAreFetchedByWhomeverWantsThem() throws {
        let world = try TurnWorld(nodes: 2)
        world.originHead += "Vary: Accept\r\n"
        _ = world.answers(world.begin("/a", at: [world.nodes[0]], fields: "Accept: x\r\n"))
        let sockets =
            world.begin("/a", at: [world.nodes[0]], fields: "Accept: y\r\n")
            + world.begin("/a", at: [world.nodes[1]], fields: "Accept: z\r\n")
            + world.begin("/a", at: [world.nodes[1]], fields: "Accept: y\r\n")
        let milliseconds = world.milliseconds {
            #expect(world.answers(sockets).map(\.body) == ["/a y", "/a z", "/a y"])
        }
        #expect(milliseconds <= 1100, "those that differ wait for nobody: \(milliseconds) ms")
        #expect(world.originRequests.count <= 4)
    }

    @Test func whatIsStaleIsConfirmedOnceForAll() throws {
        let world = try TurnWorld()
        world.originHead = "HTTP/1.1 200 OK\r\nCache-Control: max-age=1, stale-while-revalidate=600\r\nETag: \"1\"\r\n"
        _ = world.answers(world.begin("/a"))
        world.world.run(for: .seconds(3))
        world.originHead = "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=600\r\nETag: \"1\"\r\n"
        #expect(world.answers(world.begin("/a")).allSatisfy { $0.cacheStatus.contains("hit") })
        world.world.run(for: .seconds(1))
        #expect(world.originRequests.count == 2)
    }

    // MARK: Redis

    @Test func withoutRedisEachNodeCoalescesForItself() throws {
        let world = try TurnWorld()
        world.redis.stop()
        world.world.run(for: .milliseconds(10))
        let milliseconds = world.milliseconds { _ = world.answers(world.begin("/a", each: 20)) }
        #expect(milliseconds <= 503 && world.originRequests.count == 4)
    }

    @Test(arguments: [0, 10, 15])
    func aRedisThatHangsCostsOneTimeout(delay: Int) throws {
        let world = try TurnWorld()
        // Between the first question and the second.
        world.redis.delay = .milliseconds(delay)
        if delay == 0 { world.redis.mode = .hanging }
        world.world.after(.milliseconds(delay - 5)) { world.redis.mode = .hanging }
        let milliseconds = world.milliseconds { _ = world.answers(world.begin("/a", each: 5)) }
        #expect((520...524).contains(milliseconds), "\(milliseconds) ms")
        #expect(world.originRequests.count == 4)
    }

    @Test func aRedisThatHangsWhileOthersAreWaitedForFreesAll() throws {
        let world = try TurnWorld()
        world.originDelay = .seconds(2)
        let sockets = world.begin("/a", each: 5)
        world.world.run(for: .milliseconds(300))
        #expect(world.originRequests.count == 1)
        world.redis.mode = .hanging
        let milliseconds = world.milliseconds { #expect(world.answers(sockets).allSatisfy { $0.status == 200 }) }
        #expect(milliseconds <= 2_000 + 75, "\(milliseconds) ms")
        #expect(world.count(.unavailable) == 3)
    }

    @Test(arguments: ["OOM command not allowed", "READONLY You can't write", "NOPERM no"])
    func aRedisThatTakesNoLocksCostsNothing(text: String) throws {
        let world = try TurnWorld()
        world.redis.mode = .refusingWrites(text)
        let milliseconds = world.milliseconds { _ = world.answers(world.begin("/a", each: 5)) }
        #expect(milliseconds <= 505 && world.originRequests.count == 4)
    }

    @Test func aLockThatNobodyWroteIsNotWaitedFor() throws {
        let world = try TurnWorld(nodes: 1)
        world.redis.set("larder:lock:GET /a", Array("nonsense".utf8))
        #expect(world.milliseconds { _ = world.answers(world.begin("/a")) } <= 505)
    }
}
