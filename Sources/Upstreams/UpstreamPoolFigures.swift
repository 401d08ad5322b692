// SPDX-License-Identifier: Apache-2.0

/// The state of a pool in numbers; those of several loops add up.
package struct UpstreamPoolFigures: Sendable, Equatable {
    package var active = 0
    package var idle = 0
    package var connecting = 0
    package var tunnels = 0
    package var streams = 0
    package var waiting = 0
    package var maximumConnections = 0
    /// Since the pool was made: connections that were opened.
    package var totalConnects: UInt64 = 0
    package var totalConnectFailures: UInt64 = 0
    /// Requests that found an idle connection.
    package var totalReuses: UInt64 = 0
    package var totalRejections: UInt64 = 0
    package var totalWaitTimeouts: UInt64 = 0

    package init() {}

    package var open: Int { active + idle + connecting }

    /// The share of the allowed connections that carry a request or are about to, 0 to 1.
    package var utilisation: Double {
        maximumConnections == 0 ? 0 : Double(active + connecting) / Double(maximumConnections)
    }

    package static func += (sum: inout UpstreamPoolFigures, part: UpstreamPoolFigures) {
        sum.active += part.active
        sum.idle += part.idle
        sum.connecting += part.connecting
        sum.tunnels += part.tunnels
        sum.streams += part.streams
        sum.waiting += part.waiting
        sum.maximumConnections += part.maximumConnections
        sum.totalConnects += part.totalConnects
        sum.totalConnectFailures += part.totalConnectFailures
        sum.totalReuses += part.totalReuses
        sum.totalRejections += part.totalRejections
        sum.totalWaitTimeouts += part.totalWaitTimeouts
    }
}
