// SPDX-License-Identifier: Apache-2.0
import Bytes
import Upstreams

func moment(milliseconds: Int64) -> Moment {
    Moment(monotonicNanoseconds: milliseconds * 1_000_000, wallNanoseconds: 0)
}

/// A pool that expectations can call: they do not take a mutating call on a value that cannot be copied.
final class PoolDriver {
    private var pool: UpstreamPool

    /// Server 0 has address 0, and so on, unless `addresses` says otherwise.
    init(weights: [Int] = [1], addresses: [[Int]]? = nil, _ change: (inout UpstreamPoolLimits) -> Void = { _ in }) {
        var limits = UpstreamPoolLimits()
        change(&limits)
        pool = UpstreamPool(weights: weights, limits: limits)
        for server in weights.indices {
            _ = pool.addressesResolved(server, addresses?[server] ?? [server])  // nothing is idle yet
        }
    }

    var figures: UpstreamPoolFigures { pool.figures }
    var limits: UpstreamPoolLimits { pool.limits }
    var isEmpty: Bool { pool.isEmpty }
    var nextDeadlineNanoseconds: Int64? { pool.nextDeadlineNanoseconds }

    func isReused(_ connection: UpstreamConnectionID) -> Bool { pool.isReused(connection) }
    func server(of connection: UpstreamConnectionID) -> Int? { pool.server(of: connection) }

    func requestArrived(
        _ waiter: UpstreamWaiter, from client: UpstreamClient = .nobody, isUnfinished: Bool = false,
        onNewConnection: Bool = false, now: Moment
    ) -> RequestArrivalAction {
        pool.requestArrived(
            waiter, from: client, isUnfinished: isUnfinished, onNewConnection: onNewConnection, now: now)
    }

    func contentCame(on connection: UpstreamConnectionID) { pool.contentCame(on: connection) }

    var isTight: Bool { pool.isTight }

    func becameCalm() { pool.becameCalm() }

    func lookAtClients(now: Moment, _ byteCount: (UpstreamConnectionID) -> Int?) {
        pool.lookAtClients(now: now, byteCount)
    }

    func takeSlowest(now: Moment, _ byteCount: (UpstreamConnectionID) -> Int?) -> UpstreamConnectionID? {
        pool.takeSlowest(now: now, byteCount)
    }

    func blameClient(of id: UpstreamConnectionID) { pool.blameClient(of: id) }

    func grantIdle(now: Moment) -> (UpstreamConnectionID, UpstreamWaiter)? { pool.grantIdle(now: now) }

    func connectForWaiters(now: Moment) -> ConnectAttempt? { pool.connectForWaiters(now: now) }

    func becameTunnel(_ connection: UpstreamConnectionID) { pool.becameTunnel(connection) }

    func becameStream(_ connection: UpstreamConnectionID) -> Bool { pool.becameStream(connection) }

    func waiterLeft(_ ticket: WaitTicket) -> Bool { pool.waiterLeft(ticket) }

    func connected(_ connection: UpstreamConnectionID, now: Moment) -> ConnectedAction {
        pool.connected(connection, now: now)
    }

    func connectFailed(_ connection: UpstreamConnectionID, now: Moment, random: UInt64 = 0) -> ConnectFailedAction {
        pool.connectFailed(connection, now: now, random: random)
    }

    func released(_ connection: UpstreamConnectionID, reusable: Bool, now: Moment) -> ReleaseAction {
        pool.released(connection, reusable: reusable, now: now)
    }

    func connectionClosed(_ connection: UpstreamConnectionID, now: Moment) -> ConnectAttempt? {
        pool.connectionClosed(connection, now: now)
    }

    func deadlineReached(now: Moment) -> PoolDeadlineAction { pool.deadlineReached(now: now) }

    func serverKeepsConnections(_ server: Int, forMilliseconds milliseconds: Int64) {
        pool.serverKeepsConnections(server, forMilliseconds: milliseconds)
    }

    func addressesResolved(_ server: Int, _ addresses: [Int]) -> [UpstreamConnectionID] {
        pool.addressesResolved(server, addresses)
    }

    func drain() -> [UpstreamConnectionID] { pool.drain() }

    /// A request that finds no idle connection, and the connection opened for it.
    func serveOnNewConnection(_ waiter: UpstreamWaiter, at milliseconds: Int64 = 0) -> UpstreamConnectionID? {
        guard case .connect(let attempt, _) = requestArrived(waiter, now: moment(milliseconds: milliseconds)),
            connected(attempt.connection, now: moment(milliseconds: milliseconds)) == .serve(waiter)
        else { return nil }
        return attempt.connection
    }
}
