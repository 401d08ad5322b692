// SPDX-License-Identifier: Apache-2.0
import Telemetry
import Upstreams

/// What all workers have counted.
struct ProxyFigures: Sendable {
    struct Upstream: Sendable {
        var name: String
        var pool = UpstreamPoolFigures()
        /// By kind.
        var failures: [String: UInt64] = [:]

        var totals: UpstreamHealth.Totals {
            let failed = failures.values.reduce(0, &+)
            let attempts = pool.totalConnects &+ pool.totalReuses &+ pool.totalConnectFailures
            return UpstreamHealth.Totals(attempts: max(attempts, failed), failures: failed)
        }

        var reading: UpstreamReading {
            var reading = UpstreamReading(name: name)
            reading.connectionsActive = pool.active
            reading.connectionsIdle = pool.idle
            reading.connectionsTunnelled = pool.tunnels
            reading.connectionsStreaming = pool.streams
            reading.connectionsLimit = pool.maximumConnections
            reading.waiting = pool.waiting
            reading.errors = failures.sorted { $0.key < $1.key }.map { LabelledCount($0.key, $0.value) }
            return reading
        }
    }

    var metrics: MetricsSnapshot
    var clients = 0
    var upstreams: [Upstream]
    /// Those whose figures are older than the others'.
    var silentWorkers: [Int] = []
    /// nil without a second tier.
    var tier: TierFigures?

    init(labels: MetricLabels, upstreams names: [String]) {
        metrics = MetricsSnapshot(labels: labels)
        upstreams = names.map { Upstream(name: $0) }
    }

    mutating func add(_ figures: WorkerFigures) {
        metrics.merge(figures.metrics)
        clients += figures.clients
        if let more = figures.tier {
            var sum = tier ?? TierFigures()
            sum.add(more)
            tier = sum
        }
        for (name, pool) in figures.upstreams {
            guard let index = upstreams.firstIndex(where: { $0.name == name }) else { continue }
            upstreams[index].pool += pool
        }
        for (key, count) in figures.failures {
            guard let index = upstreams.firstIndex(where: { $0.name == key.upstream }) else { continue }
            upstreams[index].failures[key.kind, default: 0] &+= count
        }
    }
}
