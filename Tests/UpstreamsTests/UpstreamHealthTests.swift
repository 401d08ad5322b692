// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Upstreams

@Suite("Servers that cannot be reached")
struct UpstreamHealthTests {
    private func servers(chosenBy pool: PoolDriver, requests: Int, at milliseconds: Int64 = 0) -> [Int] {
        (0..<requests).compactMap { number in
            let action = pool.requestArrived(UpstreamWaiter(number), now: moment(milliseconds: milliseconds))
            guard case .connect(let attempt, _) = action else { return nil }
            return attempt.server
        }
    }

    @Test(
        "servers take turns by weight, evenly",
        arguments: [
            ([1, 1], [0, 1, 0, 1]),
            ([3, 1], [0, 0, 1, 0, 0, 0, 1, 0]),
            ([5, 1, 1], [0, 0, 1, 0, 2, 0, 0]),
        ])
    func roundRobin(weights: [Int], turns: [Int]) {
        let pool = PoolDriver(weights: weights)
        #expect(servers(chosenBy: pool, requests: turns.count) == turns)
    }

    @Test("requests take turns over idle connections too")
    func roundRobinOverIdle() throws {
        let pool = PoolDriver(weights: [1, 1])
        let first = try #require(pool.serveOnNewConnection(1))
        let second = try #require(pool.serveOnNewConnection(2))
        for connection in [first, second] {
            #expect(pool.released(connection, reusable: true, now: moment(milliseconds: 1)) == .park)
        }
        for round in 0..<3 {
            for connection in [first, second] {
                #expect(pool.requestArrived(3, now: moment(milliseconds: 2)) == .use(connection), "round \(round)")
                #expect(pool.released(connection, reusable: true, now: moment(milliseconds: 2)) == .park)
            }
        }
    }

    @Test("a full pool uses an idle connection of another server rather than let a request wait")
    func borrowsFromOtherServer() throws {
        let pool = PoolDriver(weights: [1, 1]) { $0.maximumConnections = 1 }
        let connection = try #require(pool.serveOnNewConnection(1))
        #expect(pool.released(connection, reusable: true, now: moment(milliseconds: 1)) == .park)
        #expect(pool.requestArrived(2, now: moment(milliseconds: 2)) == .use(connection))
    }

    @Test("a failed connect goes on to the other server, which then gets the traffic")
    func failsOver() {
        let pool = PoolDriver(weights: [1, 1])
        guard case .connect(let attempt, _) = pool.requestArrived(1, now: moment(milliseconds: 0)) else {
            Issue.record("a connection should be opened")
            return
        }
        let failed = pool.connectFailed(attempt.connection, now: moment(milliseconds: 1))
        #expect(failed.failedWaiter == nil)
        #expect(failed.retry?.server == 1 - attempt.server)
        #expect(servers(chosenBy: pool, requests: 3, at: 2) == [Int](repeating: 1 - attempt.server, count: 3))
        #expect(pool.figures.totalConnectFailures == 1)
    }

    @Test("a server comes back after its pause, and a success ends the pauses")
    func comesBack() {
        let pool = PoolDriver(weights: [1, 1]) { $0.firstBackOffMilliseconds = 100 }
        guard case .connect(let attempt, _) = pool.requestArrived(1, now: moment(milliseconds: 0)) else {
            Issue.record("a connection should be opened")
            return
        }
        let down = attempt.server
        _ = pool.connectFailed(attempt.connection, now: moment(milliseconds: 0), random: 256)
        #expect(!servers(chosenBy: pool, requests: 4, at: 99).contains(down))
        #expect(servers(chosenBy: pool, requests: 4, at: 101).contains(down))
    }

    @Test("when all are down one is still tried, and the waiter fails after the attempts are used up")
    func allDown() {
        let pool = PoolDriver(weights: [1, 1])
        for round in 0..<3 {
            let now = moment(milliseconds: Int64(round))
            guard case .connect(let first, _) = pool.requestArrived(9, now: now) else {
                Issue.record("one should be tried")
                return
            }
            guard let second = pool.connectFailed(first.connection, now: now).retry else {
                Issue.record("the other should be tried")
                return
            }
            #expect(first.server != second.server)
            let last = pool.connectFailed(second.connection, now: now)
            #expect(last == ConnectFailedAction(failedWaiter: 9, retry: nil))
            #expect(pool.isEmpty)
        }
    }

    @Test("all addresses of a server are tried before the waiter fails")
    func severalAddresses() {
        let pool = PoolDriver(addresses: [[10, 11]])
        guard case .connect(let first, _) = pool.requestArrived(1, now: moment(milliseconds: 0)) else {
            Issue.record("a connection should be opened")
            return
        }
        let second = pool.connectFailed(first.connection, now: moment(milliseconds: 0))
        #expect(second.retry?.address == 21 - first.address)
        guard let retry = second.retry else { return }
        #expect(pool.connected(retry.connection, now: moment(milliseconds: 0)) == .serve(1))
        #expect(servers(chosenBy: pool, requests: 2) == [0, 0])
    }

    @Test("one failure fails one waiter; the next one gets its own attempt")
    func failsOneByOne() {
        let pool = PoolDriver { $0.maximumConnections = 1 }
        guard case .connect(let attempt, _) = pool.requestArrived(1, now: moment(milliseconds: 0)),
            case .wait = pool.requestArrived(2, now: moment(milliseconds: 0))
        else {
            Issue.record("the second should wait for the first")
            return
        }
        let first = pool.connectFailed(attempt.connection, now: moment(milliseconds: 1))
        #expect(first.failedWaiter == 1)
        guard let retry = first.retry else {
            Issue.record("the second needs an attempt")
            return
        }
        #expect(pool.connectFailed(retry.connection, now: moment(milliseconds: 2)).failedWaiter == 2)
    }

    @Test(
        "pauses double up to their limit and spread by a quarter",
        arguments: [(0, 0, 750), (0, 256, 1_000), (0, 512, 1_250), (1, 256, 2_000), (3, 256, 5_000), (60, 256, 5_000)]
            as [(Int, UInt64, Int64)])
    func backOff(earlierFailures: Int, random: UInt64, milliseconds: Int64) {
        var limits = UpstreamPoolLimits()
        limits.firstBackOffMilliseconds = 1_000
        limits.maximumBackOffMilliseconds = 5_000
        var server = UpstreamServer(weight: 1, idleTimeoutNanoseconds: 0)
        server.resolved([3])
        for _ in 0...earlierFailures { server.failed(address: 3, at: 0, limits: limits, random: random) }
        #expect(abs(server.retryNanoseconds - milliseconds * 1_000_000) < 10_000_000)
        server.succeeded(address: 3)
        #expect(server.isUsable(at: 0))
    }
}
