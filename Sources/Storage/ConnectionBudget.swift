// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The part of `memory` for what peers make the process hold: begun heads, collected bodies, output that nobody takes
/// (promise 7). Stored answers never pay for it: past it newcomers are refused, and the slowest holders are cut off.
///
/// Shared by all loops, each of which counts for itself in a `HeldBytes` and tells of it in steps.
package final class ConnectionBudget: Sendable {
    private let limit: Atomic<Int>
    private let held = Atomic<Int>(0)
    private let cuts = Atomic<Int>(0)

    package init(limitBytes: Int) { limit = Atomic(limitBytes) }

    package var limitBytes: Int { limit.load(ordering: .relaxed) }
    /// What all loops hold, but for the last step of each.
    package var heldBytes: Int { held.load(ordering: .relaxed) }
    /// Holders that had to make room.
    package var cutCount: Int { cuts.load(ordering: .relaxed) }

    package func setLimit(bytes: Int) { limit.store(bytes, ordering: .relaxed) }

    package func countCut() { cuts.add(1, ordering: .relaxed) }

    fileprivate func add(_ bytes: Int) { held.add(bytes, ordering: .relaxed) }
}

/// What one loop holds for its peers. Counted when a buffer outlives a turn, not when it is read into.
package struct HeldBytes: ~Copyable {
    package enum Claim: Sendable {
        /// Somebody who holds nothing yet; the last quarter is left to those who do, so that they come to an end.
        case newcomer
        /// One who goes on.
        case growth
    }

    package let budget: ConnectionBudget
    /// Of this loop.
    package private(set) var bytes = 0
    private var untold = 0

    package init(_ budget: ConnectionBudget) { self.budget = budget }

    /// Whether there is room for so many more.
    package func admits(_ more: Int, by claim: Claim) -> Bool {
        let limit = budget.limitBytes
        let allowed = claim == .newcomer ? limit - limit / 4 : limit
        return budget.heldBytes + untold + more <= allowed
    }

    /// Counts the bytes if there is room for them.
    package mutating func reserve(_ more: Int, by claim: Claim) -> Bool {
        guard admits(more, by: claim) else { return false }
        hold(more)
        return true
    }

    /// Counts what is held already, room or not; `isOverdrawn` tells.
    package mutating func hold(_ more: Int) {
        bytes += more
        untold += more
        if untold.magnitude >= Self.toldInSteps { tell() }
    }

    package mutating func release(_ less: Int) { hold(-less) }

    /// Who takes more should take little.
    package var isTight: Bool { budget.heldBytes + untold > budget.limitBytes / 2 }

    /// Somebody has to give something up.
    package var isOverdrawn: Bool { budget.heldBytes + untold > budget.limitBytes }

    private mutating func tell() {
        budget.add(untold)
        untold = 0
    }

    private static let toldInSteps: UInt = 32 << 10
}
