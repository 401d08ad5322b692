// SPDX-License-Identifier: Apache-2.0

/// What this process knows of the shared log, by shared epochs: the judge of records from the second tier. Pure; a
/// lock guards it.
///
/// Everything here is bounded. What is forgotten raises the floor, and a record older than the floor cannot be
/// proved valid.
struct InvalidationHistory: Sendable {
    struct Limits: Sendable {
        var keys = 131_072
        var tags = 131_072
        /// Each record is compared with all that are newer.
        var patterns = 1024
        var steps = 4096
    }

    /// Of which log it is known. Records of others prove nothing: they may be older than anything in this one, whatever
    /// their IDs are.
    private(set) var generation = LogGeneration.none
    /// Everything up to here has been applied; nil while the log has not been read.
    private(set) var applied: SharedEpoch?
    /// Of older records it is not known what was invalidated since.
    private(set) var floor = SharedEpoch.zero

    private var keys: RecentEpochs
    private var tags: RecentEpochs
    /// Oldest first.
    /// Among `tags` are URLs that patterns without wildcards name.
    private var hasURLs = false
    private var patterns: ContiguousArray<(rule: InvalidationRule, epoch: SharedEpoch)> = []
    private var all = RecentEpochs.Epochs()
    /// Issued here, and not seen in the log yet: newer than every record.
    private var pending: ContiguousArray<(epoch: UInt64, rules: [InvalidationRule])> = []
    private let limits: Limits

    /// In the order of shared epochs; `local` is the newest epoch in which this or an earlier one was applied.
    private var steps: ContiguousArray<(shared: SharedEpoch, local: UInt64)> = []

    init(limits: Limits = Limits()) {
        self.limits = limits
        keys = RecentEpochs(limit: limits.keys)
        tags = RecentEpochs(limit: limits.tags)
    }

    var pendingCount: Int { pending.count }

    // MARK: Learning

    /// Everything read is forgotten: the log is read anew, from an entry that is the first of it.
    mutating func restart(_ generation: LogGeneration, floor: SharedEpoch) {
        let pending = self.pending
        self = InvalidationHistory(limits: limits)
        self.pending = pending
        self.generation = generation
        self.floor = floor
    }

    /// An entry that is older than anything in this process.
    mutating func load(_ entry: SharedInvalidation) {
        for rule in entry.rules { add(rule, entry.epoch) }
        if let own = entry.ownEpoch { seen(own, entry) }
    }

    /// The whole log has been loaded, up to `epoch`. Responses of this process's epochs before `local` do not count as
    /// fetched after any of it.
    mutating func follow(from epoch: SharedEpoch, local: UInt64) {
        applied = epoch
        steps = [(epoch, local)]
    }

    /// What was applied stands in a new log too. Responses of this process's epochs before `local` do not count as
    /// fetched in its time.
    mutating func adopt(_ generation: LogGeneration, local: UInt64) {
        self.generation = generation
        if let applied { steps = [(applied, local)] }
    }

    mutating func issued(_ rules: [InvalidationRule], local: UInt64) { pending.append((local, rules)) }

    /// A later one says the same.
    mutating func withdraw(_ local: UInt64) { pending.removeAll { $0.epoch == local } }

    /// One that invalidates everything will be written for all up to `local`.
    mutating func collapse(upTo local: UInt64) {
        pending.removeAll { $0.epoch <= local }
        pending.insert((local, [InvalidationRule(.all)]), at: 0)
    }

    /// The next entry of the log. Others' are about to be applied in `local`; own ones were, in `entry.ownEpoch`.
    mutating func append(_ entry: SharedInvalidation, local: UInt64) {
        guard let applied, entry.epoch > applied else { return }
        for rule in entry.rules { add(rule, entry.epoch) }
        if let own = entry.ownEpoch { seen(own, entry) }
        self.applied = entry.epoch
        let local = max(entry.ownEpoch ?? local, steps.last?.local ?? 0)
        if let last = steps.last, last.local == local {
            steps[steps.count - 1].shared = entry.epoch
            return
        }
        if steps.count >= limits.steps { steps.removeFirst(limits.steps / 2) }
        steps.append((entry.epoch, local))
    }

