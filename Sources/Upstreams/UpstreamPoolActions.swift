// SPDX-License-Identifier: Apache-2.0

/// Names one connection of a pool for as long as the pool knows it. `slot` is dense (0 up to the maximum of
/// connections), so that the owner can keep its sockets in an array; a slot is used again under another `generation`.
package struct UpstreamConnectionID: Sendable, Hashable {
    package let slot: UInt32
    package let generation: UInt32
}

/// A request's place in the queue for a connection.
package struct WaitTicket: Sendable, Hashable {
    let slot: UInt32
    let generation: UInt32
}

/// What the owner of a waiting request calls it; the pool only hands it back.
package typealias UpstreamWaiter = UInt64

/// An order to open a connection, answered by `connected` or `connectFailed`.
package struct ConnectAttempt: Sendable, Equatable {
    package let connection: UpstreamConnectionID
    /// Index into the list of servers the pool was made with.
    package let server: Int
    /// What `addressesResolved` called the address.
    package let address: Int
    /// An idle connection to close first, to make room.
    package var replacing: UpstreamConnectionID?
}

package struct UpstreamWait: Sendable, Equatable {
    package let ticket: WaitTicket
    package let deadlineNanoseconds: Int64
}

package enum UpstreamRejection: Sendable, Equatable {
    /// As many requests wait as may.
    case queueFull
    /// No server has an address.
    case noAddress
    /// The configuration of this pool was replaced.
    case draining
}

/// What to do about a request that needs a connection.
package enum RequestArrivalAction: Sendable, Equatable {
    /// Send it on this idle connection, which is now active.
    case use(UpstreamConnectionID)
    /// Connect; meanwhile the request waits for that or any other connection.
    case connect(ConnectAttempt, UpstreamWait)
    case wait(UpstreamWait)
    case reject(UpstreamRejection)
}

/// What to do with a connection that was just opened.
package enum ConnectedAction: Sendable, Equatable {
    /// It is active now, for this waiter.
    case serve(UpstreamWaiter)
    /// It is idle now: watch it for being closed.
    case park
    case close
}

/// What a failed attempt to connect leads to: both, one or none.
package struct ConnectFailedAction: Sendable, Equatable {
    package var failedWaiter: UpstreamWaiter?
    package var retry: ConnectAttempt?
}

/// What to do with a connection whose exchange ended.
package enum ReleaseAction: Sendable, Equatable {
    /// It stays active, for this waiter.
    case serve(UpstreamWaiter)
    /// It is idle now: watch it for being closed.
    case park
    /// Close it; the pool has forgotten it. Open another one for those who wait, if there is an attempt.
    case close(ConnectAttempt?)
}

/// One consequence of time; `deadlineReached` is called again until it answers `.nothing`.
package enum PoolDeadlineAction: Sendable, Equatable {
    /// The idle connection is too old; the pool has forgotten it.
    case close(UpstreamConnectionID)
    /// The request waited too long and has left the queue.
    case timeOut(UpstreamWaiter)
    /// Fewer than the minimum are open.
    case connect(ConnectAttempt)
    case nothing
}
