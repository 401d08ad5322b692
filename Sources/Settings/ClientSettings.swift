// SPDX-License-Identifier: Apache-2.0

/// How long Larder waits for clients. A duration of 0 means no limit.
package struct ClientSettings: Sendable, Equatable {
    /// An idle connection between two requests.
    package var keepAliveMilliseconds = 65_000
    /// From the first byte of a request's head to its last, and from accept to the first byte.
    package var headTimeoutMilliseconds = 10_000
    /// Between two pieces of a request body.
    package var bodyIdleMilliseconds = 30_000
    /// While the client takes no byte of its response.
    package var sendIdleMilliseconds = 30_000
    /// Requests answered on one connection before it is closed; 0 for no limit.
    package var maxRequests = 0

    package init() {}
}

/// How long Larder waits for an upstream. A duration of 0 means no limit.
package struct TimeoutSettings: Sendable, Equatable {
    /// To open a connection.
    package var connectMilliseconds = 2000
    /// From the request's last byte to the response's first.
    package var firstByteMilliseconds = 30_000
    /// Between two pieces, of the request or of the response.
    package var idleMilliseconds = 60_000

    package init() {}
}

/// Bounds of what a peer may send. 0 means no limit where the field's comment says so.
package struct LimitSettings: Sendable, Equatable {
    /// Request line; past it 414.
    package var requestLineBytes = 8 << 10
    /// One field line; past it 431.
    package var fieldLineBytes = 16 << 10
    /// All of a request's head; past it 431.
    package var headBytes = 64 << 10
    /// Field lines of a head; past it 431.
    package var fieldCount = 100
    /// A request's body; past it 413; 0 for no limit.
    package var bodyBytes = 0
    /// A response's head; past it 502.
    package var responseHeadBytes = 64 << 10
    /// Client connections of the process; past it one that is idle or whose head does not end is closed for the next.
    package var connections = 10_000

    package init() {}
}

/// The memory of the process: what is stored, and what connections hold.
package struct MemorySettings: Sendable, Equatable {
    /// Of both together.
    package var limitBytes = 256 << 20
    /// The part of it that connections may hold.
    package var connectionPercent = 25
    /// Head and body of one response; a larger one is passed on and not stored.
    package var maxObjectBytes = 16 << 20
    /// No entry is fresh in memory for longer; 0 for no limit.
    package var maxTTLMilliseconds = 0

    package init() {}

    /// Head and body of all that is stored, its bookkeeping included.
    package var storeBytes: Int { storeBytes(of: limitBytes) }
    package var connectionBytes: Int { connectionBytes(of: limitBytes) }

    /// The same where the process may have only so much.
    package func storeBytes(of limit: Int) -> Int { limit - limit / 100 * connectionPercent }

    package func connectionBytes(of limit: Int) -> Int {
        max(limit / 100 * connectionPercent, Self.leastConnectionBytes)
    }

    /// A few connections must always be able to go on.
    private static let leastConnectionBytes = 4 << 20
}
