// SPDX-License-Identifier: Apache-2.0

/// A count under one word of a fixed set, such as an eviction reason.
package struct LabelledCount: Sendable, Equatable {
    package var label: String
    package var count: UInt64

    package init(_ label: String, _ count: UInt64) {
        self.label = label
        self.count = count
    }
}

/// What is read from the parts of the proxy when metrics are asked for, beside the requests.
package struct Gauges: Sendable {
    package var version: String
    package var startWallSeconds: Int64
    package var uptimeSeconds: Double
    package var clientConnections = 0
    /// By route.
    package var tunnels: [LabelledCount] = []
    /// What connections make the process hold, and may.
    package var heldBytes = 0
    package var heldLimitBytes = 0
    /// Closed for others, by reason.
    package var connectionsCut: [LabelledCount] = []
    package var l1 = L1Reading()
    /// nil without a second tier.
    package var l2: L2Reading?
    package var upstreams: [UpstreamReading] = []
    /// By kind: key, prefix, glob, tag, group, all.
    package var purges: [LabelledCount] = []
    package var rules = RuleReading()
    /// nil when nothing is shared with other nodes.
    package var log: LogReading?
    package var lastReloadSucceeded = true
    package var lastReloadWallSeconds: Int64
    package var residentBytes: UInt64 = 0
    /// Of the control group; nil when there is none.
    package var memoryLimitBytes: UInt64?
    package var logLinesDropped: [LogLossReading] = []
    /// Bodies coded in the background, by route and coding.
    package var recoded: [RecodingReading] = []
    package var recodingQueue = 0

    package init(version: String, startWallSeconds: Int64, uptimeSeconds: Double, lastReloadWallSeconds: Int64) {
        self.version = version
        self.startWallSeconds = startWallSeconds
        self.uptimeSeconds = uptimeSeconds
        self.lastReloadWallSeconds = lastReloadWallSeconds
    }
}

/// Of the rules of invalidations that responses may still have to meet.
package struct RuleReading: Sendable {
    /// By kind: tag, url, prefix, glob.
    package var pending: [LabelledCount] = []
    package var folded: UInt64 = 0
    /// Of whoever invalidated, for room.
    package var waits: UInt64 = 0
    /// By tier: memory, redis.
    package var unproved: [LabelledCount] = []

    package init() {}
}

/// Of the lines of one log.
package struct LogLossReading: Sendable {
    package var log: String
    package var reason: String
    package var lines: UInt64

    package init(log: String, reason: String, lines: UInt64) {
        self.log = log
        self.reason = reason
        self.lines = lines
    }
}

/// Of the log of invalidations that nodes share.
package struct LogReading: Sendable {
    package var isFollowing = false
    package var waiting = 0
    package var liveNodes = 0
    /// own, other
    package var applied: [LabelledCount] = []
    /// By reason.
    package var restarts: [LabelledCount] = []
    package var collapses: UInt64 = 0
    package var foreign: UInt64 = 0
    /// complete, incomplete
    package var confirmations: [LabelledCount] = []
    package var sweepPasses: UInt64 = 0
    package var sweepRecords: UInt64 = 0
    package var sweepRemoved: UInt64 = 0
    /// Under the lock.
    package var sweeps = false

    package init() {}
}

package struct L1Reading: Sendable {
    package var bytes: UInt64 = 0
    package var limitBytes: UInt64 = 0
    package var entries: UInt64 = 0
    /// By reason.
    package var evictions: [LabelledCount] = []

    package init() {}
}

package struct L2Reading: Sendable {
    /// One kind of connection, of all loops.
    package struct Connections: Sendable {
        package var name: String
        /// How many circuit breakers are in which state.
        package var breakers: [LabelledCount] = []
        package var opened: UInt64 = 0
        package var bytesSent: UInt64 = 0
        package var bytesReceived: UInt64 = 0
        /// By kind.
        package var failures: [LabelledCount] = []

        package init(name: String) { self.name = name }
    }

    /// By result.
    package var lookups: [LabelledCount] = []
    package var durations = LatencyHistogram()
    /// By result.
    package var writes: [LabelledCount] = []
    /// By result.
    package var forms: [LabelledCount] = []
    /// By result.
    package var formWrites: [LabelledCount] = []
    /// Of fetches that nodes make in turn, by result.
    package var turns: [LabelledCount] = []
    package var turnWaits = LatencyHistogram()
    package var queueBytes: UInt64 = 0
    package var loaded: UInt64 = 0
    package var connections: [Connections] = []

    package init() {}
}

package struct UpstreamReading: Sendable {
    package var name: String
    package var connectionsActive = 0
    package var connectionsIdle = 0
    /// They carry upgraded protocols.
    package var connectionsTunnelled = 0
    /// They carry streams of events.
    package var connectionsStreaming = 0
    /// 0 when there is no limit.
    package var connectionsLimit = 0
    /// Requests that wait for a connection.
    package var waiting = 0
    /// By kind: connect, timeout, reset, …
    package var errors: [LabelledCount] = []

    package init(name: String) { self.name = name }

    /// The share of the allowed connections in use; nil without a limit.
    package var utilisation: Double? {
        connectionsLimit > 0 ? Double(connectionsActive) / Double(connectionsLimit) : nil
    }

    static let maxWaiting = 5
    static let maxUtilisation = 0.9

    /// What an operator should look at.
    package var warnings: [String] {
        var warnings: [String] = []
        if waiting > Self.maxWaiting { warnings.append("\(waiting) requests wait for a connection") }
        if let utilisation, utilisation > Self.maxUtilisation {
            warnings.append("\(connectionsActive) of \(connectionsLimit) connections in use")
        }
        return warnings
    }
}
