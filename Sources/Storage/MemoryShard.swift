// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages

/// One shard's entries; the shard's lock guards all of it.
///
/// Entries of one primary key form a chain, newest first; the index leads to its head. Responses that leave
/// are put into `removed`, so that the caller frees them after the lock.
struct MemoryShard: ~Copyable {
    static let none = UInt32.max >> 2

    /// 16 bytes, so that none lies across two lines of the processor's cache.
    struct Entry {
        /// Its forms, which few have, are in `forms`.
        let content: StoredContent?
        /// The generation of invalidations it has met.
        var checkedGeneration: UInt32 = 0
        /// The number of the next variant, or of the next free entry, and two flags.
        private var nextAndFlags: UInt32 = MemoryShard.none

        init(_ content: StoredContent?, checkedGeneration: UInt32, next: UInt32) {
            self.content = content
            self.checkedGeneration = checkedGeneration
            nextAndFlags = next
        }

        var next: UInt32 {
            get { nextAndFlags & MemoryShard.none }
            set { nextAndFlags = nextAndFlags & ~MemoryShard.none | newValue }
        }

        var isSoftlyInvalidated: Bool { nextAndFlags & Self.softBit != 0 }
        var hasForms: Bool { nextAndFlags & Self.formsBit != 0 }

        mutating func markSoftlyInvalidated() { nextAndFlags |= Self.softBit }
        mutating func markAsHavingForms() { nextAndFlags |= Self.formsBit }

        private static let softBit: UInt32 = 1 << 31
        private static let formsBit: UInt32 = 1 << 30
    }

    var entries: ContiguousArray<Entry> = []
    /// By entry, up to the last that ever had some.
    private var forms: ContiguousArray<StoredForms?> = []
    private var firstFree = MemoryShard.none
    private var index = HashIndex()
    private var queue = EvictionQueue()
    var uncacheable = UncacheableMemory()
    /// The number of the newest rule that entries have to meet, or its lower half.
    var generation: UInt32 = 0
    private let rules: PendingRules
    var statistics = MemoryStatistics()

    init(rules: PendingRules) { self.rules = rules }

    /// All the memory the shard answers for.
    var accountedBytes: Int {
        queue.bytes + queue.allocatedBytes + index.allocatedBytes + uncacheable.allocatedBytes
            + entries.capacity * MemoryLayout<Entry>.stride + forms.capacity * MemoryLayout<StoredForms?>.stride
    }

    /// nil when the entry is free.
    private func occupant(_ number: UInt32) -> StoredResponse? {
        guard let content = entries[Int(number)].content else { return nil }
        return StoredResponse(content, forms: entries[Int(number)].hasForms ? forms[Int(number)] : nil)
    }

    // MARK: Looking up

    mutating func lookUp(
        key: borrowing Span<UInt8>, hash: UInt64, request: borrowing Fields, scratch: inout ByteBuffer,
        nowMonotonicMilliseconds now: Int64, removed: inout ContiguousArray<StoredResponse>
    ) -> LookupResult {
        let tag = HashIndex.tag(of: hash)
        var slot = index.firstSlot(for: tag)
        while let (number, at) = index.nextEntry(tagged: tag, from: slot) {
            if let response = occupant(number), StoredResponse.equal(response.key, key) {
                if response.varyRule.isEmpty, entries[Int(number)].checkedGeneration == generation {
                    queue.touch(number)
                    return .found(response, isSoftlyInvalidated: entries[Int(number)].isSoftlyInvalidated)
                }
                return lookUp(
                    chainFrom: number, hash: hash, request: request, scratch: &scratch,
                    nowMonotonicMilliseconds: now, removed: &removed)
            }
            slot = at + 1
        }
        return missing(hash, now)
    }

    private func missing(_ hash: UInt64, _ now: Int64) -> LookupResult {
        uncacheable.contains(hash, nowMonotonicMilliseconds: now) ? .uncacheable : .absent
    }

