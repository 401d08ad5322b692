// SPDX-License-Identifier: Apache-2.0
import Bytes

/// The end of the process in steps (promise 9): drain, wait with a limit, end. Pure.
struct DrainMachine: Sendable {
    enum StopAction: Equatable, Sendable {
        /// Not ready any more; no new connections; what is under way goes on.
        case beginDrain
        /// Somebody asked twice.
        case endNow
        case none
    }

    enum CountAction: Equatable, Sendable {
        case wait
        /// Wait, and say how many are left.
        case report
        /// End; so many connections are cut off.
        case end(cut: Int)
    }

    private enum Phase: Equatable {
        case serving
        case draining(untilNanoseconds: Int64, reportNanoseconds: Int64)
        case ended
    }

    static let reportNanoseconds: Int64 = 1_000_000_000

    private var phase = Phase.serving

    var isServing: Bool { phase == .serving }

    mutating func stopRequested(now: Moment, timeoutMilliseconds: Int) -> StopAction {
        switch phase {
        case .serving:
            phase = .draining(
                untilNanoseconds: now.monotonicNanoseconds + Int64(timeoutMilliseconds) * 1_000_000,
                reportNanoseconds: now.monotonicNanoseconds + Self.reportNanoseconds)
            return .beginDrain
        case .draining:
            phase = .ended
            return .endNow
        case .ended: return .none
        }
    }

    /// To be called often while draining.
    mutating func counted(connections: Int, now: Moment) -> CountAction {
        guard case .draining(let until, let report) = phase else { return .wait }
        guard connections > 0, now.monotonicNanoseconds < until else {
            phase = .ended
            return .end(cut: connections)
        }
        guard now.monotonicNanoseconds >= report else { return .wait }
        phase = .draining(
            untilNanoseconds: until, reportNanoseconds: now.monotonicNanoseconds + Self.reportNanoseconds)
        return .report
    }
}
