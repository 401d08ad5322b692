// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The invalidations that entries in memory, and fetches under way, may still have to meet. Pure; a lock guards it.
///
/// Issuing one costs the same however many entries there are: it is only written down, under the next number. An entry
/// meets what is newer than what it has met when it is looked up, or when the sweeper passes; what every entry has met
/// is forgotten. What fetches have to meet is kept for longer, since nobody knows how long they take.
struct PendingInvalidations: Sendable {
    struct Limits: Sendable {
        var entries: RecentRules<UInt64>.Limits
        var fetches: RecentRules<UInt64>.Limits

        /// A small share of the memory. Entries are swept before their rules are too many (`MemoryStore.write`); of
        /// those that fetches meet there are the more, since nobody knows how long these take.
        init(memoryBytes: Int) {
            var size = 512
            while size < 65_536, size * 2 <= memoryBytes / 4096 { size *= 2 }
            entries = .init(
                rows: size * 3 / 4, globs: max(256, size / 8), globBytes: max(size * 64, 65_536), buckets: size / 2)
            fetches = .init(rows: size * 3 / 2, globs: size * 2, globBytes: max(size * 96, 262_144), buckets: size)
        }

        /// What the tables take at most, but for globs.
        var bytes: Int { entries.bytes + fetches.bytes }
    }

    /// The number of the newest rule that entries have to meet.
    private(set) var generation: UInt64 = 0

    /// By that number: what is newer than what an entry has met was issued after it was stored.
    private var forEntries: RecentRules<UInt64>
    /// By epoch.
    private var forFetches: RecentRules<UInt64>

    let limits: Limits

    init(limits: Limits = Limits(memoryBytes: 256 << 20)) {
        self.limits = limits
        forEntries = RecentRules(limits: limits.entries)
        forFetches = RecentRules(limits: limits.fetches)
    }

    /// Rules that some entry may not have met.
    var counts: RuleCounts { forEntries.counts }
    var foldedCount: Int { forEntries.foldedCount + forFetches.foldedCount }
    var foldedEntryCount: Int { forEntries.foldedCount }
    var allocatedBytes: Int { forEntries.allocatedBytes + forFetches.allocatedBytes }
    /// How near rules are to being folded for want of a sweep, from 0 to 1, and how many they may be then.
    var scarcity: (fill: Double, limit: Int) { forEntries.scarcity }

    // MARK: Writing down

    /// Whether it can be written down without that older ones are folded which some entry may not have met.
    func hasRoom(for rule: InvalidationRule) -> Bool {
        if case .key = rule.target { return true }
        return forEntries.hasRoom(for: rule)
    }

    /// One that entries meet later.
    mutating func add(_ rule: InvalidationRule, epoch: UInt64) {
        if case .key(_, let hash) = rule.target { return addKey(hash, epoch: epoch, isSoft: rule.isSoft) }
        generation += 1
        forEntries.add(rule, at: generation)
        forFetches.add(rule, at: epoch)
    }

    /// Stored entries are dealt with by the caller; this is for fetches under way.
    mutating func addKey(_ hash: UInt64, epoch: UInt64, isSoft: Bool) {
        forFetches.add(key: hash, at: epoch, isSoft: isSoft)
    }

    // MARK: Asking

    /// What became of an entry that has met everything up to the rule of which `checked` is the lower half.
    func finding(on subject: borrowing InvalidationSubject, checkedAt checked: UInt32) -> InvalidationFinding {
        let missed = UInt32(truncatingIfNeeded: generation) &- checked
        return forEntries.finding(on: subject, since: generation &- UInt64(missed))
    }

    /// What became of a response that is not stored yet.
    func findingOnFetch(_ subject: borrowing InvalidationSubject) -> InvalidationFinding {
        forFetches.finding(on: subject, since: subject.epoch)
    }

    // MARK: Forgetting

    /// Answers the number of the newest rule that the sweep which begins now lets all entries meet.
    mutating func beginSweep() -> UInt64 {
        forEntries.divide()
        return generation
    }

    mutating func endSweep(through goal: UInt64) { forEntries.forget(through: goal) }
}

/// The pending invalidations of one store, with the lock that guards them. Whoever holds the lock of a shard may take
/// this one too, never the other way around.
final class PendingRules: Sendable {
    let state: Mutex<PendingInvalidations>

    init(limits: PendingInvalidations.Limits = .init(memoryBytes: 256 << 20)) {
        state = Mutex(PendingInvalidations(limits: limits))
    }

    func finding(on subject: borrowing InvalidationSubject, checkedAt checked: UInt32) -> InvalidationFinding {
        state.withLock { $0.finding(on: subject, checkedAt: checked) }
    }

    func findingOnFetch(_ subject: borrowing InvalidationSubject) -> InvalidationFinding {
        state.withLock { $0.findingOnFetch(subject) }
    }
}