    /// An own one that invalidates everything also stands for those issued before it, which may never have been sent.
    private mutating func seen(_ own: UInt64, _ entry: SharedInvalidation) {
        let coversAll = entry.rules.contains { rule in
            if case .all = rule.target { return !rule.isSoft }
            return false
        }
        pending.removeAll { $0.epoch == own || (coversAll && $0.epoch < own) }
    }

    private mutating func add(_ rule: InvalidationRule, _ epoch: SharedEpoch) {
        switch rule.target {
        case .key(_, let hash): raiseFloor(to: keys.raise(hash, to: epoch, isSoft: rule.isSoft))
        case .tag(let hash): raiseFloor(to: tags.raise(hash, to: epoch, isSoft: rule.isSoft))
        case .all: all.raise(to: epoch, isSoft: rule.isSoft)
        case .pattern(let pattern):
            if let hash = pattern.literalHash {
                hasURLs = true
                return raiseFloor(to: tags.raise(hash, to: epoch, isSoft: rule.isSoft))
            }
            if patterns.count >= limits.patterns {
                let dropped = limits.patterns / 2
                raiseFloor(to: patterns[dropped - 1].epoch)
                patterns.removeFirst(dropped)
            }
            patterns.append((rule, epoch))
        }
    }

    private mutating func raiseFloor(to epoch: SharedEpoch) { floor = max(floor, epoch) }

    // MARK: Asking

    /// What a record says of a fetch that began in `local`; nil when that is not known any more.
    func recordEpoch(of local: UInt64) -> RecordEpoch? {
        guard applied != nil, let first = steps.first, first.local <= local else { return nil }
        var low = 0
        var high = steps.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if steps[middle].local <= local { low = middle } else { high = middle }
        }
        return RecordEpoch(generation: generation, epoch: steps[low].shared)
    }

    /// What is known against a record. Those newer than the log as it is known here are not trusted either.
    func verdict(on subject: borrowing InvalidationSubject, since record: RecordEpoch) -> InvalidationVerdict {
        guard let applied, record.generation == generation, record.epoch <= applied, record.epoch >= floor else {
            return .hard
        }
        return max(rulesVerdict(on: subject, since: record.epoch), pendingVerdict(on: subject))
    }

    private func rulesVerdict(
        on subject: borrowing InvalidationSubject, since epoch: SharedEpoch
    ) -> InvalidationVerdict {
        var verdict = max(all.verdict(since: epoch), keys.verdict(of: subject.keyHash, since: epoch))
        for index in 0..<subject.tags.count {
            verdict = max(verdict, tags.verdict(of: subject.tags[index], since: epoch))
        }
        if hasURLs {
            URLPattern.forEachHash(matching: subject.key) { verdict = max(verdict, tags.verdict(of: $0, since: epoch)) }
        }
        for pattern in patterns.reversed() {
            guard pattern.epoch > epoch, verdict < .hard else { break }
            if pattern.rule.matches(subject) { verdict = max(verdict, pattern.rule.isSoft ? .soft : .hard) }
        }
        return verdict
    }

    /// Whether an entry of the log that is known here kills a record, or the end of its log has; not whether it can be
    /// proved valid.
    func isInvalidated(_ subject: borrowing InvalidationSubject, since record: RecordEpoch) -> Bool {
        record.generation != generation || rulesVerdict(on: subject, since: record.epoch) == .hard
    }

    private func pendingVerdict(on subject: borrowing InvalidationSubject) -> InvalidationVerdict {
        var verdict = InvalidationVerdict.no
        for (_, rules) in pending {
            for rule in rules where rule.matches(subject) { verdict = max(verdict, rule.isSoft ? .soft : .hard) }
        }
        return verdict
    }
}
