// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Decides when a server that fails is left alone: pure, told what happened and when.
///
/// After `threshold` failures in a row, or when the connection is lost, it opens, and nothing is asked of the server
/// until the back-off is over. Then one probe goes out, for which no request waits. If that succeeds it closes on
/// trial: the next failure opens it again, for longer, and the next success ends the trial.
package struct CircuitBreaker: Sendable {
    package enum State: Sendable, Equatable {
        /// Requests pass. Left by `failed` and `lost` for .open.
        case closed
        /// Nothing passes. Left by `timePassed` for .halfOpen.
        case open(untilNanoseconds: Int64)
        /// A probe is under way. Left by `probeSucceeded` for .closed, by `lost` for .open.
        case halfOpen
    }

    package private(set) var state = State.halfOpen
    /// How often it opened, since the start.
    package private(set) var openedCount: UInt64 = 0
    private let threshold: Int
    private var failures = 0
    private var isOnTrial = false
    private var backOff: BackOff

    /// Begins with a probe: the first connection.
    package init(threshold: Int = 5, backOff: BackOff = BackOff()) {
        precondition(threshold > 0)
        self.threshold = threshold
        self.backOff = backOff
    }

    package var admits: Bool { state == .closed }

    package mutating func succeeded() {
        failures = 0
        guard isOnTrial else { return }
        isOnTrial = false
        backOff.reset()
    }

    /// Answers whether it has opened now.
    package mutating func failed(now: Moment, random: UInt64) -> Bool {
        guard state == .closed else { return false }
        failures += 1
        guard isOnTrial || failures >= threshold else { return false }
        open(now: now, random: random)
        return true
    }

    /// The connection, or the attempt to make one, is gone.
    package mutating func lost(now: Moment, random: UInt64) { open(now: now, random: random) }

    private mutating func open(now: Moment, random: UInt64) {
        if state == .closed { openedCount += 1 }
        failures = 0
        state = .open(untilNanoseconds: now.monotonicNanoseconds + backOff.next(random: random))
    }

    /// Answers whether a probe is to be sent now.
    package mutating func timePassed(now: Moment) -> Bool {
        guard case .open(let until) = state, until <= now.monotonicNanoseconds else { return false }
        state = .halfOpen
        return true
    }

    package mutating func probeSucceeded() {
        precondition(state == .halfOpen, "only a probe under way can succeed")
        state = .closed
        isOnTrial = true
    }
}
