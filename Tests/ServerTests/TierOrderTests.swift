// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import HTTPMessages
import Redis
import Storage
import TestKit
import Testing

@testable import Server

/// What has ended does not come back from the second tier behind its end.
@Suite struct TierOrderTests {
    private static let record = "larder:obj:GET a/a"

    /// Two workers, and a response that memory and Redis have.
    private static func world(_ settings: String = "", fields: String = "") throws -> (TierWorld, StoredResponse) {
        let world = try TierWorld(settings)
        world.control.originText = String(repeating: "x", count: 300_000)
        world.control.originFields = "ETag: \"1\"\r\n\(fields)"
        _ = world.get("/a")  // fills both
        let key = Array("GET a/a".utf8)
        var scratch = ByteBuffer()
        let found = world.store.lookUp(
            key: key.span, hash: world.control.proxy.shared.hasher.hash64(key.span), request: Fields(),
            scratch: &scratch, now: world.control.proxy.workers[0].loop.now)
        guard case .found(let stored, _) = found else { throw NothingStored() }
        try #require(world.redis.keys == [record])
        return (world, stored)
    }

    private struct NothingStored: Error {}

    /// - Parameter act: within one turn of the worker's loop.
    private static func on(_ worker: Int, of world: TierWorld, _ act: @escaping @Sendable (Worker, RedisTier) -> Void) {
        _ = world.control.proxy.workers[worker].link?.post { worker in if let tier = worker.tier { act(worker, tier) } }
    }

    private static func settles(_ world: TierWorld) -> Bool {
        world.world.run(within: .seconds(1)) {
            world.control.proxy.workers.allSatisfy { worker in
                worker.tier.map { $0.queue.isEmpty && $0.writing.pendingCount == 0 } ?? false
            }
        }
    }

    @Test(arguments: [0, 1])
    func whatWaitsIsTakenAwayToo(forgetter: Int) throws {
        let (world, stored) = try Self.world()
        world.redis.takesInput = false
        // More than the kernel and the connection hold.
        Self.on(0, of: world) { _, tier in
            for _ in 0..<4 { #expect(tier.keep(stored, lifetimeMilliseconds: 60_000) == nil) }
        }
        world.world.run(for: .milliseconds(5))
        #expect(world.control.proxy.workers[0].tier?.queue.isEmpty == false)
        Self.on(forgetter, of: world) { worker, _ in worker.forget(stored) }
        world.world.run(for: .milliseconds(1))
        world.redis.takesInput = true
        #expect(Self.settles(world))
        #expect(world.redis.keys == [])
        #expect(world.get("/a").contains("fwd=uri-miss"))
    }

    @Test func whatComesAfterItStays() throws {
        let (world, stored) = try Self.world()
        Self.on(0, of: world) { worker, tier in
            worker.forget(stored)
            #expect(tier.keep(stored, lifetimeMilliseconds: 60_000) == nil)
        }
        world.world.run(for: .milliseconds(1))
        #expect(Self.settles(world))
        #expect(world.redis.keys == [Self.record])
    }

    @Test func aFullQueueMakesRoomForIt() throws {
        let (world, stored) = try Self.world("write_queue=2MB")
        Self.on(0, of: world) { worker, tier in
            var last = tier.keep(stored, lifetimeMilliseconds: 60_000)
            while last == nil { last = tier.keep(stored, lifetimeMilliseconds: 60_000) }
            #expect(last == .queueFull)
            // What is left of the room.
            let key = ContiguousArray(repeating: UInt8(ascii: "x"), count: tier.queueLimitBytes - tier.queue.byteCount)
            tier.remove(key.span)
            #expect(tier.queue.byteCount == tier.queueLimitBytes)
            worker.forget(stored)
            #expect(tier.queue.byteCount <= tier.queueLimitBytes)
        }
        world.world.run(for: .milliseconds(1))
        #expect(Self.settles(world))
        #expect(world.redis.keys == [])
        #expect(world.count(.queueFull) == 4, "the one that was refused, and those that had to go")
    }

    /// The origin gives another answer before the old one has ended, and that one has no place in Redis.
    @Test func whatReplacesItTakesItAwayThoughItIsNotKept() throws {
        let text = TierWorld.base.replacing("ttl 5m", with: "ttl 5m\n  client_cache_control honor")
        let world = try TierWorld("max_object=2KB", text: text)
        _ = world.get("/a")  // fills both
        try #require(world.redis.keys == [Self.record])
        world.control.originText = String(repeating: "x", count: 4000)
        #expect(world.get("/a", fields: "Cache-Control: no-cache\r\n").hasSuffix("xxx"))
        #expect(world.count(.tooLarge) == 1)
        world.forgetMemory("/a")
        #expect(world.get("/a").hasSuffix("xxx"))
    }
}
