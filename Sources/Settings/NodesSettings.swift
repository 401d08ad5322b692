// SPDX-License-Identifier: Apache-2.0

/// How nodes that share a Redis keep in step.
package struct NodesSettings: Sendable, Equatable {
    /// What becomes of responses in memory while this node cannot hear of others' invalidations.
    package enum RedisLoss: String, Sendable, CaseIterable {
        /// They are served for as long as they are fresh.
        case serve
        /// They are served only when the origin says that they still hold.
        case revalidate
    }

    /// For people; nil for the host's name.
    package var name: String?
    /// How long a node that is not heard of is waited for.
    package var leaseMilliseconds = 10_000
    package var onRedisLoss = RedisLoss.serve
    /// About how many invalidations the log holds.
    package var logEntries = 100_000

    /// How often records that were invalidated are looked for.
    package var sweepMilliseconds = 60_000

    package init() {}
}
