// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Redis
import Storage
import TestKit
import Testing

@testable import Server

/// Promise 5, and what of promises 1 to 4 meets the second tier.
@Suite struct TierTests {
    @Test func whatMemoryLostIsFoundInRedis() throws {
        let world = try TierWorld()
        #expect(world.get("/a").contains("fwd=uri-miss"))
        #expect(world.redis.keys == ["larder:obj:GET a/a"])
        let left = try #require(world.redis.remainingMilliseconds(of: "larder:obj:GET a/a"))
        #expect((355_000...360_000).contains(left), "five minutes, and one more in which it may be served stale")
        world.forgetMemory("/a")
        world.world.run(for: .seconds(30))
        let answer = world.get("/a")
        #expect(answer.contains("Cache-Status: Larder; hit; ttl=269; detail=l2") && answer.contains("Age: 30\r\n"))
        #expect(answer.hasSuffix("\r\n\r\n/a"))
        #expect(world.originRequests == 1 && world.count(.hit) == 1)
    }

    @Test func aHitInMemoryTouchesNoRedis() throws {
        let world = try TierWorld()
        _ = world.get("/a")  // the miss that fills
        let before = world.redis.commandNames
        for _ in 0..<10 { #expect(world.get("/a").contains("Larder; hit; ttl=299\r\n")) }
        #expect(world.redis.commandNames == before)
    }

    @Test func whatCameFromRedisIsInMemoryThen() throws {
        let world = try TierWorld()
        _ = world.get("/a")  // fills both
        world.forgetMemory("/a")
        #expect(world.get("/a").contains("detail=l2"))
        let lookups = world.lookups
        #expect(world.get("/a").contains("Larder; hit; ttl=299\r\n"))
        #expect(world.lookups == lookups)
    }

    @Test func variantsAreFoundByASecondQuestion() throws {
        let world = try TierWorld()
        world.control.originFields = "Vary: Accept\r\n"
        #expect(world.get("/a", fields: "Accept: x\r\n").contains("fwd=uri-miss"))
        #expect(world.get("/a", fields: "Accept: y\r\n").contains("fwd=vary-miss"))
        #expect(
            world.redis.keys == [
                "larder:obj:GET a/a", "larder:obj:GET a/a vary:accept=x", "larder:obj:GET a/a vary:accept=y",
            ])
        world.forgetMemory("/a")
        #expect(world.get("/a", fields: "Accept: y\r\n").contains("detail=l2"))
        #expect(world.get("/a", fields: "Accept: x\r\n").contains("detail=l2"))
        #expect(world.get("/a", fields: "Accept: z\r\n").contains("fwd=vary-miss"))
        #expect(world.originRequests == 3)
    }

    @Test func headAndRangesAreAnsweredToo() throws {
        let world = try TierWorld()
        _ = world.get("/abc")  // fills both
        world.forgetMemory("/abc")
        #expect(world.control.ask(8080, "HEAD /abc").contains("detail=l2"))
        world.forgetMemory("/abc")
        let part = world.get("/abc", fields: "Range: bytes=1-2\r\n")
        #expect(part.hasPrefix("HTTP/1.1 206") && part.hasSuffix("\r\n\r\nab"))
        #expect(world.originRequests == 1)
    }

