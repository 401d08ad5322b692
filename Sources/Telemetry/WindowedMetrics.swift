// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// The recent past and the time since a reset, as differences between snapshots. The control thread keeps it;
/// the counters themselves never go back, as Prometheus demands.
package struct WindowedMetrics: Sendable {
    /// Counts, and the seconds they took.
    package struct View: Sendable {
        package var counts: MetricsSnapshot
        package var seconds: Double

        package init(counts: MetricsSnapshot, seconds: Double) {
            self.counts = counts
            self.seconds = seconds
        }
    }

    private struct Mark: Sendable {
        var counts: MetricsSnapshot
        var at: Moment
    }

    /// Oldest first.
    private var marks: [Mark]
    private var resetMark: Mark
    private let slots: Int

    /// The window is `slots` times as long as the time between calls of `rotate`: 6 of 10 s make 60 s.
    package init(slots: Int = 6, start: MetricsSnapshot, at now: Moment) {
        precondition(slots > 0)
        self.slots = slots
        resetMark = Mark(counts: start, at: now)
        marks = [resetMark]
    }

    /// To be called at a steady pace with the merged snapshot of all loops.
    package mutating func rotate(_ counts: MetricsSnapshot, at now: Moment) {
        if marks.count > slots { marks.removeFirst() }
        marks.append(Mark(counts: counts, at: now))
    }

    /// Begins `sinceReset` anew.
    package mutating func reset(_ counts: MetricsSnapshot, at now: Moment) {
        resetMark = Mark(counts: counts, at: now)
    }

    /// The last `slots` turns, and what has passed of the present one.
    package func window(_ counts: MetricsSnapshot, at now: Moment) -> View { view(counts, at: now, since: marks[0]) }

    package func sinceReset(_ counts: MetricsSnapshot, at now: Moment) -> View {
        view(counts, at: now, since: resetMark)
    }

    private func view(_ counts: MetricsSnapshot, at now: Moment, since mark: Mark) -> View {
        let passed = now.monotonicNanoseconds - mark.at.monotonicNanoseconds
        return View(counts: counts.since(mark.counts), seconds: Double(max(passed, 0)) / 1e9)
    }
}
