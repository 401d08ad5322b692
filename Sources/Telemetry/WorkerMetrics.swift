// SPDX-License-Identifier: Apache-2.0
package import HTTPMessages

/// The counters of one event loop: plain memory that only this loop writes and reads. Others ask the loop for a
/// snapshot.
package struct WorkerMetrics: ~Copyable {
    private var counted: MetricsSnapshot

    package init(labels: MetricLabels) { counted = MetricsSnapshot(labels: labels) }

    /// Takes over a new configuration: routes that keep their name keep their counts, and those of routes that
    /// are gone stay, since a counter must not go back.
    package mutating func relabel(_ labels: MetricLabels) {
        var next = MetricsSnapshot(labels: labels)
        next.merge(counted)
        counted = next.detached()
    }

    /// Counts one finished request. Allocates only when a route meets an outcome, or a latency range, for the
    /// first time.
    package mutating func record(_ request: RequestRecord) { counted.record(request) }

    package mutating func record(_ made: CodingMetrics, _ coding: ContentCoding, route: UInt16) {
        counted.record(made, coding, route: route)
    }

    package mutating func recordDropped(_ kind: DroppedField, _ count: Int, route: UInt16) {
        counted.recordDropped(kind, count, route: route)
    }

    /// A copy that shares no memory with the counters, since otherwise the next request would pay for the copy.
    package func snapshot() -> MetricsSnapshot { counted.detached() }
}

@available(*, unavailable)
extension WorkerMetrics: Sendable {}
