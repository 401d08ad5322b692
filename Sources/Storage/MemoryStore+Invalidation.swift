// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Numbers the invalidations: an epoch each. A response remembers the newest epoch when its fetch began, and
/// only later ones concern it.
final class InvalidationLog: Sendable {
    private let newest = Atomic<UInt64>(0)
    private let writing = Mutex(())

    var epoch: UInt64 { newest.load(ordering: .acquiring) }

    /// Writes the next epoch down everywhere by `apply`, and only then lets fetches begin in it: one that
    /// begins meanwhile still counts as before.
    @discardableResult
    func append(_ apply: (UInt64) -> Void) -> UInt64 {
        writing.withLock { _ in
            let epoch = newest.load(ordering: .relaxed) + 1
            apply(epoch)
            newest.store(epoch, ordering: .releasing)
            return epoch
        }
    }
}

/// Where the sweeper is.
struct SweepPosition {
    var shard = 0
    var entry = 0
    /// The newest rule when the sweep began: at its end every entry has met it.
    var goal: UInt64 = 0
}

extension MemoryStore {
    /// What a fetch that begins now has to remember.
    package var currentEpoch: UInt64 { log.epoch }

    /// From its return on, nothing that the rules match and whose fetch began before is found or stored. Its
    /// cost does not grow with the number of entries, unless rules come faster than entries can meet them: then it
    /// takes until there is room for them.
    ///
    /// - Returns: the epoch of the invalidation.
    @discardableResult
    package func invalidate(_ rules: [InvalidationRule]) -> UInt64 { write(rules) { _ in } }

    /// Writes rules down, at once as far as there is room for them. The others follow in later epochs, each as soon as
    /// entries have met so many that it has room.
    ///
    /// - Parameter beginning: called with the first epoch, before it begins.
    /// - Returns: the first epoch.
    func write(_ rules: [InvalidationRule], beginning: (UInt64) -> Void) -> UInt64 {
        var done = 0
        let first = log.append { epoch in
            beginning(epoch)
            done = apply(rules[...], epoch: epoch)
        }
        keepUp(with: done)
        while done < rules.count {
            makeRoomForRule(rules[done])
            var count = 0
            log.append { epoch in count = apply(rules[done...], epoch: epoch) }
            done += count
            keepUp(with: count)
        }
        return first
    }

    /// Who invalidates waits; entries never lose rules that they have not met.
    private func makeRoomForRule(_ rule: InvalidationRule) {
        ruleWaits.add(1, ordering: .relaxed)
        while !rules.state.withLock({ $0.hasRoom(for: rule) }) {
            // Others may be waiting for the same: each does a part.
            sweepPosition.withLock { _ = sweep(Self.sweepBatch, batch: 16, at: &$0) }
        }
    }

    /// The same for one whole key alone, which entries of other keys never hear of; answers how many variants went.
    package func invalidate(key: borrowing Span<UInt8>, hash: UInt64) -> Int {
        var count = 0
        log.append { epoch in
            rules.state.withLock { $0.addKey(hash, epoch: epoch, isSoft: false) }
            count = change(shard(hash)) { state, removed in
                state.invalidate(key: key, hash: hash, removed: &removed)
            }
        }
        return count
    }

    /// Answers how many there was room for.
    private func apply(_ rules: ArraySlice<InvalidationRule>, epoch: UInt64) -> Int {
        let (before, after, count) = self.rules.state.withLock { pending in
            let before = pending.generation
            var count = 0
            for rule in rules {
                guard pending.hasRoom(for: rule) else { break }
                pending.add(rule, epoch: epoch)
                count += 1
            }
            return (before, pending.generation, count)
        }
        for rule in rules.prefix(count) {
            if case .key(let key, let hash) = rule.target { apply(key: key, hash: hash, isSoft: rule.isSoft) }
        }
        guard after != before else { return count }
        let generation = UInt32(truncatingIfNeeded: after)
        for shard in shards { shard.state.withLock { $0.generation = generation } }
        sweepIsWanted.store(true, ordering: .releasing)
        return count
    }

    private func apply(key: [UInt8], hash: UInt64, isSoft: Bool) {
        change(shard(hash)) { state, removed in
            if isSoft {
                state.markSoftlyInvalidated(key: key.span, hash: hash)
            } else {
                // How many went is counted there.
                _ = state.invalidate(key: key.span, hash: hash, removed: &removed)
            }
        }
    }

