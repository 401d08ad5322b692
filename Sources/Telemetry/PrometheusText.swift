// SPDX-License-Identifier: Apache-2.0
package import Bytes
import CacheRules
import HTTPMessages

/// The text format of Prometheus, version 0.0.4. Series that never counted anything are left out.
package enum PrometheusText {
    package static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

    package static func write(_ counts: MetricsSnapshot, _ gauges: Gauges, into text: inout ByteBuffer) {
        for metric in Metric.allCases {
            text.append(headOf: metric)
            write(metric, counts, gauges, into: &text)
        }
    }

    private static func write(
        _ metric: Metric, _ counts: MetricsSnapshot, _ gauges: Gauges, into text: inout ByteBuffer
    ) {
        switch metric {
        case .requests, .methods, .requestDuration, .upstreamDuration, .received, .sent, .slow, .forwarded, .notStored,
            .droppedFields,
            .coalesced, .codedAnswers, .codedBytes, .codingSaved, .codingInput, .codingOutput, .codingTime:
            for (index, route) in counts.routes.enumerated() where route.requests > 0 {
                write(metric, route, of: index, counts.labels, into: &text)
            }
        case .staleServed:
            for (index, count) in counts.staleServed.enumerated() where count > 0 {
                text.append(metric, [counts.labels.staleReason(index)], count)
            }
        case .l1Bytes, .l1Limit, .l1Entries, .l1Evictions: write(metric, gauges.l1, into: &text)
        case .l2Lookups, .l2Duration, .l2Writes, .l2Forms, .l2FormWrites, .nodeTurns, .nodeWaits, .l2Queue, .l2Loaded,
            .l2Bytes, .l2Breakers, .l2BreakerOpened, .l2Failures:
            if let l2 = gauges.l2 { write(metric, l2, into: &text) }
        case .upstreamConnections, .upstreamWaiting, .upstreamErrors:
            for upstream in gauges.upstreams { write(metric, upstream, into: &text) }
        case .purges: for purge in gauges.purges { text.append(metric, [purge.label], purge.count) }
        case .rules: for rules in gauges.rules.pending { text.append(metric, [rules.label], rules.count) }
        case .ruleWaits: text.append(metric, [], gauges.rules.waits)
        case .rulesFolded: text.append(metric, [], gauges.rules.folded)
        case .unproved: for tier in gauges.rules.unproved { text.append(metric, [tier.label], tier.count) }
        case .logFollowing, .logWaiting, .logApplied, .logRestarts, .logCollapses, .logForeign, .confirmations,
            .nodesLive, .sweepPasses, .sweepRecords, .sweepRemoved, .sweepLock:
            if let log = gauges.log { write(metric, log, into: &text) }
        case .recoded, .recodingInput, .recodingOutput, .recodingTime:
            for recoded in gauges.recoded { write(metric, recoded, into: &text) }
        case .recodingQueue: text.append(metric, [], UInt64(clamping: gauges.recodingQueue))
        case .connections: text.append(metric, [], UInt64(clamping: gauges.clientConnections))
        case .tunnels: for tunnel in gauges.tunnels { text.append(metric, [tunnel.label], tunnel.count) }
        case .connectionsHeld: text.append(metric, [], UInt64(clamping: gauges.heldBytes))
        case .connectionsHeldLimit: text.append(metric, [], UInt64(clamping: gauges.heldLimitBytes))
        case .connectionsCut: for cut in gauges.connectionsCut { text.append(metric, [cut.label], cut.count) }
        case .reloadSuccess: text.append(metric, [], gauges.lastReloadSucceeded ? 1 : 0)
        case .reloadTime: text.append(metric, [], UInt64(clamping: gauges.lastReloadWallSeconds))
        case .residentMemory: text.append(metric, [], gauges.residentBytes)
        case .startTime: text.append(metric, [], UInt64(clamping: gauges.startWallSeconds))
        case .logLinesDropped:
            for loss in gauges.logLinesDropped { text.append(metric, [loss.log, loss.reason], loss.lines) }
        case .buildInfo: text.append(metric, [gauges.version], 1)
        }
    }

    private static func write(
        _ metric: Metric, _ route: RouteMetrics, of index: Int, _ labels: MetricLabels, into text: inout ByteBuffer
    ) {
        let name = labels.route(index)
        switch metric {
        case .received: text.append(metric, [name], route.sum(\.bytesReceived))
        case .sent: text.append(metric, [name], route.sum(\.bytesSent))
        case .slow: text.append(metric, [name], route.sum(\.slow))
        case .coalesced: text.append(metric, [name], route[.collapsed].requests)
        case .upstreamDuration: text.append(metric, [name], route.upstreamDurations)
        case .methods:
            for method in Method.labelled where route.requests(method) > 0 {
                text.append(metric, [name, "\(method.label)"], route.requests(method))
            }
        case .forwarded:
            for reason in ForwardReason.allCases where route.forwarded(reason) > 0 {
                text.append(metric, [name, "\(reason.label)"], route.forwarded(reason))
            }
        case .droppedFields:
            for kind in DroppedField.allCases where route.dropped(kind) > 0 {
                text.append(metric, [name, "\(kind.label)"], route.dropped(kind))
            }
        case .notStored:
            for (reason, count) in route.notStored.enumerated() where count > 0 {
                text.append(metric, [name, labels.notStoredReason(reason)], count)
            }
        case .codedAnswers, .codedBytes, .codingSaved, .codingInput, .codingOutput, .codingTime:
            for coding in RouteMetrics.codings { write(metric, route[coding], [name, "\(coding.name)"], into: &text) }
        default: writeOutcomes(metric, route, name, into: &text)
        }
    }

    private static func write(
        _ metric: Metric, _ coded: CodingMetrics, _ values: [String], into text: inout ByteBuffer
    ) {
        guard coded != CodingMetrics() else { return }
        switch metric {
        case .codedAnswers: text.append(metric, values, coded.answers)
        case .codedBytes: text.append(metric, values, coded.codedBytes)
        case .codingSaved: text.append(metric, values, coded.savedBytes)
        case .codingInput: text.append(metric, values, coded.inputBytes)
        case .codingOutput: text.append(metric, values, coded.outputBytes)
        default: text.append(metric, values, nanoseconds: coded.nanoseconds)
        }
    }

    private static func write(_ metric: Metric, _ recoded: RecodingReading, into text: inout ByteBuffer) {
        let values = [recoded.route, "\(recoded.coding.name)"]
        switch metric {
        case .recodingInput: text.append(metric, values, recoded.inputBytes)
        case .recodingOutput: text.append(metric, values, recoded.outputBytes)
        case .recodingTime: text.append(metric, values, nanoseconds: recoded.nanoseconds)
        default: for result in recoded.results { text.append(metric, values + [result.label], result.count) }
        }
    }

    private static func write(_ metric: Metric, _ log: LogReading, into text: inout ByteBuffer) {
        switch metric {
        case .logFollowing: text.append(metric, [], log.isFollowing ? 1 : 0)
        case .logWaiting: text.append(metric, [], UInt64(clamping: log.waiting))
        case .logCollapses: text.append(metric, [], log.collapses)
        case .logForeign: text.append(metric, [], log.foreign)
        case .nodesLive: text.append(metric, [], UInt64(clamping: log.liveNodes))
        case .sweepPasses: text.append(metric, [], log.sweepPasses)
        case .sweepRecords: text.append(metric, [], log.sweepRecords)
        case .sweepRemoved: text.append(metric, [], log.sweepRemoved)
        case .sweepLock: text.append(metric, [], log.sweeps ? 1 : 0)
        case .logApplied: for one in log.applied { text.append(metric, [one.label], one.count) }
        case .logRestarts: for one in log.restarts { text.append(metric, [one.label], one.count) }
        default: for one in log.confirmations { text.append(metric, [one.label], one.count) }
        }
    }

    private static func writeOutcomes(
        _ metric: Metric, _ route: RouteMetrics, _ name: String, into text: inout ByteBuffer
    ) {
        for outcome in CacheOutcome.allCases {
            let answered = route[outcome]
            guard metric == .requests else {
                text.append(metric, [name, "\(outcome.label)"], answered.durations)
                continue
            }
            for statusClass in StatusClass.allCases where answered.requests(statusClass) > 0 {
                text.append(
                    metric, [name, "\(statusClass.label)", "\(outcome.label)"], answered.requests(statusClass))
            }
        }
    }

    private static func write(_ metric: Metric, _ l1: L1Reading, into text: inout ByteBuffer) {
        switch metric {
        case .l1Bytes: text.append(metric, [], l1.bytes)
        case .l1Limit: text.append(metric, [], l1.limitBytes)
        case .l1Entries: text.append(metric, [], l1.entries)
        default: for eviction in l1.evictions { text.append(metric, [eviction.label], eviction.count) }
        }
    }

    private static func write(_ metric: Metric, _ l2: L2Reading, into text: inout ByteBuffer) {
        switch metric {
        case .l2Lookups: for result in l2.lookups { text.append(metric, [result.label], result.count) }
        case .l2Duration: text.append(metric, [], l2.durations)
        case .l2Writes: for result in l2.writes { text.append(metric, [result.label], result.count) }
        case .l2Forms: for result in l2.forms { text.append(metric, [result.label], result.count) }
        case .l2FormWrites: for result in l2.formWrites { text.append(metric, [result.label], result.count) }
        case .nodeTurns: for result in l2.turns { text.append(metric, [result.label], result.count) }
        case .nodeWaits: text.append(metric, [], l2.turnWaits)
        case .l2Queue: text.append(metric, [], l2.queueBytes)
        case .l2Loaded: text.append(metric, [], l2.loaded)
        case .l2Bytes:
            text.append(metric, ["sent"], l2.connections.reduce(0) { $0 &+ $1.bytesSent })
            text.append(metric, ["received"], l2.connections.reduce(0) { $0 &+ $1.bytesReceived })
        default: for connections in l2.connections { write(metric, connections, into: &text) }
        }
    }

    private static func write(_ metric: Metric, _ connections: L2Reading.Connections, into text: inout ByteBuffer) {
        switch metric {
        case .l2Breakers:
            for state in connections.breakers { text.append(metric, [connections.name, state.label], state.count) }
        case .l2BreakerOpened: text.append(metric, [connections.name], connections.opened)
        default:
            for failure in connections.failures {
                text.append(metric, [connections.name, failure.label], failure.count)
            }
        }
    }

    private static func write(_ metric: Metric, _ upstream: UpstreamReading, into text: inout ByteBuffer) {
        switch metric {
        case .upstreamConnections:
            text.append(metric, [upstream.name, "active"], UInt64(clamping: upstream.connectionsActive))
            text.append(metric, [upstream.name, "idle"], UInt64(clamping: upstream.connectionsIdle))
            text.append(metric, [upstream.name, "tunnel"], UInt64(clamping: upstream.connectionsTunnelled))
            text.append(metric, [upstream.name, "stream"], UInt64(clamping: upstream.connectionsStreaming))
        case .upstreamWaiting: text.append(metric, [upstream.name], UInt64(clamping: upstream.waiting))
        default: for error in upstream.errors { text.append(metric, [upstream.name, error.label], error.count) }
        }
    }
}

