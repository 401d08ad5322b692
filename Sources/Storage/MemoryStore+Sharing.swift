// SPDX-License-Identifier: Apache-2.0
package import Bytes
import Synchronization

/// What a store knows of the log that it shares with other nodes' stores.
final class SharedHistory: Sendable {
    let history: Mutex<InvalidationHistory>
    /// Until then other nodes wait for this one before they call an invalidation confirmed; on the monotonic clock.
    let confirmedUntilNanoseconds = Atomic<Int64>(.min)
    /// Records that were not used because it was not known any more whether a rule matches.
    let unproved = Atomic<Int>(0)

    init(memoryBytes: Int) { history = Mutex(InvalidationHistory(limits: .init(memoryBytes: memoryBytes))) }
}

extension MemoryStore {
    // MARK: The log

    /// As `invalidate`, for one that is about to be written to the shared log.
    ///
    /// - Returns: its epoch in this process, by which it is known again when it is read from the log (`ownEpoch`).
    package func issue(_ rules: [InvalidationRule]) -> UInt64 {
        write(rules) { epoch in shared.history.withLock { $0.issued(rules, local: epoch) } }
    }

    /// What was issued as `epoch` will not be written to the log: a later one says the same.
    package func withdrawShared(_ epoch: UInt64) { shared.history.withLock { $0.withdraw(epoch) } }

    /// What was issued up to `epoch` will be written to the log as one that invalidates everything.
    package func collapseShared(upTo epoch: UInt64) { shared.history.withLock { $0.collapse(upTo: epoch) } }

    /// The log is to be read from its first entry, and what was known of it is void. Nothing is relied on until
    /// `confirmShared` says so.
    ///
    /// - Parameter first: the oldest entry that is still there; of what was before it nothing is known.
    package func restartSharedLog(_ generation: LogGeneration, first: SharedEpoch) {
        shared.confirmedUntilNanoseconds.store(.min, ordering: .releasing)
        shared.history.withLock { $0.restart(generation, floor: first) }
    }

    /// Another log has begun that holds all that was applied here; what is in memory stays. Records are of the new log
    /// from the fetches on that begin now.
    package func adoptSharedLog(_ generation: LogGeneration) {
        log.append { local in shared.history.withLock { $0.adopt(generation, local: local) } }
    }

    /// Entries of the log, oldest first, that are to be known and concern nothing in memory.
    package func loadShared(_ entries: [SharedInvalidation]) {
        shared.history.withLock { history in for entry in entries { history.load(entry) } }
    }

    /// The whole log up to `epoch` is loaded. What is in memory cannot be related to it, and is dropped.
    package func followSharedLog(from epoch: SharedEpoch) {
        _ = write([InvalidationRule(.all)]) { local in
            shared.history.withLock { $0.follow(from: epoch, local: local) }
        }
    }

    /// The next entries of the log, oldest first, of which others' are applied. From the return on, nothing that they
    /// match and whose fetch began before is found or stored, nor taken from the second tier.
    package func applyShared(_ entries: [SharedInvalidation]) {
        let entries = entries.filter { entry in appliedSharedEpoch.map { entry.epoch > $0 } ?? false }
        let hasOthers = entries.contains { $0.ownEpoch == nil && !$0.rules.isEmpty }
        guard hasOthers else {
            return shared.history.withLock { history in for entry in entries { history.append(entry, local: 0) } }
        }
        // The log first: a record that it lets pass in the first epoch need not meet rules that stand there.
        _ = write(entries.filter { $0.ownEpoch == nil }.flatMap(\.rules)) { local in
            shared.history.withLock { history in for entry in entries { history.append(entry, local: local) } }
        }
    }

    /// nil while the log has not been read.
    package var appliedSharedEpoch: SharedEpoch? { shared.history.withLock { $0.applied } }

    /// How near the next rules of the log are to folding the oldest that are known, from 0 to 1.
    package var sharedRuleFill: Double { shared.history.withLock { $0.ruleFill } }

    /// How many invalidations issued here have not been seen in the log.
    package var pendingSharedCount: Int { shared.history.withLock { $0.pendingCount } }

    /// How many rules of the log could not be kept one by one, and how many records were not used for that, since the
    /// start.
    package var sharedLosses: (folded: Int, unproved: Int) {
        (shared.history.withLock { $0.foldedCount }, shared.unproved.load(ordering: .relaxed))
    }

    // MARK: Being in touch

    /// This node is known to the others, who wait for it, until then. What it has read of the log may be relied on for
    /// so long.
    package func confirmShared(untilMonotonicNanoseconds nanoseconds: Int64) {
        shared.confirmedUntilNanoseconds.store(nanoseconds, ordering: .releasing)
    }

    /// Whether others wait for this node before they call an invalidation confirmed. While not, records of the second
    /// tier prove nothing, and what is in memory may have been invalidated elsewhere.
    package func isConfirmed(_ now: Moment) -> Bool {
        now.monotonicNanoseconds < shared.confirmedUntilNanoseconds.load(ordering: .acquiring)
    }

    // MARK: The second tier

    /// For a record of a response that was fetched in `epoch` of this process: of how much of the shared log the fetch
    /// knew. nil when that cannot be told: then it is not written.
    package func recordEpoch(of epoch: UInt64) -> RecordEpoch? { shared.history.withLock { $0.recordEpoch(of: epoch) } }

    /// What is known against a record that was read after `now`. `.hard` also when nothing can be known: it is a miss.
    ///
    /// - Parameter epoch: the one in the record.
    package func judge(
        key: Span<UInt8>, hash: UInt64, tags: Span<UInt64>, since epoch: RecordEpoch, now: Moment
    ) -> SharedVerdict {
        let subject = InvalidationSubject(key: key, keyHash: hash, tags: tags, epoch: 0)
        let isConfirmed = isConfirmed(now)
        // Under one lock: what is written down after the verdict has a later epoch than the one answered.
        return shared.history.withLock { history in
            guard isConfirmed else { return SharedVerdict(verdict: .hard, epoch: log.epoch) }
            let finding = history.finding(on: subject, since: epoch)
            if !finding.isProved { shared.unproved.add(1, ordering: .relaxed) }
            return SharedVerdict(verdict: finding.verdict, epoch: log.epoch)
        }
    }

    /// Whether an entry of the log kills a record, so that nobody will ever use it.
    package func isInvalidated(
        key: Span<UInt8>, hash: UInt64, tags: Span<UInt64>, since epoch: RecordEpoch
    ) -> Bool {
        let subject = InvalidationSubject(key: key, keyHash: hash, tags: tags, epoch: 0)
        return shared.history.withLock { $0.isInvalidated(subject, since: epoch) }
    }
}
