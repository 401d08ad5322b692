// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Upstreams

@Suite("A pool of upstream connections")
struct UpstreamPoolTests {
    @Test("opens a connection for the first request and serves it there")
    func firstRequest() throws {
        let pool = PoolDriver()
        let connection = try #require(pool.serveOnNewConnection(7))
        #expect(pool.figures.active == 1)
        #expect(!pool.isReused(connection))
        let released = pool.released(connection, reusable: true, now: moment(milliseconds: 1))
        #expect(released == .park)
        #expect(pool.figures.idle == 1)
    }

    @Test("uses the newest idle connection again")
    func lastInFirstOut() throws {
        let pool = PoolDriver()
        let first = try #require(pool.serveOnNewConnection(1))
        let second = try #require(pool.serveOnNewConnection(2))
        #expect(pool.released(second, reusable: true, now: moment(milliseconds: 1)) == .park)
        #expect(pool.released(first, reusable: true, now: moment(milliseconds: 2)) == .park)
        #expect(pool.requestArrived(3, now: moment(milliseconds: 3)) == .use(first))
        #expect(pool.isReused(first))
        #expect(pool.requestArrived(4, now: moment(milliseconds: 3)) == .use(second))
    }

    @Test("closes a connection that cannot be used again and forgets it")
    func notReusable() throws {
        let pool = PoolDriver()
        let connection = try #require(pool.serveOnNewConnection(1))
        #expect(pool.released(connection, reusable: false, now: moment(milliseconds: 1)) == .close(nil))
        #expect(pool.isEmpty)
        #expect(pool.server(of: connection) == nil)
        #expect(pool.released(connection, reusable: true, now: moment(milliseconds: 1)) == .close(nil))
        #expect(pool.connectionClosed(connection, now: moment(milliseconds: 1)) == nil)
    }

    @Test("never opens more than the maximum; who waits longest is served first")
    func maximum() throws {
        let pool = PoolDriver { $0.maximumConnections = 1 }
        let connection = try #require(pool.serveOnNewConnection(1))
        for waiter in UInt64(2)...3 {
            guard case .wait = pool.requestArrived(waiter, now: moment(milliseconds: 0)) else {
                Issue.record("request \(waiter) should wait")
                return
            }
        }
        #expect(pool.released(connection, reusable: true, now: moment(milliseconds: 1)) == .serve(2))
        #expect(pool.isReused(connection))
        guard case .close(let attempt?) = pool.released(connection, reusable: false, now: moment(milliseconds: 2))
        else {
            Issue.record("the last waiter needs a new connection")
            return
        }
        #expect(pool.connected(attempt.connection, now: moment(milliseconds: 3)) == .serve(3))
        #expect(!pool.isReused(attempt.connection))
    }

    @Test("rejects what the queue cannot take")
    func queueFull() throws {
        let pool = PoolDriver {
            $0.maximumConnections = 1
            $0.maximumWaiters = 1
        }
        _ = try #require(pool.serveOnNewConnection(1))
        guard case .wait = pool.requestArrived(2, now: moment(milliseconds: 0)) else {
            Issue.record("one may wait")
            return
        }
        #expect(pool.requestArrived(3, now: moment(milliseconds: 0)) == .reject(.queueFull))
        #expect(pool.figures.totalRejections == 1)
    }

    @Test("does not count as queued whom a connection is being opened for")
    func queueWhileConnecting() throws {
        let pool = PoolDriver {
            $0.maximumConnections = 3
            $0.maximumWaiters = 1
        }
        let client = UpstreamClient(number: 7)
        var attempts: [ConnectAttempt] = []
        for waiter in UInt64(1)...3 {
            // One client alone leaves something of the pool to others.
            let action = pool.requestArrived(waiter, from: waiter < 3 ? client : .nobody, now: moment(milliseconds: 0))
            guard case .connect(let attempt, _) = action else {
                Issue.record("\(waiter) has a connection opened: \(action)")
                return
            }
            attempts.append(attempt)
        }
        guard case .wait = pool.requestArrived(4, now: moment(milliseconds: 0)) else {
            Issue.record("one may wait besides")
            return
        }
        #expect(pool.requestArrived(5, now: moment(milliseconds: 0)) == .reject(.queueFull))
        // Served in their order, whichever connection comes first.
        #expect(pool.connected(attempts[2].connection, now: moment(milliseconds: 1)) == .serve(1))
        #expect(pool.requestArrived(6, now: moment(milliseconds: 1)) == .reject(.queueFull))
        #expect(pool.connected(attempts[0].connection, now: moment(milliseconds: 1)) == .serve(2))
        #expect(pool.connected(attempts[1].connection, now: moment(milliseconds: 1)) == .serve(3))
        #expect(pool.requestArrived(7, now: moment(milliseconds: 1)) == .reject(.queueFull))
        #expect(pool.figures.waiting == 1)
    }