    /// The same where variants are to be told apart or invalidations to be met.
    @inline(never)
    private mutating func lookUp(
        chainFrom head: UInt32, hash: UInt64, request: borrowing Fields, scratch: inout ByteBuffer,
        nowMonotonicMilliseconds now: Int64, removed: inout ContiguousArray<StoredResponse>
    ) -> LookupResult {
        var hasVariants = false
        var number = head
        while number != Self.none {
            let next = entries[Int(number)].next
            if isValid(number, removed: &removed) {
                if matches(number, request, scratch: &scratch) { return found(number) }
                hasVariants = true
            }
            number = next
        }
        return hasVariants ? .variantMissing : missing(hash, now)
    }

    /// The newest response under a key, whatever it is worth.
    func newest(key: borrowing Span<UInt8>, hash: UInt64) -> StoredResponse? {
        let tag = HashIndex.tag(of: hash)
        var slot = index.firstSlot(for: tag)
        while let (number, at) = index.nextEntry(tagged: tag, from: slot) {
            if let response = occupant(number), StoredResponse.equal(response.key, key) {
                return response
            }
            slot = at + 1
        }
        return nil
    }

    private mutating func found(_ number: UInt32) -> LookupResult {
        queue.touch(number)
        guard let response = occupant(number) else { preconditionFailure("a chained entry is empty") }
        return .found(response, isSoftlyInvalidated: entries[Int(number)].isSoftlyInvalidated)
    }

    /// Whether the entry's variant is the request's.
    private func matches(_ number: UInt32, _ request: borrowing Fields, scratch: inout ByteBuffer) -> Bool {
        guard let response = occupant(number) else { return false }
        guard !response.varyRule.isEmpty else { return true }
        return Variance.matches(
            response.varyRule, request, storedKeys: response.secondaryKey, scratch: &scratch)
    }

    /// Lets the entry meet the invalidations it has not met; removes it and answers no when one kills it.
    private mutating func isValid(_ number: UInt32, removed: inout ContiguousArray<StoredResponse>) -> Bool {
        let checked = entries[Int(number)].checkedGeneration
        if checked == generation { return true }
        guard let response = occupant(number) else { return false }
        let finding = rules.finding(on: response.subject, checkedAt: checked)
        switch finding.verdict {
        case .no: break
        case .soft: entries[Int(number)].markSoftlyInvalidated()
        case .hard:
            remove(number, removed: &removed)
            statistics.invalidated += 1
            if !finding.isProved { statistics.unproved += 1 }
            return false
        }
        entries[Int(number)].checkedGeneration = generation
        return true
    }

    /// The first entry under exactly that primary key, and the slot that leads to it.
    private func chain(of key: borrowing Span<UInt8>, hash: UInt64) -> (head: UInt32, slot: Int)? {
        let tag = HashIndex.tag(of: hash)
        var slot = index.firstSlot(for: tag)
        while let (number, at) = index.nextEntry(tagged: tag, from: slot) {
            if let response = occupant(number), StoredResponse.equal(response.key, key) {
                return (number, at)
            }
            slot = at + 1
        }
        return nil
    }

    // MARK: Changing

    mutating func insert(
        _ response: StoredResponse, replaces: Bool = true, maximumVariants: Int,
        removed: inout ContiguousArray<StoredResponse>
    ) -> InsertOutcome {
        let finding = rules.findingOnFetch(response.subject)
        let verdict = finding.verdict
        let existing = chain(of: response.key, hash: response.keyHash)
        let twin = existing.flatMap { variant(like: response, from: $0.head) }
        if verdict == .hard || (verdict == .soft && twin != nil) {
            statistics.refusedInvalidated += 1
            if !finding.isProved { statistics.unproved += 1 }
            return .invalidated
        }
        if twin != nil, !replaces { return .notAdmitted }
        if let twin {
            remove(twin, removed: &removed)
            statistics.replacements += 1
        }
        link(response, isSoftlyInvalidated: verdict == .soft)
        limitVariants(of: response, to: maximumVariants, removed: &removed)
        statistics.inserts += 1
        return .stored
    }

    mutating func remove(_ response: StoredResponse, removed: inout ContiguousArray<StoredResponse>) {
        if let number = entry(of: response) { remove(number, removed: &removed) }
    }