extension RouteMetrics {
    func sum(_ part: (OutcomeMetrics) -> UInt64) -> UInt64 {
        CacheOutcome.allCases.reduce(0) { $0 &+ part(self[$1]) }
    }
}

extension ByteBuffer {
    fileprivate mutating func append(headOf metric: Metric) {
        let definition = metric.definition
        append(text: "# HELP \(metric.name) \(definition.help)\n# TYPE \(metric.name) \(definition.kind.rawValue)\n")
    }

    /// One sample; `values` belong to the labels of the table, in order.
    fileprivate mutating func append(_ metric: Metric, _ values: [String], _ value: UInt64) {
        append(nameOf: metric, suffix: "", values)
        append(count: value)
        append(ASCII.lineFeed)
    }

    fileprivate mutating func append(_ metric: Metric, _ values: [String], nanoseconds: UInt64) {
        append(nameOf: metric, suffix: "", values)
        append(secondsOf: UInt128(nanoseconds))
        append(ASCII.lineFeed)
    }

    fileprivate mutating func append(_ metric: Metric, _ values: [String], _ histogram: LatencyHistogram) {
        guard !histogram.isEmpty else { return }
        for (bound, count) in zip(LatencyGrid.exportedBounds, histogram.exportedCounts()) {
            append(nameOf: metric, suffix: "_bucket", values, bound: bound.seconds)
            append(count: count)
            append(ASCII.lineFeed)
        }
        append(nameOf: metric, suffix: "_bucket", values, bound: "+Inf")
        append(count: histogram.count)
        append(ASCII.lineFeed)
        append(nameOf: metric, suffix: "_sum", values)
        append(secondsOf: histogram.sumNanoseconds)
        append(ASCII.lineFeed)
        append(nameOf: metric, suffix: "_count", values)
        append(count: histogram.count)
        append(ASCII.lineFeed)
    }

