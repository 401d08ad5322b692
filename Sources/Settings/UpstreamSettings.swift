// SPDX-License-Identifier: Apache-2.0
package import ConfigLanguage

/// A named set of servers that answer alike.
package struct UpstreamSettings: Sendable, Equatable {
    /// Which server gets the next request.
    package enum Balance: String, Sendable, CaseIterable { case roundRobin = "round_robin" }

    /// What the Host field says to the server.
    package enum HostField: Sendable, Equatable {
        /// What the client sent.
        case client
        /// The server's own name and port.
        case server
        case fixed(String)
    }

    /// What an answer is whose Transfer-Encoding names one coding that nobody has registered.
    package enum UnregisteredCoding: String, Sendable, CaseIterable { case refuse, ignore }

    package var name = ""
    package var servers: [ServerSettings] = []
    package var balance = Balance.roundRobin
    package var pool = PoolSettings()
    package var queue = QueueSettings()
    package var timeouts = TimeoutSettings()
    package var hostField = HostField.client
    /// Between two look-ups of the servers' names; 0 looks them up at the start alone.
    package var resolveEveryMilliseconds = 30_000
    /// Further attempts after one that failed, where repeating is safe.
    package var retries = 1
    package var unregisteredCoding = UnregisteredCoding.refuse

    package init() {}
}

package struct ServerSettings: Sendable, Equatable {
    package var address = SocketAddressText(kind: .ipv4, host: "127.0.0.1", port: 80)
    /// Its share of the requests in relation to the other servers'.
    package var weight = 1

    package init() {}
}

/// The connections to one upstream, over all event loops.
package struct PoolSettings: Sendable, Equatable {
    /// Connections kept open when nothing is to do.
    package var min = 0
    package var max = 256
    /// Streams of events, besides these.
    package var streams = 1000
    /// Bytes a second below which a client may have to give a connection up to others; 0 for none.
    package var leastClientPace = 16 << 10
    package var idleTimeoutMilliseconds = 60_000

    package init() {}
}

/// The requests that wait for a connection of a full pool.
package struct QueueSettings: Sendable, Equatable {
    package var limit = 1000
    package var timeoutMilliseconds = 5000

    package init() {}
}