    /// Removes all variants under the key and answers how many there were.
    mutating func removeAll(
        key: borrowing Span<UInt8>, hash: UInt64, removed: inout ContiguousArray<StoredResponse>
    ) -> Int {
        guard let chain = chain(of: key, hash: hash) else { return 0 }
        index.remove(at: chain.slot)
        var count = 0
        var number = chain.head
        while number != Self.none {
            let next = entries[Int(number)].next
            vacate(number, removed: &removed)
            number = next
            count += 1
        }
        return count
    }

    /// The same, for an invalidation that fetches under way were told of before.
    mutating func invalidate(
        key: borrowing Span<UInt8>, hash: UInt64, removed: inout ContiguousArray<StoredResponse>
    ) -> Int {
        let count = removeAll(key: key, hash: hash, removed: &removed)
        statistics.invalidated += count
        return count
    }

    mutating func markSoftlyInvalidated(key: borrowing Span<UInt8>, hash: UInt64) {
        guard var number = chain(of: key, hash: hash)?.head else { return }
        while number != Self.none {
            entries[Int(number)].markSoftlyInvalidated()
            number = entries[Int(number)].next
        }
    }

    /// Gives up one entry for its memory; no when there is none left.
    mutating func evictOne(removed: inout ContiguousArray<StoredResponse>) -> Bool {
        guard let number = queue.victim() else { return false }
        remove(number, isGivenUp: true, removed: &removed)
        statistics.evictedForMemory += 1
        return true
    }

    // MARK: Forms

    /// Changes the forms of an entry; nil when `response` is no longer it, or `change` answers nil.
    mutating func changeForms(
        of response: StoredResponse, _ change: (StoredForms?) -> StoredForms?
    ) -> StoredResponse? {
        guard let number = entry(of: response), let forms = change(occupant(number)?.forms) else {
            return nil
        }
        let changed = StoredResponse(response.content, forms: forms)
        keep(forms, of: number)
        queue.recharge(number, charge: changed.allocatedBytes)
        return changed
    }

    private mutating func keep(_ forms: StoredForms, of number: UInt32) {
        while self.forms.count <= Int(number) { self.forms.append(nil) }
        self.forms[Int(number)] = forms
        entries[Int(number)].markAsHavingForms()
    }

    /// The entry as it is now; nil when `response` is no longer it.
    func current(_ response: StoredResponse) -> StoredResponse? {
        entry(of: response).flatMap { occupant($0) }
    }

    private func entry(of response: StoredResponse) -> UInt32? {
        guard var number = chain(of: response.key, hash: response.keyHash)?.head else { return nil }
        while number != Self.none {
            if let other = occupant(number), other.isSame(as: response) { return number }
            number = entries[Int(number)].next
        }
        return nil
    }

    private func variant(like response: StoredResponse, from head: UInt32) -> UInt32? {
        var number = head
        while number != Self.none {
            if let other = occupant(number), other.isSameVariant(as: response) { return number }
            number = entries[Int(number)].next
        }
        return nil
    }

    private mutating func link(_ response: StoredResponse, isSoftlyInvalidated: Bool) {
        let chain = chain(of: response.key, hash: response.keyHash)
        var entry = Entry(
            response.content, checkedGeneration: generation, next: chain?.head ?? Self.none)
        if isSoftlyInvalidated { entry.markSoftlyInvalidated() }
        let number: UInt32
        if firstFree != Self.none {
            number = firstFree
            firstFree = entries[Int(number)].next
            entries[Int(number)] = entry
        } else {
            number = UInt32(entries.count)
            if entries.count == entries.capacity { entries.reserveCapacity(entries.count + entries.count / 8 + 16) }
            entries.append(entry)
        }
        if let chain {
            index.replace(at: chain.slot, with: number)
        } else {
            index.insert(number, tag: HashIndex.tag(of: response.keyHash))
        }
        if let forms = response.forms { keep(forms, of: number) }
        queue.insert(number, hash: response.keyHash, charge: response.allocatedBytes)
        statistics.entries += 1
    }

