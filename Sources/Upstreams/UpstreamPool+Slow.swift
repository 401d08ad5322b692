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
        shares.forgetBlame(all: false)
        slow.removeAll(keepingCapacity: true)
        awaitedClients = 0
        for index in slots.indices where slots[index].state == .active {
            slots[index].pace.looked(
                byteCount: byteCount(slots.id(index)), atNanoseconds: nanoseconds, leastPerSecond: least)
            guard slots[index].pace.isAwaited else { continue }
            awaitedClients += 1
            guard slots[index].pace.isSlow(atNanoseconds: nanoseconds) else { continue }
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
        while 2 * awaitedClients > limits.maximumConnections {
            let (any, stallable) = (isFull && helpsWaiter(mayStall: false), helpsWaiter(mayStall: true))
            let place = slow.lastIndex {
                guard let index = slots.index(of: $0.connection), slots[index].state == .active else { return false }
                return slots[index].mayStall ? stallable : any
            }
            guard let place else { return nil }
            if let id = takeIfSlow(slow.remove(at: place).connection, now: now, byteCount) { return id }
        }
        return nil
    }

    /// Whether some request that waits could be served if one more connection were free, one that may stall or another.
    private func helpsWaiter(mayStall: Bool) -> Bool {
        let free = limits.maximumConnections - active + 1
        return waiters.contains { shares.admits($0, free: free, stallable - (mayStall ? 1 : 0)) }
    }

    /// It may have become faster since the last look.
    private mutating func takeIfSlow(
        _ id: UpstreamConnectionID, now: Moment, _ byteCount: (UpstreamConnectionID) -> Int?
    ) -> UpstreamConnectionID? {
        awaitedClients -= 1
        guard let index = slots.index(of: id) else { return nil }
        let (nanoseconds, least) = (now.monotonicNanoseconds, limits.leastClientPace)
        slots[index].pace.looked(byteCount: byteCount(id), atNanoseconds: nanoseconds, leastPerSecond: least)
        return slots[index].pace.isSlow(atNanoseconds: nanoseconds) ? id : nil
    }

    /// It was taken, and its client is why it is closed.
    package mutating func blameClient(of id: UpstreamConnectionID) {
        if let index = slots.index(of: id) { shares.blame(slots[index].client) }
    }

    /// Few are in use: whoever was too slow may be so again.
    package mutating func becameCalm() {
        shares.forgetBlame(all: true)
        slow = []
        awaitedClients = 0
    }
}

/// One that keeps a connection waiting.
struct SlowClient {
    let connection: UpstreamConnectionID
    let rank: ClientPace.Rank
}