    @Test("rejects everything while no address is known")
    func noAddress() {
        let pool = PoolDriver(addresses: [[]])
        #expect(pool.requestArrived(1, now: moment(milliseconds: 0)) == .reject(.noAddress))
    }

    @Test("a connection freed first serves the waiter; the one opened for it is parked")
    func waitersAreNotBound() throws {
        let pool = PoolDriver()
        let busy = try #require(pool.serveOnNewConnection(1))
        guard case .connect(let attempt, _) = pool.requestArrived(2, now: moment(milliseconds: 0)) else {
            Issue.record("a second connection should be opened")
            return
        }
        #expect(pool.released(busy, reusable: true, now: moment(milliseconds: 1)) == .serve(2))
        #expect(pool.connected(attempt.connection, now: moment(milliseconds: 2)) == .park)
    }

    @Test("a waiter that left is not served, and leaves once")
    func waiterLeft() {
        let pool = PoolDriver()
        guard case .connect(let attempt, let wait) = pool.requestArrived(1, now: moment(milliseconds: 0)) else {
            Issue.record("a connection should be opened")
            return
        }
        #expect(pool.waiterLeft(wait.ticket))
        #expect(!pool.waiterLeft(wait.ticket))
        #expect(pool.connected(attempt.connection, now: moment(milliseconds: 1)) == .park)
    }

    @Test("a waiter times out at its deadline, not before")
    func waiterTimesOut() {
        let pool = PoolDriver { $0.waitLimitMilliseconds = 100 }
        guard case .connect(_, let wait) = pool.requestArrived(1, now: moment(milliseconds: 5)) else {
            Issue.record("a connection should be opened")
            return
        }
        #expect(wait.deadlineNanoseconds == 105_000_000)
        #expect(pool.nextDeadlineNanoseconds == 105_000_000)
        #expect(pool.deadlineReached(now: moment(milliseconds: 104)) == .nothing)
        #expect(pool.deadlineReached(now: moment(milliseconds: 105)) == .timeOut(1))
        #expect(pool.deadlineReached(now: moment(milliseconds: 105)) == .nothing)
        #expect(!pool.waiterLeft(wait.ticket))
        #expect(pool.figures.totalWaitTimeouts == 1)
    }

    @Test("an idle connection is closed after its time and not handed out then")
    func idleTimeout() throws {
        let pool = PoolDriver { $0.idleTimeoutMilliseconds = 1_000 }
        let connection = try #require(pool.serveOnNewConnection(1))
        #expect(pool.released(connection, reusable: true, now: moment(milliseconds: 0)) == .park)
        #expect(pool.nextDeadlineNanoseconds == 1_000_000_000)
        guard case .connect = pool.requestArrived(2, now: moment(milliseconds: 1_000)) else {
            Issue.record("an old connection must not be used")
            return
        }
        #expect(pool.deadlineReached(now: moment(milliseconds: 1_000)) == .close(connection))
        #expect(pool.deadlineReached(now: moment(milliseconds: 1_000)) == .nothing)
    }

    @Test(
        "idle connections end before the server's own limit",
        arguments: [(5_000, 4_000), (75_000, 55_000), (1_000, 500), (20_000, 18_000)] as [(Int64, Int64)])
    func keepAliveHint(says: Int64, ends: Int64) throws {
        let pool = PoolDriver()
        pool.serverKeepsConnections(0, forMilliseconds: says)
        let connection = try #require(pool.serveOnNewConnection(1))
        #expect(pool.released(connection, reusable: true, now: moment(milliseconds: 0)) == .park)
        #expect(pool.nextDeadlineNanoseconds == ends * 1_000_000)
    }

    @Test("the minimum of connections is opened and kept open")
    func minimum() {
        let pool = PoolDriver {
            $0.minimumConnections = 2
            $0.idleTimeoutMilliseconds = 10
        }
        for _ in 0..<2 {
            guard case .connect(let attempt) = pool.deadlineReached(now: moment(milliseconds: 0)) else {
                Issue.record("the minimum should be opened")
                return
            }
            #expect(pool.connected(attempt.connection, now: moment(milliseconds: 0)) == .park)
        }
        #expect(pool.deadlineReached(now: moment(milliseconds: 0)) == .nothing)
        guard case .close = pool.deadlineReached(now: moment(milliseconds: 10)),
            case .close = pool.deadlineReached(now: moment(milliseconds: 10)),
            case .connect = pool.deadlineReached(now: moment(milliseconds: 10))
        else {
            Issue.record("what grew old should be replaced")
            return
        }
    }