    private mutating func limitVariants(
        of response: StoredResponse, to maximumVariants: Int, removed: inout ContiguousArray<StoredResponse>
    ) {
        guard var number = chain(of: response.key, hash: response.keyHash)?.head else { return }
        for _ in 1..<maximumVariants {
            number = entries[Int(number)].next
            if number == Self.none { return }
        }
        while entries[Int(number)].next != Self.none {
            remove(entries[Int(number)].next, removed: &removed)
            statistics.evictedVariants += 1
        }
    }

    /// - Parameter isGivenUp: for its memory, as the queue had it.
    private mutating func remove(
        _ number: UInt32, isGivenUp: Bool = false, removed: inout ContiguousArray<StoredResponse>
    ) {
        guard let response = occupant(number), let chain = chain(of: response.key, hash: response.keyHash)
        else { preconditionFailure("an entry is not in the index") }
        let next = entries[Int(number)].next
        if chain.head == number {
            if next == Self.none { index.remove(at: chain.slot) } else { index.replace(at: chain.slot, with: next) }
        } else {
            var before = chain.head
            while entries[Int(before)].next != number { before = entries[Int(before)].next }
            entries[Int(before)].next = next
        }
        vacate(number, isGivenUp: isGivenUp, removed: &removed)
    }

    /// What nothing leads to any more.
    private mutating func vacate(
        _ number: UInt32, isGivenUp: Bool = false, removed: inout ContiguousArray<StoredResponse>
    ) {
        guard let response = occupant(number) else { preconditionFailure("a chained entry is empty") }
        if isGivenUp { queue.giveUp(number, hash: response.keyHash) } else { queue.remove(number) }
        if response.forms != nil { forms[Int(number)] = nil }
        entries[Int(number)] = Entry(nil, checkedGeneration: 0, next: firstFree)
        firstFree = number
        statistics.entries -= 1
        response.forms?.end()
        removed.append(response)
    }

    // MARK: What is used most

    /// Up to `limit` responses that were asked for more than others, of up to `count` entries.
    func mostUsed(limit: Int, among count: Int) -> [StoredResponse] {
        var found: [(uses: Int, response: StoredResponse)] = []
        for number in 0..<min(count, entries.count) {
            guard let response = occupant(UInt32(number)) else { continue }
            let uses = queue.recentUses(of: UInt32(number))
            if uses > 0 { found.append((uses, response)) }
        }
        found.sort { $0.uses > $1.uses }
        return found.prefix(limit).map(\.response)
    }

    // MARK: Sweeping

    /// Lets up to `count` entries from `start` on meet the rules up to `goal`; answers where to go on, nil at the end.
    mutating func sweep(
        from start: Int, count: Int, goal: UInt32, removed: inout ContiguousArray<StoredResponse>
    ) -> Int? {
        var end = min(start + count, entries.count)
        // Of long keys it takes fewer: others wait for the lock.
        var keyBytes = count * Self.sweptKeyBytes
        for number in start..<max(start, end) {
            guard let content = entries[number].content else { continue }
            // Those that were looked up meanwhile have met them.
            guard Int32(truncatingIfNeeded: entries[number].checkedGeneration &- goal) < 0 else { continue }
            keyBytes -= StoredResponse(content).key.count
            _ = isValid(UInt32(number), removed: &removed)  // removed or not, it has been dealt with
            if keyBytes < 0 {
                end = number + 1
                break
            }
        }
        statistics.swept += max(0, end - start)
        return end < entries.count ? end : nil
    }

    private static var sweptKeyBytes: Int { 128 }

    /// How many of up to `count` entries from `start` on some rule matches, and where to go on.
    /// - Parameter budget: of bytes compared with rules; when it is used up, the rest is not counted.
    func count(
        matching rules: [InvalidationRule], from start: Int, count: Int, budget: inout Int
    ) -> (matches: Int, next: Int?) {
        let end = min(start + count, entries.count)
        var matches = 0
        for number in start..<max(start, end) where budget >= 0 {
            guard let response = occupant(UInt32(number)) else { continue }
            budget -= response.key.count * rules.count
            let subject = response.subject
            for rule in rules where rule.matches(subject) {
                matches += 1
                break
            }
        }
        return (matches, end < entries.count ? end : nil)
    }
}
