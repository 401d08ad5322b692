// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Clients that keep connections waiting: one that sends its content, or takes its answer, slowly. As long as others
/// find a connection that is its own affair. Once requests wait, and more than half of the pool waits for clients,
/// the slowest of them gives its connection up.
extension UpstreamPool {
    /// So few are free that the next to come may have to wait.
    package var isTight: Bool { limits.leastClientPace > 0 && 4 * open >= 3 * limits.maximumConnections }

    package static var lookNanoseconds: Int64 { ClientPace.lookNanoseconds }

    /// To be called twice a second while the pool is tight.
    /// - Parameter byteCount: what the client has sent and taken, where the connection waits for it.
    package mutating func lookAtClients(now: Moment, _ byteCount: (UpstreamConnectionID) -> Int?) {
        let (nanoseconds, least) = (now.monotonicNanoseconds, limits.leastClientPace)
        slow.removeAll(keepingCapacity: true)
        awaitedClients = 0
        for index in slots.indices where slots[index].state == .active {
            slots[index].pace.looked(
                byteCount: byteCount(slots.id(index)), atNanoseconds: nanoseconds, leastPerSecond: least)
            guard slots[index].pace.isAwaited else { continue }
            awaitedClients += 1
            guard slots[index].pace.isSlow(atNanoseconds: nanoseconds, leastPerSecond: least) else { continue }
            slow.append(
                SlowClient(
                    connection: slots.id(index),
                    rank: slots[index].pace.rank(atNanoseconds: nanoseconds, leastPerSecond: least)))
        }
        slow.sort { $0.rank > $1.rank }
    }

    /// The connection to be closed for a request that waits. Called until there is none.
    package mutating func takeSlowest(
        now: Moment, _ byteCount: (UpstreamConnectionID) -> Int?
    ) -> UpstreamConnectionID? {
        guard waiters.count > connecting, idle == 0, !draining else { return nil }
        let isFull = open >= limits.maximumConnections
        // There is room, and a connection is being opened, or no server can be reached.
        if !isFull, someWaiterMayBeNext { return nil }
        while 2 * awaitedClients > limits.maximumConnections, let next = slow.last {
            guard let index = slots.index(of: next.connection), slots[index].state == .active else {
                slow.removeLast()
                continue
            }
            guard helpsWaiter(index, isFull: isFull) else { return nil }
            slow.removeLast()
            awaitedClients -= 1
            slots[index].pace.looked(
                byteCount: byteCount(next.connection), atNanoseconds: now.monotonicNanoseconds,
                leastPerSecond: limits.leastClientPace)
            let isSlow = slots[index].pace.isSlow(
                atNanoseconds: now.monotonicNanoseconds, leastPerSecond: limits.leastClientPace)
            if isSlow { return next.connection }
        }
        return nil
    }

    /// Whether some request that waits could be served if this connection were closed.
    private func helpsWaiter(_ index: Int, isFull: Bool) -> Bool {
        let isUnfinished = slots[index].isUnfinished
        guard isFull || isUnfinished else { return false }
        let free = limits.maximumConnections - active + 1
        return waiters.contains { shares.admits($0, free: free, unfinished - (isUnfinished ? 1 : 0)) }
    }
}

/// One that keeps a connection waiting.
struct SlowClient {
    let connection: UpstreamConnectionID
    let rank: ClientPace.Rank
}
