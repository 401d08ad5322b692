// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages
import Synchronization

/// The responses kept in this process, shared by all event loops.
///
/// The hash chooses one of several shards, each behind its own lock; sections under a lock are short and do
/// no I/O. The limit is one for all shards: the total is one number, and when it is too high the shard that
/// grew gives up entries if it holds more than its share, else the fullest one does.
package final class MemoryStore: Sendable {
    final class Shard: Sendable {
        let state: Mutex<MemoryShard>
        /// What the store has accounted for this shard.
        let bytes = Atomic<Int>(0)

        init(rules: PendingRules) { state = Mutex(MemoryShard(rules: rules)) }
    }

    let shards: [Shard]
    private let total = Atomic<Int>(0)
    /// Of the total, what bodies hold that are under way; see `BodyReservation`.
    let reservedForAnswers = Atomic<Int>(0)
    let reservedInBackground = Atomic<Int>(0)
    private let limit: Atomic<Int>
    private let refusedTooLarge = Atomic<Int>(0)
    private let maximumEntryBytes: Atomic<Int>
    let pressure: MemoryPressure
    let log = InvalidationLog()
    let rules: PendingRules
    /// Of the total, what is kept for rules.
    private let ruleBytes = Atomic<Int>(0)
    let shared: SharedHistory
    let sweepPosition = Mutex(SweepPosition())
    let sweepIsWanted = Atomic<Bool>(false)
    /// Rules for which nobody has swept a share yet.
    let sweepDebt = Atomic<Int>(0)
    let ruleWaits = Atomic<Int>(0)

    /// - Parameters:
    ///   - limitBytes: for everything the store holds, its tables included.
    ///   - shardCount: a power of two.
    ///   - maximumEntryBytes: a larger response is refused; never more than a quarter of the limit.
    ///   - residentCeilingBytes: while the process is larger nothing is stored; see `MemoryGovernor`.
    package init(
        limitBytes: Int, shardCount: Int = 16, maximumEntryBytes: Int = .max, residentCeilingBytes: Int = .max
    ) {
        precondition(shardCount > 0 && shardCount & (shardCount - 1) == 0)
        let ruleLimits = PendingInvalidations.Limits(memoryBytes: limitBytes)
        let rules = PendingRules(limits: ruleLimits)
        self.rules = rules
        shared = SharedHistory(memoryBytes: limitBytes)
        shards = (0..<shardCount).map { _ in Shard(rules: rules) }
        limit = Atomic(limitBytes)
        self.maximumEntryBytes = Atomic(maximumEntryBytes)
        pressure = MemoryPressure(ceilingBytes: residentCeilingBytes, checkEveryBytes: max(limitBytes / 64, 1 << 20))
        for shard in shards { change(shard) { _, _ in } }
        // From the start, and as much as it may become: that many rules come costs no entry its place.
        account(for: ruleLimits.bytes)
        ruleBytes.store(ruleLimits.bytes, ordering: .relaxed)
    }

    // MARK: The request path

    /// The stored response for a request.
    ///
    /// - Parameters:
    ///   - key: the whole primary key; `hash` is its hash.
    ///   - request: the request's fields, for variants.
    ///   - scratch: used for secondary keys.
    package func lookUp(
        key: borrowing Span<UInt8>, hash: UInt64, request: borrowing Fields, scratch: inout ByteBuffer, now: Moment
    ) -> LookupResult {
        var removed = ContiguousArray<StoredResponse>()
        let result = shard(hash).state.withLock { state in
            state.lookUp(
                key: key, hash: hash, request: request, scratch: &scratch,
                nowMonotonicMilliseconds: now.monotonicMilliseconds, removed: &removed)
        }
        if !removed.isEmpty { change(shard(hash)) { _, _ in } }
        return result
    }

    /// The newest response under a key, which tells how they vary, whether or not it may be served.
    package func newest(key: borrowing Span<UInt8>, hash: UInt64) -> StoredResponse? {
        shard(hash).state.withLock { $0.newest(key: key, hash: hash) }
    }

    /// Stores a response in the place of the same variant, if there is one, and makes room for it.
    ///
    /// - Parameters:
    ///   - replaces: else what is there stays, and the new one is not admitted.
    ///   - maximumVariants: of its primary key, from 1; beyond it the oldest go.
    package func insert(
        _ response: StoredResponse, replaces: Bool = true, maximumVariants: Int = MemoryStore.usualVariants
    ) -> InsertOutcome {
        let size = response.allocatedBytes
        guard size <= largestEntryBytes else {
            refusedTooLarge.add(1, ordering: .relaxed)
            return .tooLarge
        }
        guard pressure.admits(size) else { return .notAdmitted }
        let shard = shard(response.keyHash)
        let outcome = change(shard) { state, removed in
            state.insert(response, replaces: replaces, maximumVariants: maximumVariants, removed: &removed)
        }
        guard outcome == .stored else { return outcome }
        return makeRoom(preferring: shard, for: response) ? .stored : .notAdmitted
    }

    package static let usualVariants = 32

    /// No response that takes more is stored.
    package var largestEntryBytes: Int {
        min(maximumEntryBytes.load(ordering: .relaxed), limit.load(ordering: .relaxed) / 4)
    }
    /// Whether there is room for so much more with an entry.
    func admitsForm(_ size: Int) -> Bool {
        size <= largestEntryBytes && pressure.admits(size)
    }

    /// Removes every variant under a primary key; answers how many there were.
    package func remove(key: borrowing Span<UInt8>, hash: UInt64) -> Int {
        change(shard(hash)) { state, removed in state.removeAll(key: key, hash: hash, removed: &removed) }
    }

    /// Removes just this entry, if it is still there.
    package func remove(_ response: StoredResponse) {
        change(shard(response.keyHash)) { state, removed in state.remove(response, removed: &removed) }
    }

    /// Requests for this key shall not wait for one another until then.
    package func rememberUncacheable(hash: UInt64, untilMonotonicMilliseconds: Int64) {
        shard(hash).state.withLock {
            $0.uncacheable.remember(hash, untilMonotonicMilliseconds: untilMonotonicMilliseconds)
        }
    }

    package func forgetUncacheable(hash: UInt64) {
        shard(hash).state.withLock { $0.uncacheable.forget(hash) }
    }

    // MARK: What is used most

    package var shardCount: Int { shards.count }

    /// Up to `limit` responses of one shard that were asked for more than others. Looks at a bounded number.
    package func mostUsed(inShard shard: Int, limit: Int) -> [StoredResponse] {
        shards[shard].state.withLock { $0.mostUsed(limit: limit, among: Self.mostUsedSample) }
    }

    private static let mostUsedSample = 16_384

    // MARK: Memory

    package var limitBytes: Int { limit.load(ordering: .relaxed) }

    /// All memory accounted for.
    package var accountedBytes: Int { total.load(ordering: .relaxed) }

    /// What is stored already stays.
    package func setMaximumEntry(bytes: Int) { maximumEntryBytes.store(bytes, ordering: .relaxed) }

    /// Sets the limit and gives up what is beyond it, in small steps. Storing goes on if that brought the
    /// process below its ceiling.
    package func setLimit(bytes: Int) {
        limit.store(bytes, ordering: .relaxed)
        let ruleBytes = min(rules.state.withLock { $0.limits.bytes }, bytes / 32)
        account(for: ruleBytes - self.ruleBytes.exchange(ruleBytes, ordering: .relaxed))
        _ = makeRoom(preferring: shards[0], for: nil)  // nobody waits to be admitted
        pressure.check()
    }

    package var statistics: MemoryStatistics {
        var sum = MemoryStatistics()
        for shard in shards { sum.add(shard.state.withLock { $0.statistics }) }
        sum.bytes = accountedBytes
        sum.limitBytes = limitBytes
        sum.refusedTooLarge = refusedTooLarge.load(ordering: .relaxed)
        return sum
    }

    func account(for bytes: Int) { total.add(bytes, ordering: .relaxed) }

    /// Evicts until the total is within the limit; answers whether it is.
    func makeRoom() -> Bool {
        guard accountedBytes > limitBytes else { return true }
        _ = makeRoom(preferring: fullestShard, for: nil)  // nothing waits to be admitted
        return accountedBytes <= limitBytes
    }

    /// Evicts until the total is within the limit; answers whether `response` was left alone.
    func makeRoom(preferring own: Shard, for response: StoredResponse?) -> Bool {
        var isKept = true
        while total.load(ordering: .relaxed) > limit.load(ordering: .relaxed) {
            let ownShare = own.bytes.load(ordering: .relaxed) * shards.count
            let shard = ownShare >= total.load(ordering: .relaxed) ? own : fullestShard
            let excess = total.load(ordering: .relaxed) - limit.load(ordering: .relaxed)
            let evicted = change(shard) { state, removed in
                let goal = state.accountedBytes - excess
                var steps = 0
                while state.accountedBytes > goal, steps < Self.maximumEvictionsPerStep,
                    state.evictOne(removed: &removed)
                { steps += 1 }
                if let response { isKept = isKept && !removed.contains { $0.memory === response.memory } }
                return steps
            }
            // Tables alone may exceed a tiny limit; nothing more can be given up then.
            if evicted == 0 { break }
        }
        return isKept
    }

    private static let maximumEvictionsPerStep = 64

    private var fullestShard: Shard {
        var fullest = shards[0]
        for shard in shards where shard.bytes.load(ordering: .relaxed) > fullest.bytes.load(ordering: .relaxed) {
            fullest = shard
        }
        return fullest
    }

    func shard(_ hash: UInt64) -> Shard { shards[Int(truncatingIfNeeded: hash) & (shards.count - 1)] }

    /// Runs `body` under the shard's lock, accounts for what it changed, and frees what it removed afterwards.
    @discardableResult
    func change<Result>(
        _ shard: Shard, _ body: (inout MemoryShard, inout ContiguousArray<StoredResponse>) -> Result
    ) -> Result {
        var removed = ContiguousArray<StoredResponse>()
        return shard.state.withLock { state in
            let result = body(&state, &removed)
            let bytes = state.accountedBytes
            let before = shard.bytes.exchange(bytes, ordering: .relaxed)
            total.add(bytes - before, ordering: .relaxed)
            return result
        }
    }
}
