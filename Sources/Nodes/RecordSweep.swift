// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import Storage

/// What the sweep of the second tier does next; one thing at a time.
package enum SweepAction: Equatable, Sendable {
    case wait
    /// Whether somebody has swept as far as this already: the mark is read.
    case readMark
    /// Take the lock, unless somebody has it: SET NX PX.
    case lock(milliseconds: Int)
    case scan(cursor: [UInt8], count: Int)
    /// Remove entries of the log that are older than this; leave the mark; give the lock back.
    case finish(trimBefore: SharedEpoch, mark: RecordEpoch)
    /// Give the lock back and nothing else.
    case unlock
}

/// One node at a time goes through the records of the second tier, in small steps, and takes away those that
/// invalidations have killed: nobody would use them, but they take memory, and the log has to be kept for as long as
/// there are records older than its entries. Pure.
package struct RecordSweep: Sendable {
    package enum State: Equatable, Sendable {
        case idle
        /// Left by `markRead` for .locking or .idle.
        case asking
        /// Left by `locked` for .scanning or .idle.
        case locking
        /// Left by `scanned` when the scan has come around.
        case scanning
    }

    package private(set) var state = State.idle
    private let intervalNanoseconds: Int64
    private let batch: Int
    private let lockMilliseconds: Int
    private var nextNanoseconds: Int64
    private var lockedNanoseconds: Int64 = 0
    /// How far the log was applied when the sweep began: it deals with everything up to there.
    private var goal = SharedEpoch.zero
    private var oldest: SharedEpoch?
    private var sweptTo = SharedEpoch.zero
    /// Of which log all those are.
    private var generation = LogGeneration.none

    package init(intervalMilliseconds: Int, batch: Int = 100, lockMilliseconds: Int = 600_000, now: Moment) {
        intervalNanoseconds = Int64(intervalMilliseconds) * 1_000_000
        self.batch = batch
        self.lockMilliseconds = lockMilliseconds
        nextNanoseconds = now.monotonicNanoseconds + intervalNanoseconds
    }

    /// Rules that are not known one by one any more kill no record that can be proved dead: those that they have killed
    /// are to be gone before that.
    private static let urgentFill = 0.75

    /// - Parameters:
    ///   - applied: which log this node has applied, and how far; nil while it does not follow it.
    ///   - ruleFill: how near the next rules are to taking the place of the oldest that are known, from 0 to 1.
    package mutating func timePassed(
        applied place: RecordEpoch?, ruleFill: Double = 0, now: Moment
    ) -> SweepAction {
        guard state == .idle, let place else { return .wait }
        if place.generation != generation {
            generation = place.generation
            sweptTo = .zero
        }
        let applied = place.epoch
        let haste = ruleFill >= Self.urgentFill ? intervalNanoseconds / 8 * 7 : 0
        guard applied > sweptTo, now.monotonicNanoseconds >= nextNanoseconds - haste else { return .wait }
        nextNanoseconds = now.monotonicNanoseconds + intervalNanoseconds
        goal = applied
        state = .asking
        return .readMark
    }

    /// How far somebody has swept, and for which log; nil when nobody has.
    package mutating func markRead(_ place: RecordEpoch?) -> SweepAction {
        guard state == .asking else { return .wait }
        let mark = place?.generation == generation ? place?.epoch ?? .zero : .zero
        guard mark < goal else {
            sweptTo = mark
            state = .idle
            return .wait
        }
        state = .locking
        return .lock(milliseconds: lockMilliseconds)
    }

    package mutating func locked(_ isOurs: Bool, now: Moment) -> SweepAction {
        guard state == .locking else { return .wait }
        guard isOurs else {
            state = .idle
            return .wait
        }
        state = .scanning
        lockedNanoseconds = now.monotonicNanoseconds
        oldest = nil
        return .scan(cursor: [UInt8(ascii: "0")], count: batch)
    }

    /// A record that stays.
    package mutating func kept(_ epoch: SharedEpoch) { oldest = min(oldest ?? epoch, epoch) }

    /// - Parameters:
    ///   - cursor: where the scan goes on; `0` when it has come around.
    ///   - needed: the oldest entry that some live node has applied last, and so has to find again.
    package mutating func scanned(cursor: [UInt8], needed: SharedEpoch, now: Moment) -> SweepAction {
        guard state == .scanning else { return .wait }
        // Well before the lock ends, which somebody else then takes.
        let elapsed = (now.monotonicNanoseconds - lockedNanoseconds) / 1_000_000
        guard elapsed < Int64(lockMilliseconds) * 9 / 10 else {
            state = .idle
            return .unlock
        }
        guard cursor == [UInt8(ascii: "0")] else { return .scan(cursor: cursor, count: batch) }
        state = .idle
        sweptTo = goal
        return .finish(
            trimBefore: min(goal, oldest ?? goal, needed), mark: RecordEpoch(generation: generation, epoch: goal))
    }

    /// The connection is gone, or an answer was none; the lock ends by itself.
    package mutating func failed() { state = .idle }
}
