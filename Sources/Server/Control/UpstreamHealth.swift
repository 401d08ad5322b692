// SPDX-License-Identifier: Apache-2.0

/// Tells by the last seconds' figures which upstreams answer. Pure.
struct UpstreamHealth: Sendable {
    struct Reading: Equatable, Sendable {
        var name: String
        var isUp: Bool
        var recentFailures: UInt64
    }

    /// Totals since the start.
    struct Totals: Equatable, Sendable {
        var attempts: UInt64
        var failures: UInt64
    }

    /// Fewer failures are an accident.
    static let failureThreshold: UInt64 = 3

    private var marks: [[String: Totals]] = []
    private let slots: Int

    /// Looks back over as many turns.
    init(slots: Int = 3) { self.slots = slots }

    /// To be called at a steady pace.
    mutating func rotate(_ totals: [String: Totals]) {
        if marks.count >= slots { marks.removeFirst() }
        marks.append(totals)
    }

    /// Down: enough failures lately, and more of them than half of the attempts.
    func readings(_ totals: [(name: String, totals: Totals)]) -> [Reading] {
        totals.map { name, now in
            let before = marks.first?[name] ?? Totals(attempts: 0, failures: 0)
            // A new configuration counts from 0.
            let failures = now.failures >= before.failures ? now.failures - before.failures : now.failures
            let attempts = now.attempts >= before.attempts ? now.attempts - before.attempts : now.attempts
            let isDown = failures >= Self.failureThreshold && failures * 2 > attempts
            return Reading(name: name, isUp: !isDown, recentFailures: failures)
        }
    }
}
