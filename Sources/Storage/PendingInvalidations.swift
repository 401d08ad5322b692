// SPDX-License-Identifier: Apache-2.0

/// The invalidations that entries of one shard may still have to meet. Pure; the shard's lock guards it.
///
/// Issuing one costs the same however many entries there are: it is only written down, as the next
/// generation. An entry meets what is newer than the generation it was last checked at when it is looked up,
/// or when the sweeper passes. Everything here is bounded. What is dropped raises the floor, and a response
/// older than the floor that was not checked since cannot be proved valid and counts as invalidated.
struct PendingInvalidations {
    /// Counts the invalidations that are checked lazily; wraps, so compared by difference.
    private(set) var generation: UInt32 = 0

    private struct Pattern {
        var rule: InvalidationRule
        var epoch: UInt64
        var generation: UInt32
    }

    private struct Epochs {
        var hard: UInt64 = 0
        var soft: UInt64 = 0

        func verdict(since epoch: UInt64) -> InvalidationVerdict { hard > epoch ? .hard : soft > epoch ? .soft : .no }

        mutating func raise(to epoch: UInt64, isSoft: Bool) {
            if isSoft { soft = max(soft, epoch) } else { hard = max(hard, epoch) }
        }
    }

    /// Prefixes and globs, oldest first. A pattern that is one URL alone stands with the tags.
    private var patterns: ContiguousArray<Pattern> = []
    /// Tags, and URLs whose whole key is not known, in two halves; when the younger is full the older is dropped.
    private var youngTags: [UInt64: Epochs] = [:]
    private var oldTags: [UInt64: Epochs] = [:]
    private var hasURLs = false
    private var youngTagsNewest = Mark()
    private var oldTagsNewest = Mark()
    private var all = Epochs()
    /// By key hash, direct-mapped: a fetch begun before the slot's epoch is refused, even if it was another
    /// key's, which costs one more fetch and nothing else.
    private var keys: ContiguousArray<Epochs>

    private struct Mark {
        var epoch: UInt64 = 0
        var generation: UInt32 = 0
    }
    private var floor = Mark()

    private let maximumPatterns: Int
    private let maximumTags: Int

    /// - Parameters:
    ///   - keySlots: a power of two.
    ///   - maximumPatterns, maximumTags: how many are remembered before the oldest half is dropped.
    init(keySlots: Int = 1024, maximumPatterns: Int = 1024, maximumTags: Int = 4096) {
        precondition(keySlots > 0 && keySlots & (keySlots - 1) == 0)
        keys = ContiguousArray(repeating: Epochs(), count: keySlots)
        self.maximumPatterns = maximumPatterns
        self.maximumTags = maximumTags
    }

    var patternCount: Int { patterns.count }

    /// About what the tables occupy.
    var allocatedBytes: Int {
        (keys.count + (youngTags.capacity + oldTags.capacity) * 2) * MemoryLayout<Epochs>.stride
            + patterns.capacity * MemoryLayout<Pattern>.stride
    }

    // MARK: Writing down

    mutating func add(_ rule: InvalidationRule, epoch: UInt64) {
        switch rule.target {
        case .key(_, let hash): addKey(hash, epoch: epoch, isSoft: rule.isSoft)
        case .tag(let hash): add(hash, epoch: epoch, isSoft: rule.isSoft)
        case .pattern(let pattern):
            if let hash = pattern.literalHash {
                hasURLs = true
                return add(hash, epoch: epoch, isSoft: rule.isSoft)
            }
            generation &+= 1
            if patterns.count >= maximumPatterns { dropPatterns(patterns.count / 2) }
            patterns.append(Pattern(rule: rule, epoch: epoch, generation: generation))
        case .all:
            generation &+= 1
            all.raise(to: epoch, isSoft: rule.isSoft)
        }
    }

    /// Stored entries are removed by the caller; this is for fetches under way.
    mutating func addKey(_ hash: UInt64, epoch: UInt64, isSoft: Bool) {
        keys[keySlot(hash)].raise(to: epoch, isSoft: isSoft)
    }

