// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Lets so many events of one name pass per second and counts the rest, so that a failing upstream cannot fill
/// the disk. Its memory is bounded by the number of event names in the program.
package struct EventLimiter: Sendable {
    package enum Verdict: Sendable, Equatable {
        /// Write it, and say how many of its name were held back since the last one written.
        case write(suppressed: Int)
        case suppress
    }

    private struct Tally: Sendable {
        var second: Int64
        var written = 0
        var suppressed = 0
    }

    private let perSecond: Int
    private var tallies: [String: Tally] = [:]

    package init(perSecond: Int = 10) {
        precondition(perSecond > 0)
        self.perSecond = perSecond
    }

    package mutating func eventHappened(_ name: StaticString, at now: Moment) -> Verdict {
        let second = now.monotonicNanoseconds / 1_000_000_000
        var tally = tallies["\(name)"] ?? Tally(second: second)
        defer { tallies["\(name)"] = tally }
        if tally.second != second {
            tally.second = second
            tally.written = 0
        }
        guard tally.written < perSecond else {
            tally.suppressed += 1
            return .suppress
        }
        tally.written += 1
        defer { tally.suppressed = 0 }
        return .write(suppressed: tally.suppressed)
    }

    /// To be called about once a second: what was held back in a second now over and is not yet told, because no
    /// event of that name followed.
    package mutating func suppressedEvents(at now: Moment) -> [(name: String, count: Int)] {
        let second = now.monotonicNanoseconds / 1_000_000_000
        let ended = tallies.filter { $0.value.second != second && $0.value.suppressed > 0 }
        for name in ended.keys { tallies[name]?.suppressed = 0 }
        return ended.map { (name: $0.key, count: $0.value.suppressed) }.sorted { $0.name < $1.name }
    }
}
