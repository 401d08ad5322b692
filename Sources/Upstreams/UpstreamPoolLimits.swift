// SPDX-License-Identifier: Apache-2.0

/// The bounds of one pool. A pool belongs to one event loop, so that a limit for the whole process is divided by the
/// number of loops before it comes here.
package struct UpstreamPoolLimits: Sendable, Equatable {
    /// Connections kept open although nothing asks for them.
    package var minimumConnections = 0
    /// Active, idle and connecting ones together; at least 1.
    package var maximumConnections = 256
    /// Streams of events, besides these.
    package var maximumStreams = 1000
    /// Bytes a second below which a client that keeps a connection waiting may have to give it up; 0 for none.
    package var leastClientPace = 0
    /// An idle connection is closed after this time, which should end a little before the server closes its side.
    package var idleTimeoutMilliseconds: Int64 = 55_000
    /// Requests that may wait for a connection at a time.
    package var maximumWaiters = 1024
    /// How long one request may wait for a connection, the time to connect included.
    package var waitLimitMilliseconds: Int64 = 5_000
    /// Addresses tried for one connection before a waiting request fails.
    package var maximumConnectAttempts = 3
    /// How long an address is passed over after its first failure in a row; doubled by each further one.
    package var firstBackOffMilliseconds: Int64 = 250
    package var maximumBackOffMilliseconds: Int64 = 10_000

    package init() {}
}