    @Test func thoseWhoWaitForOneKeyAskRedisOnce() throws {
        let world = try TierWorld()
        _ = world.get("/a")  // fills both
        world.forgetMemory("/a")
        world.redis.delay = .milliseconds(10)
        let lookups = world.lookups
        let clients = (0..<20).map { _ in world.control.connect(8080) }
        for client in clients { client.write("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }
        _ = world.world.run(within: .seconds(5)) { clients.allSatisfy(\.isOver) }
        #expect(clients.allSatisfy { $0.receivedText.hasSuffix("\r\n\r\n/a") })
        #expect(world.lookups == lookups + 1 && world.originRequests == 1)
    }

    @Test(arguments: ["", "nonsense", "LRDR", String(repeating: "x", count: 1000)])
    func whatIsNoRecordIsAMissAndIsDeleted(value: String) throws {
        let world = try TierWorld("max_object=1KB")
        world.redis.set("larder:obj:GET a/a", Array(value.utf8))
        #expect(world.get("/a").contains("fwd=uri-miss"))
        #expect(world.count(.damaged) == 1 && world.redis.commandNames.contains("UNLINK"))
        world.forgetMemory("/a")
        #expect(world.get("/a").contains("detail=l2"))
    }

    @Test func aRecordUnderAnothersKeyIsNotServed() throws {
        let world = try TierWorld()
        _ = world.get("/a")  // fills both
        world.redis.set("larder:obj:GET a/b", try #require(world.redis.bytes(at: "larder:obj:GET a/a")))
        #expect(world.get("/b").hasSuffix("\r\n\r\n/b"))
        #expect(world.count(.damaged) == 1)
    }

    @Test func aStaleRecordIsConfirmedByTheOrigin() throws {
        let world = try TierWorld()
        world.control.originFields = "ETag: \"1\"\r\n"
        _ = world.get("/a")  // fills both
        world.forgetMemory("/a")
        world.world.run(for: .seconds(310))
        world.control.originConfirms = true
        let answer = world.get("/a")
        #expect(answer.contains("fwd=stale; fwd-status=304") && answer.hasSuffix("\r\n\r\n/a"))
    }

    // MARK: Invalidation (promise 3)

    @Test(arguments: ["{\"urls\":[\"/a\"]}", "{\"tags\":[\"t\"]}", "{\"prefixes\":[\"/\"]}", "{\"all\":true}"])
    func whatWasInvalidatedElsewhereIsNotTakenFromRedis(call: String) throws {
        let world = try TierWorld()
        _ = world.get("/a")  // fills both
        world.forgetMemory("/a")
        let rules: [InvalidationRule]
        let key = Array("GET a/a".utf8)
        switch call {
        case _ where call.contains("urls"):
            rules = [InvalidationRule(.key(key, hash: world.control.proxy.shared.hasher.hash64(key.span)))]
        case _ where call.contains("tags"): rules = [InvalidationRule(.tag(hash: TagHash.of(Array("t".utf8).span)))]
        case _ where call.contains("prefixes"):
            rules = [InvalidationRule(.pattern(URLPattern(prefix: Array("/".utf8).span)))]
        default: rules = [InvalidationRule(.all)]
        }
        world.store.applyShared([SharedInvalidation(SharedEpoch(milliseconds: 5, sequence: 0), rules)])
        #expect(world.get("/a").contains("fwd=uri-miss"))
        #expect(world.count(.outdated) == 1)
        world.forgetMemory("/a")
        #expect(world.get("/a").contains("detail=l2"), "what was fetched after it is good")
    }

    @Test func withoutTheLogNothingIsProved() throws {
        let world = try TierWorld()
        _ = world.get("/a")  // fills both
        world.forgetMemory("/a")
        world.store.confirmShared(untilMonotonicNanoseconds: 0)
        #expect(world.get("/a").contains("fwd=uri-miss"))
    }

    // MARK: Limits (promise 7)

    @Test func whatIsTooLargeStaysInMemoryAlone() throws {
        let world = try TierWorld("max_object=1KB")
        let path = "/" + String(repeating: "x", count: 1000)
        _ = world.get(path)  // its body is its path
        #expect(world.redis.keys == [] && world.count(.tooLarge) == 1)
    }

    // MARK: Outages (promise 5)

    /// How long the request took, and that it was answered as if nothing had happened.
    private func milliseconds(_ world: TierWorld, _ path: String) -> Int64 {
        let client = world.control.connect(8080)
        let start = world.world.time
        client.write("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        _ = world.world.run(within: .seconds(20)) { client.isOver }
        #expect(client.receivedText.hasPrefix("HTTP/1.1 200") && client.receivedText.hasSuffix("\r\n\r\n\(path)"))
        return (world.world.time - start) / 1_000_000
    }

    @Test func aRedisThatHangsCostsTheTimeoutAndThenNothing() throws {
        let world = try TierWorld()
        for number in 0..<10 { #expect(milliseconds(world, "/warm\(number)") < 5) }
        world.redis.mode = .hanging
        var costs: [Int64] = []
        for number in 0..<100 { costs.append(milliseconds(world, "/\(number)")) }
        #expect(costs.allSatisfy { $0 <= 22 })
        #expect(costs.count { $0 > 2 } <= 20, "five for each of two loops, and those that tried again")
        #expect(costs.suffix(50).allSatisfy { $0 <= 2 })
        world.redis.mode = .serving
        #expect(world.connects())
        world.forgetMemory("/warm1")
        #expect(world.get("/warm1").contains("detail=l2"))
    }

    /// A variant takes two questions, and both together no longer than one may.
    @Test func aRedisThatStopsBetweenTwoQuestionsCostsOneTimeout() throws {
        let world = try TierWorld()
        world.control.originFields = "Vary: Accept\r\n"
        _ = world.get("/v", fields: "Accept: x\r\n")  // fills both
        world.forgetMemory("/v")
        world.redis.delay = .milliseconds(15)
        // The answer to the first question is under way by then.
        world.world.after(.milliseconds(8)) { world.redis.mode = .hanging }
        let client = world.control.connect(8080)
        let start = world.world.time
        client.write("GET /v HTTP/1.1\r\nHost: a\r\nAccept: x\r\nConnection: close\r\n\r\n")
        _ = world.world.run(within: .seconds(20)) { client.isOver }
        #expect(client.receivedText.contains("fwd=") && client.receivedText.hasSuffix("\r\n\r\n/v"))
        let milliseconds = (world.world.time - start) / 1_000_000
        #expect((20...23).contains(milliseconds), "\(milliseconds) ms")
        #expect(world.count(TierLookupResult.timeout) == 1)
        world.redis.mode = .serving
        world.redis.delay = .zero
        world.world.run(for: .seconds(1))
        #expect(world.connects())
    }

    @Test func aRedisThatDiesCostsNothingAndComesBack() throws {
        let world = try TierWorld()
        world.redis.stop()
        for number in 0..<50 { #expect(milliseconds(world, "/\(number)") <= 2) }
        world.world.run(for: .seconds(30))
        try world.redis.start()
        let start = world.world.time
        #expect(world.connects())
        #expect(world.world.time - start <= 5_000_000_000)
        #expect(world.control.log.contains("redis_lost") && world.control.log.contains("redis_connected"))
    }

    @Test(arguments: ["LOADING loading", "MASTERDOWN link down", "NOPERM no permission", "ERR what"])
    func aRedisThatAnswersWithErrorsCostsNothing(text: String) throws {
        let world = try TierWorld()
        world.redis.mode = .failing(text)
        for number in 0..<50 { #expect(milliseconds(world, "/\(number)") <= 2) }
        world.redis.mode = .serving
        #expect(world.connects())
    }

    @Test(arguments: ["OOM command not allowed", "READONLY You can't write", "MISCONF errors writing to disk"])
    func aRedisThatTakesNoWritesIsStillRead(text: String) throws {
        let world = try TierWorld()
        _ = world.get("/a")  // fills both
        world.redis.mode = .refusingWrites(text)
        for number in 0..<50 { #expect(milliseconds(world, "/\(number)") <= 2) }
        world.forgetMemory("/a")
        #expect(world.get("/a").contains("detail=l2"))
        #expect(world.count(TierWriteResult.error) > 0)
        world.redis.mode = .serving
        #expect(world.connects())
        #expect(world.get("/b").contains("stored"))
        #expect(world.redis.keys.contains("larder:obj:GET a/b"))
    }

    // MARK: Hot keys

    @Test func whatWasAskedForMostIsLoadedAtTheStart() throws {
        let first = try TierWorld("hot_keys=100")
        for path in ["/hot", "/cold"] { #expect(first.get(path).contains("stored")) }
        for _ in 0..<3 { #expect(first.get("/hot").contains("hit")) }
        first.world.run(for: .seconds(40))
        let list = try #require(first.redis.bytes(at: "larder:hot"))
        #expect(String(decoding: list, as: UTF8.self) == "GET a/hot\n")
        let second = try TierWorld("hot_keys=100")
        for key in first.redis.keys { second.redis.set(key, try #require(first.redis.bytes(at: key))) }
        second.world.run(for: .seconds(2))
        let lookups = second.lookups
        let answer = second.get("/hot")
        #expect(answer.contains("Larder; hit; ttl=") && !answer.contains("detail"), "it is in memory")
        #expect(second.lookups == lookups && second.originRequests == 0)
    }

    // MARK: Figures and reload

    @Test func theMetricsTellOfIt() throws {
        let world = try TierWorld()
        _ = world.get("/a")  // fills both
        world.forgetMemory("/a")
        _ = world.get("/a")  // from Redis
        let text = world.control.admin("GET /metrics")
        #expect(text.contains("larder_l2_lookups_total{result=\"hit\"} 1\n"))
        #expect(text.contains("larder_l2_lookups_total{result=\"miss\"} 1\n"))
        #expect(text.contains("larder_l2_writes_total{result=\"written\"} 1\n"))
        #expect(text.contains("larder_l2_breakers{connection=\"read\",state=\"closed\"} 2\n"))
        #expect(text.contains("larder_l2_lookup_duration_seconds_count 2\n"))
    }

    @Test func aReloadThatChangesItIsRefused() throws {
        let world = try TierWorld()
        world.control.file.text = "admin 127.0.0.1:9900\nredis 127.0.0.1:6379 prefix=other\n" + TierWorld.base
        let answer = world.control.admin("POST /reload")
        #expect(answer.hasPrefix("HTTP/1.1 400") && answer.contains(#"\"redis\" cannot be changed"#), "\(answer)")
        #expect(world.get("/b").contains("stored"))
        #expect(world.redis.keys == ["larder:obj:GET a/b"])
    }
}