    /// What later invalidations say of a fetch, still under way or complete, that began at `epoch`.
    package func verdict(
        key: Span<UInt8>, hash: UInt64, tags: Span<UInt64>, since epoch: UInt64
    ) -> InvalidationVerdict {
        let subject = InvalidationSubject(key: key, keyHash: hash, tags: tags, epoch: epoch)
        return rules.findingOnFetch(subject).verdict
    }

    /// Lets up to `maximumEntries` entries meet the pending invalidations and frees those that are dead.
    ///
    /// - Returns: whether all shards have been passed through; the next call begins anew.
    package func sweep(maximumEntries: Int) -> Bool {
        sweepPosition.withLock { sweep(maximumEntries, batch: Self.sweepBatch, at: &$0) }
    }

    private func sweep(_ maximumEntries: Int, batch: Int, at position: inout SweepPosition) -> Bool {
        if position.shard == 0, position.entry == 0 {
            // What is written down from here on may come too late for the shards that are passed through first.
            sweepIsWanted.store(false, ordering: .relaxed)
            position.goal = rules.state.withLock { $0.beginSweep() }
        }
        var left = maximumEntries
        while left > 0 {
            let count = min(left, batch)
            if sweepOne(count, at: &position) { return true }
            left -= count
        }
        return false
    }

    /// Invalidations have been issued since the last sweep began, by whomever, that entries are to meet.
    package var wantsSweep: Bool { sweepIsWanted.load(ordering: .acquiring) }

    /// From 0 to 1: how near rules are to being folded for want of a sweep.
    package var pendingRuleFill: Double { rules.state.withLock { $0.scarcity.fill } }

    /// How often whoever invalidated had to wait until entries had met earlier rules.
    package var ruleWaitCount: Int { ruleWaits.load(ordering: .relaxed) }

    /// Rules that some entry may not have met, and how many could not be kept one by one since the start.
    package var pendingRules: (counts: RuleCounts, folded: Int) {
        rules.state.withLock { ($0.counts, $0.foldedCount) }
    }

    /// Of those, how many entries had not met; for them there is always room in time (`write`).
    package var foldedEntryRules: Int { rules.state.withLock { $0.foldedEntryCount } }

    private static let sweepBatch = 256

    /// Whoever issues rules faster than the sweeper comes around sweeps a share himself, so large that it comes around
    /// before they are too many, whatever the rate and however many entries there are.
    private func keepUp(with count: Int) {
        let (fill, limit) = rules.state.withLock { $0.scarcity }
        guard fill > 0.5 else { return }
        let share = max(64, 4 * entryCount / limit)
        sweepDebt.add(count, ordering: .relaxed)
        // Where somebody sweeps just now, the next who comes does it.
        _ = sweepPosition.withLockIfAvailable { position in
            for _ in 0..<sweepDebt.exchange(0, ordering: .relaxed) where sweep(share, batch: 16, at: &position) {
                break
            }
        }
    }

    private var entryCount: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.entries.count } } }

    private func sweepOne(_ batch: Int, at position: inout SweepPosition) -> Bool {
        var place = position
        change(shards[place.shard]) { state, removed in
            let goal = UInt32(truncatingIfNeeded: place.goal)
            if let next = state.sweep(from: place.entry, count: batch, goal: goal, removed: &removed) {
                place.entry = next
            } else {
                place.shard += 1
                place.entry = 0
            }
        }
        let isDone = place.shard == shards.count
        if isDone { rules.state.withLock { $0.endSweep(through: place.goal) } }
        position = isDone ? SweepPosition() : place
        return isDone
    }

    /// How many entries the rules would match; locks are held for small batches only.
    /// - Parameter budgetBytes: of keys that are compared, for each rule anew.
    /// - Returns: nil when that does not suffice.
    package func count(matching rules: [InvalidationRule], budgetBytes: Int = .max) -> Int? {
        var total = 0
        var budget = budgetBytes
        for shard in shards {
            var start: Int? = 0
            while let from = start {
                let (matches, next) = shard.state.withLock {
                    $0.count(matching: rules, from: from, count: Self.sweepBatch, budget: &budget)
                }
                guard budget >= 0 else { return nil }
                total += matches
                start = next
            }
        }
        return total
    }
}
