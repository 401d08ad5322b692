// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Upstreams

/// No client takes all connections of a pool (promise 7).
@Suite("A pool shared by clients")
struct FairShareTests {
    private static let greedy = UpstreamClient(number: 1)
    private static let modest = UpstreamClient(number: 2)

    /// Requests of one client, served at once on connections of their own, until no more are.
    private func fill(_ pool: PoolDriver, for client: UpstreamClient, from first: UInt64 = 1000)
        -> [UpstreamConnectionID]
    {
        var connections: [UpstreamConnectionID] = []
        for number in first..<first + 100 {
            let action = pool.requestArrived(number, from: client, now: moment(milliseconds: 0))
            if case .wait(let wait) = action {
                #expect(pool.waiterLeft(wait.ticket))
                break
            }
            guard case .connect(let attempt, _) = action else { break }
            #expect(pool.connected(attempt.connection, now: moment(milliseconds: 0)) == .serve(number))
            connections.append(attempt.connection)
        }
        return connections
    }

    @Test("one client that takes all it gets leaves some to others", arguments: [5, 8, 20, 64, 256])
    func somethingIsLeft(maximum: Int) {
        let pool = PoolDriver { $0.maximumConnections = min(maximum, 90) }
        let taken = fill(pool, for: Self.greedy).count
        #expect(taken < pool.limits.maximumConnections && taken >= pool.limits.maximumConnections * 3 / 4)
        guard case .connect = pool.requestArrived(1, from: Self.modest, now: moment(milliseconds: 1)) else {
            Issue.record("another client finds a connection")
            return
        }
    }

    @Test("a small pool is not divided", arguments: 1...4)
    func smallPool(maximum: Int) {
        let pool = PoolDriver { $0.maximumConnections = maximum }
        #expect(fill(pool, for: Self.greedy).count == maximum)
    }

    @Test("requests of nobody in particular get all there is")
    func nobody() {
        let pool = PoolDriver { $0.maximumConnections = 20 }
        #expect(fill(pool, for: .nobody).count == 20)
    }

    @Test("who uses less gets the next connection, whoever came first")
    func nextConnection() throws {
        let pool = PoolDriver { $0.maximumConnections = 8 }
        let greedy = fill(pool, for: Self.greedy)
        let last = try #require(fill(pool, for: Self.modest).first)
        #expect(pool.figures.active == 8)
        for (number, client) in [(UInt64(1), Self.greedy), (2, Self.modest)] {
            guard case .wait = pool.requestArrived(number, from: client, now: moment(milliseconds: 1)) else {
                Issue.record("request \(number) waits")
                return
            }
        }
        #expect(pool.released(greedy[0], reusable: true, now: moment(milliseconds: 2)) == .serve(2))
        #expect(pool.released(last, reusable: true, now: moment(milliseconds: 3)) == .park, "one is left for others")
        #expect(pool.grantIdle(now: moment(milliseconds: 3)) == nil)
        #expect(pool.released(greedy[1], reusable: true, now: moment(milliseconds: 4)) == .serve(1))
    }

    @Test("who waits for its share is served by an idle connection when it may be")
    func grantIdle() throws {
        let pool = PoolDriver { $0.maximumConnections = 8 }
        let greedy = fill(pool, for: Self.greedy)
        #expect(greedy.count == 7)
        guard case .wait = pool.requestArrived(1, from: Self.greedy, now: moment(milliseconds: 1)) else {
            Issue.record("it has its share")
            return
        }
        let other = try #require(fill(pool, for: Self.modest).first)
        #expect(pool.released(other, reusable: true, now: moment(milliseconds: 2)) == .park)
        _ = pool.connectionClosed(greedy[0], now: moment(milliseconds: 3))  // whether one is opened does not matter
        let granted = try #require(pool.grantIdle(now: moment(milliseconds: 3)))
        #expect(granted == (other, 1))
        #expect(pool.figures.waiting == 0)
    }

    @Test("one client cannot fill the queue")
    func queue() {
        let pool = PoolDriver {
            $0.maximumConnections = 1
            $0.maximumWaiters = 20
        }
        _ = fill(pool, for: Self.greedy)
        var waiting = 0
        for number in UInt64(1)...30 {
            let action = pool.requestArrived(number, from: Self.greedy, now: moment(milliseconds: 1))
            if case .wait = action { waiting += 1 } else { #expect(action == .reject(.queueFull)) }
        }
        #expect(waiting == 16)
        guard case .wait = pool.requestArrived(99, from: Self.modest, now: moment(milliseconds: 1)) else {
            Issue.record("another client finds a place")
            return
        }
    }

    @Test("tunnels leave their place to requests")
    func tunnels() throws {
        let pool = PoolDriver { $0.maximumConnections = 2 }
        var tunnels: [UpstreamConnectionID] = []
        for number in UInt64(1)...5 {
            let connection = try #require(pool.serveOnNewConnection(number))
            pool.becameTunnel(connection)
            tunnels.append(connection)
        }
        #expect(pool.figures.tunnels == 5 && pool.figures.active == 0)
        for connection in tunnels { #expect(pool.connectionClosed(connection, now: moment(milliseconds: 1)) == nil) }
        #expect(pool.isEmpty)
    }

    @Test("an IPv6 network of one client counts as one, IPv4 addresses each for itself")
    func addresses() throws {
        func client(_ text: String) throws -> UpstreamClient {
            let bytes = Array(text.utf8)
            let address = IPAddress(bytes.span)
            return UpstreamClient(try #require(address))
        }
        #expect(try client("2001:db8:1:2::1") == client("2001:db8:1:2:ffff::9"))
        #expect(try client("2001:db8:1:2::1") != client("2001:db8:1:3::1"))
        #expect(try client("192.0.2.1") != client("192.0.2.2"))
        #expect(try client("::1") != client("::ffff:127.0.0.1"))
        #expect(try client("::1") != .nobody)
    }

    @Test("what clients use is counted right, however their places lie", arguments: 1...20 as ClosedRange<UInt64>)
    func shares(seed: UInt64) {
        var random = SeededRandom(state: seed)
        var shares = ClientShares(seed: seed < 10 ? 1 : random.next())
        var expected: [UInt64: Int32] = [:]
        for _ in 0..<5000 {
            let client = UInt64.random(in: 1...(seed < 10 ? 90 : 400), using: &random)
            let used = expected[client, default: 0]
            let more: Int32 = used > 0 && Bool.random(using: &random) ? -1 : 1
            shares.change(UpstreamClient(number: client), active: more)
            expected[client] = used + more == 0 ? nil : used + more
        }
        var isRight = true
        for client in 1...400 as ClosedRange<UInt64> {
            let counted = shares[UpstreamClient(number: client)].active
            if counted != expected[client] ?? 0 { isRight = false }
        }
        let count = shares.count
        #expect(isRight && count == expected.count)
    }
}