    private mutating func append(
        nameOf metric: Metric, suffix: StaticString, _ values: [String], bound: StaticString? = nil
    ) {
        let labels = metric.definition.labels
        precondition(labels.count == values.count)
        append(text: metric.name)
        append(suffix)
        for (index, (label, value)) in zip(labels, values).enumerated() {
            append(index == 0 ? "{" : ",")
            append(label)
            append("=\"")
            append(labelEscaped: value)
            append(ASCII.doubleQuote)
        }
        if let bound {
            append(labels.isEmpty ? "{le=\"" : ",le=\"")
            append(bound)
            append(ASCII.doubleQuote)
        }
        append(labels.isEmpty && bound == nil ? " " : "} ")
    }

    private mutating func append(labelEscaped text: String) {
        for byte in text.utf8 {
            switch byte {
            case ASCII.backslash: append("\\\\")
            case ASCII.doubleQuote: append("\\\"")
            case ASCII.lineFeed: append("\\n")
            default: append(byte)
            }
        }
    }

    private mutating func append(secondsOf nanoseconds: UInt128) {
        append(count: UInt64(clamping: nanoseconds / 1_000_000_000))
        append(UInt8(ascii: "."))
        append(padded: Int(nanoseconds % 1_000_000_000), digits: 9)
    }
}