    private mutating func add(_ hash: UInt64, epoch: UInt64, isSoft: Bool) {
        generation &+= 1
        if youngTags.count >= maximumTags / 2 { dropOldTags() }
        youngTags[hash, default: Epochs()].raise(to: epoch, isSoft: isSoft)
        youngTagsNewest = Mark(epoch: epoch, generation: generation)
    }

    // MARK: Asking

    /// What became of a stored response that was last checked at `generation`.
    func verdict(on subject: borrowing InvalidationSubject, checkedAt checked: UInt32) -> InvalidationVerdict {
        if subject.epoch < floor.epoch && Self.isOlder(checked, than: floor.generation) { return .hard }
        var verdict = all.verdict(since: subject.epoch)
        for pattern in patterns.reversed() {
            guard Self.isOlder(checked, than: pattern.generation), verdict < .hard else { break }
            guard pattern.epoch > subject.epoch, pattern.rule.matches(subject) else { continue }
            verdict = max(verdict, pattern.rule.isSoft ? .soft : .hard)
        }
        return max(verdict, tagVerdict(on: subject))
    }

    /// What became of a response that is not stored yet.
    func verdictOnFetch(_ subject: borrowing InvalidationSubject) -> InvalidationVerdict {
        if subject.epoch < floor.epoch { return .hard }
        let byKey = keys[keySlot(subject.keyHash)].verdict(since: subject.epoch)
        var verdict = max(byKey, all.verdict(since: subject.epoch))
        for pattern in patterns.reversed() {
            guard pattern.epoch > subject.epoch, verdict < .hard else { break }
            if pattern.rule.matches(subject) { verdict = max(verdict, pattern.rule.isSoft ? .soft : .hard) }
        }
        return max(verdict, tagVerdict(on: subject))
    }

    private func tagVerdict(on subject: borrowing InvalidationSubject) -> InvalidationVerdict {
        guard !youngTags.isEmpty || !oldTags.isEmpty else { return .no }
        var verdict = InvalidationVerdict.no
        for index in 0..<subject.tags.count {
            verdict = max(verdict, tagVerdict(subject.tags[index], since: subject.epoch))
        }
        if hasURLs {
            let epoch = subject.epoch
            URLPattern.forEachHash(matching: subject.key) { verdict = max(verdict, tagVerdict($0, since: epoch)) }
        }
        return verdict
    }

    private func tagVerdict(_ hash: UInt64, since epoch: UInt64) -> InvalidationVerdict {
        max(youngTags[hash]?.verdict(since: epoch) ?? .no, oldTags[hash]?.verdict(since: epoch) ?? .no)
    }

    // MARK: Forgetting

    /// Every entry has met `generation`: what is not newer is needed for fetches under way only, of which the
    /// newest few are kept.
    mutating func trim(sweptTo generation: UInt32, keeping kept: Int = 64) {
        var swept = 0
        while swept < patterns.count, !Self.isOlder(generation, than: patterns[swept].generation) { swept += 1 }
        if swept > kept { dropPatterns(swept - kept) }
    }

    private mutating func dropPatterns(_ count: Int) {
        let newest = patterns[count - 1]
        raiseFloor(to: Mark(epoch: newest.epoch, generation: newest.generation))
        patterns.removeFirst(count)
    }

    private mutating func dropOldTags() {
        if !oldTags.isEmpty { raiseFloor(to: oldTagsNewest) }
        oldTags = youngTags
        oldTagsNewest = youngTagsNewest
        youngTags = [:]
    }

    private mutating func raiseFloor(to mark: Mark) {
        guard mark.epoch > floor.epoch else { return }
        floor = mark
    }

    private func keySlot(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 32) & (keys.count - 1) }

    private static func isOlder(_ one: UInt32, than other: UInt32) -> Bool {
        Int32(truncatingIfNeeded: one &- other) < 0
    }
}
