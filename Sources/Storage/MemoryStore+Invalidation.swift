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
    /// The generation that the shard being swept had when its sweep began.
    var generation: UInt32 = 0
}

extension MemoryStore {
    /// What a fetch that begins now has to remember.
    package var currentEpoch: UInt64 { log.epoch }

    /// From its return on, nothing that the rules match and whose fetch began before is found or stored. Its
    /// cost does not grow with the number of entries.
    ///
    /// - Returns: the epoch of the invalidation.
    @discardableResult
    package func invalidate(_ rules: [InvalidationRule]) -> UInt64 {
        log.append { epoch in
            for rule in rules { apply(rule, epoch: epoch) }
        }
    }

    /// The same for one whole key alone; answers how many variants went.
    package func invalidate(key: borrowing Span<UInt8>, hash: UInt64) -> Int {
        var count = 0
        log.append { epoch in
            count = change(shard(hash)) { state, removed in
                state.invalidate(key: key, hash: hash, epoch: epoch, removed: &removed)
            }
        }
        return count
    }

    func apply(_ rule: InvalidationRule, epoch: UInt64) {
        guard case .key(let key, let hash) = rule.target else {
            for shard in shards { change(shard) { state, _ in state.invalidations.add(rule, epoch: epoch) } }
            sweepIsWanted.store(true, ordering: .releasing)
            return
        }
        change(shard(hash)) { state, removed in
            if rule.isSoft {
                state.invalidations.addKey(hash, epoch: epoch, isSoft: true)
                state.markSoftlyInvalidated(key: key.span, hash: hash)
            } else {
                // How many went is counted there.
                _ = state.invalidate(key: key.span, hash: hash, epoch: epoch, removed: &removed)
            }
        }
    }

    /// What later invalidations say of a fetch, still under way or complete, that began at `epoch`.
    package func verdict(
        key: Span<UInt8>, hash: UInt64, tags: Span<UInt64>, since epoch: UInt64
    ) -> InvalidationVerdict {
        shard(hash).state.withLock { state in
            state.invalidations.verdictOnFetch(
                InvalidationSubject(key: key, keyHash: hash, tags: tags, epoch: epoch))
        }
    }

    /// Lets up to `maximumEntries` entries meet the pending invalidations and frees those that are dead.
    ///
    /// - Returns: whether all shards have been passed through; the next call begins anew.
    package func sweep(maximumEntries: Int) -> Bool {
        sweepPosition.withLock { position in
            // What is written down from here on may come too late for the shards that are passed through first.
            if position.shard == 0, position.entry == 0 { sweepIsWanted.store(false, ordering: .relaxed) }
            var left = maximumEntries
            while left > 0 {
                let batch = min(left, Self.sweepBatch)
                if sweepOne(batch, at: &position) { return true }
                left -= batch
            }
            return false
        }
    }

    /// Invalidations have been issued since the last sweep began, by whomever, that entries are to meet.
    package var wantsSweep: Bool { sweepIsWanted.load(ordering: .acquiring) }

    private static let sweepBatch = 256

    private func sweepOne(_ batch: Int, at position: inout SweepPosition) -> Bool {
        var place = position
        change(shards[place.shard]) { state, removed in
            if place.entry == 0 { place.generation = state.invalidations.generation }
            if let next = state.sweep(from: place.entry, count: batch, removed: &removed) {
                place.entry = next
            } else {
                state.invalidations.trim(sweptTo: place.generation)
                place = SweepPosition(shard: place.shard + 1)
            }
        }
        position = place.shard < shards.count ? place : SweepPosition()
        return place.shard == shards.count
    }

    /// How many entries the rules would match; locks are held for small batches only.
    package func count(matching rules: [InvalidationRule]) -> Int {
        var total = 0
        for shard in shards {
            var start: Int? = 0
            while let from = start {
                let (matches, next) = shard.state.withLock {
                    $0.count(matching: rules, from: from, count: Self.sweepBatch)
                }
                total += matches
                start = next
            }
        }
        return total
    }
}
