// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Redis
import TestKit
import Testing

/// Writes down what became of it.
private final class NotedCall: RedisCall {
    private(set) var result: String?

    override func answered(_ reply: borrowing RESPReply) { result = reply.described(reply.root) }
    override func failed(_ failure: RedisFailure) { result = failure.rawValue }
}

@Suite struct RedisLinkTests {
    private struct World {
        let kernel: VirtualKernel
        let redis: SimulatedRedis
        let link: RedisLink

        init(seed: UInt64 = 1, faults: FaultPlan = .none, password: String? = nil) throws {
            kernel = VirtualKernel(seed: seed, faults: faults)
            redis = try SimulatedRedis(in: kernel)
            redis.password = "secret"
            var settings = RedisLinkSettings(endpoint: .host("127.0.0.1", port: 6379))
            settings.login.password = password ?? "secret"
            link = RedisLink(
                loop: try kernel.makeLoop(), settings: settings, resolver: try NameResolver(kernel: kernel))
            link.start()
        }

        func becomesReady(within limit: Duration = .seconds(5)) -> Bool {
            kernel.run(within: limit) { link.isReady }
        }

        /// Ready, and past the trial that follows each probe.
        func becomesTrusted() -> Bool { becomesReady() && result(of: ask("PING")) == "PONG" }

        func ask(_ name: StaticString, _ arguments: String...) -> NotedCall {
            let call = NotedCall()
            do {
                try link.send(call) { output in
                    output.beginCommand(name, arguments: arguments.count)
                    for argument in arguments { output.argument(argument) }
                }
            } catch { call.failed(error) }
            return call
        }

        func result(of call: NotedCall) -> String? {
            _ = kernel.run(within: .seconds(10)) { call.result != nil }
            return call.result
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func manyCommandsAreUnderWayAtOnce(seed: UInt64) throws {
        var plan = FaultPlan.fragmented
        plan.latencyNanoseconds = 0...200_000
        let world = try World(seed: seed, faults: plan)
        #expect(world.becomesReady())
        let sets = (0..<10).map { world.ask("SET", "key\($0)", String(repeating: "\($0)", count: 100 * $0)) }
        let gets = (0..<10).map { world.ask("GET", "key\($0)") }
        for set in sets { #expect(world.result(of: set) == "OK") }
        for (index, get) in gets.enumerated() {
            #expect(world.result(of: get) == "\"\(String(repeating: "\(index)", count: 100 * index))\"")
        }
        world.kernel.end()
    }

    @Test func commandsOfOneTurnLeaveByOneWrite() throws {
        let world = try World()
        #expect(world.becomesReady())
        var sends = 0
        world.kernel.trace = { if $0.contains("send") { sends += 1 } }
        let calls = (0..<20).map { _ in world.ask("PING") }
        for call in calls { #expect(world.result(of: call) == "PONG") }
        #expect(sends == 1)
        world.kernel.end()
    }

    @Test func withoutAConnectionACommandFailsAtOnce() throws {
        let world = try World()
        #expect(world.ask("PING").result == "not-connected")
        world.kernel.end()
    }

    @Test func aHangCostsTheTimeoutThenNothingAndHealsByItself() throws {
        let world = try World()
        #expect(world.becomesTrusted())
        world.redis.mode = .hanging
        let start = world.kernel.time
        for _ in 0..<5 { #expect(world.result(of: world.ask("GET", "a")) == "timeout") }
        #expect(world.kernel.time - start <= 5 * 22_000_000)
        #expect(world.ask("GET", "a").result == "not-connected")
        #expect(world.link.presentFigures.breakerOpened == 1)
        world.kernel.run(for: .seconds(30))
        #expect(world.ask("GET", "a").result == "not-connected")
        world.redis.mode = .serving
        #expect(world.becomesReady())
        #expect(world.result(of: world.ask("GET", "a")) == "null")
        world.kernel.end()
    }

    @Test func aServerThatDiesAndComesBackIsFoundAgain() throws {
        let world = try World()
        #expect(world.becomesReady())
        var seen: [Bool] = []
        world.link.readinessChanged = { seen.append($0) }
        let call = world.ask("GET", "a")
        world.redis.stop()
        #expect(world.result(of: call) == "connection-lost")
        world.kernel.run(for: .seconds(60))
        #expect(seen == [false])
        try world.redis.start()
        #expect(world.becomesReady())
        #expect(seen == [false, true])
        world.kernel.end()
    }

    @Test(arguments: ["LOADING Redis is loading", "MASTERDOWN no master", "OOM no memory"])
    func errorsThatAreTheServersOpenTheBreaker(text: String) throws {
        let world = try World()
        #expect(world.becomesTrusted())
        world.redis.mode = .failing(text)
        for _ in 0..<5 { #expect(world.result(of: world.ask("GET", "a")) == "!\(text)") }
        #expect(!world.link.isReady)
        world.redis.mode = .serving
        #expect(world.becomesReady())
        world.kernel.end()
    }

    @Test func errorsThatAreTheCommandsDoNot() throws {
        let world = try World()
        #expect(world.becomesReady())
        for _ in 0..<20 { #expect(world.result(of: world.ask("NONSENSE"))?.hasPrefix("!ERR") == true) }
        #expect(world.link.isReady && world.link.presentFigures.errors == 20)
        world.kernel.end()
    }

    @Test func aWrongPasswordIsSaidAndTriedAgainLater() throws {
        let world = try World(password: "wrong")
        #expect(!world.becomesReady(within: .seconds(20)))
        #expect(world.link.lastFailure == .loginRefused)
        world.redis.password = "wrong"
        #expect(world.becomesReady())
        world.kernel.end()
    }

    @Test func stoppingFailsWhatWaits() throws {
        let world = try World()
        #expect(world.becomesReady())
        let call = world.ask("GET", "a")
        world.link.stop()
        #expect(call.result == "stopped")
        world.kernel.run(for: .seconds(5))
        #expect(!world.link.isReady && world.redis.clientCount == 0)
        world.kernel.end()
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func everyCommandHearsExactlyOnceThroughAHostileNetwork(seed: UInt64) throws {
        let world = try World(seed: seed, faults: .hostile)
        var calls: [NotedCall] = []
        for round in 0..<200 {
            calls.append(world.ask("SET", "key\(round % 7)", "value"))
            calls.append(world.ask("GET", "key\(round % 7)"))
            world.kernel.run(for: .milliseconds(5))
        }
        world.kernel.run(for: .seconds(5))
        #expect(calls.allSatisfy { $0.result != nil })
        let answered = calls.count { $0.result == "OK" || $0.result == "\"value\"" || $0.result == "null" }
        #expect(UInt64(answered) == world.link.presentFigures.answers)
        world.kernel.end()
    }
}