    @Test("a minimum that could not be opened is tried again after the pause")
    func minimumAfterFailure() {
        let pool = PoolDriver {
            $0.minimumConnections = 1
            $0.firstBackOffMilliseconds = 100
        }
        #expect(pool.nextDeadlineNanoseconds == .min)
        guard case .connect(let attempt) = pool.deadlineReached(now: moment(milliseconds: 0)) else {
            Issue.record("the minimum should be opened")
            return
        }
        #expect(pool.nextDeadlineNanoseconds == nil)
        let failed = pool.connectFailed(attempt.connection, now: moment(milliseconds: 0), random: 256)
        #expect(failed == ConnectFailedAction())
        #expect(pool.deadlineReached(now: moment(milliseconds: 1)) == .nothing)
        guard let next = pool.nextDeadlineNanoseconds, (99_000_000...101_000_000).contains(next) else {
            Issue.record("the pause should end after 100 ms")
            return
        }
        let later = Moment(monotonicNanoseconds: next, wallNanoseconds: 0)
        guard case .connect = pool.deadlineReached(now: later) else {
            Issue.record("it should be tried again")
            return
        }
    }

    @Test("a request that failed on a stale connection gets a new one, even where no more fit")
    func newConnectionReplacesOldestIdle() throws {
        let pool = PoolDriver { $0.maximumConnections = 2 }
        let first = try #require(pool.serveOnNewConnection(1))
        let second = try #require(pool.serveOnNewConnection(2))
        #expect(pool.released(first, reusable: true, now: moment(milliseconds: 1)) == .park)
        #expect(pool.released(second, reusable: true, now: moment(milliseconds: 2)) == .park)
        let action = pool.requestArrived(3, onNewConnection: true, now: moment(milliseconds: 3))
        guard case .connect(let attempt, _) = action else {
            Issue.record("expected a new connection, not \(action)")
            return
        }
        #expect(attempt.replacing == first)
        #expect(pool.figures.open == 2)
    }

    @Test("a closed idle connection is not handed out")
    func idleClosed() throws {
        let pool = PoolDriver()
        let first = try #require(pool.serveOnNewConnection(1))
        let second = try #require(pool.serveOnNewConnection(2))
        let third = try #require(pool.serveOnNewConnection(3))
        for connection in [first, second, third] {
            #expect(pool.released(connection, reusable: true, now: moment(milliseconds: 1)) == .park)
        }
        #expect(pool.connectionClosed(second, now: moment(milliseconds: 2)) == nil)
        #expect(pool.requestArrived(4, now: moment(milliseconds: 3)) == .use(third))
        #expect(pool.requestArrived(5, now: moment(milliseconds: 3)) == .use(first))
        #expect(pool.figures.open == 2)
    }

    @Test("a drained pool closes what is idle, serves who waits, and ends empty")
    func drain() throws {
        let pool = PoolDriver { $0.maximumConnections = 2 }
        let first = try #require(pool.serveOnNewConnection(1))
        let second = try #require(pool.serveOnNewConnection(2))
        guard case .wait = pool.requestArrived(3, now: moment(milliseconds: 0)) else {
            Issue.record("the third should wait")
            return
        }
        #expect(pool.drain().isEmpty)
        #expect(pool.requestArrived(4, now: moment(milliseconds: 1)) == .reject(.draining))
        #expect(pool.released(first, reusable: true, now: moment(milliseconds: 2)) == .serve(3))
        #expect(pool.released(second, reusable: true, now: moment(milliseconds: 2)) == .close(nil))
        #expect(pool.released(first, reusable: true, now: moment(milliseconds: 3)) == .close(nil))
        #expect(pool.isEmpty)
    }

    @Test("connections to an address that is gone are closed: idle ones now, busy ones when released")
    func addressGone() throws {
        let pool = PoolDriver()
        let idle = try #require(pool.serveOnNewConnection(1))
        let busy = try #require(pool.serveOnNewConnection(2))
        #expect(pool.released(idle, reusable: true, now: moment(milliseconds: 1)) == .park)
        #expect(pool.addressesResolved(0, [5]) == [idle])
        #expect(pool.released(busy, reusable: true, now: moment(milliseconds: 2)) == .close(nil))
        guard case .connect(let attempt, _) = pool.requestArrived(3, now: moment(milliseconds: 3)) else {
            Issue.record("a connection to the new address should be opened")
            return
        }
        #expect(attempt.address == 5)
    }

    @Test("utilisation counts what is busy or about to be")
    func utilisation() throws {
        let pool = PoolDriver { $0.maximumConnections = 4 }
        let connection = try #require(pool.serveOnNewConnection(1))
        _ = pool.requestArrived(2, now: moment(milliseconds: 0))  // connecting from here on
        #expect(pool.figures.utilisation == 0.5)
        _ = pool.released(connection, reusable: true, now: moment(milliseconds: 1))  // serves the second one
        #expect(pool.figures.active == 1)
        var sum = UpstreamPoolFigures()
        sum += pool.figures
        sum += pool.figures
        #expect(sum.maximumConnections == 8)
        #expect(sum.totalConnects == 2)
    }
}
