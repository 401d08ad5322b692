// SPDX-License-Identifier: Apache-2.0

/// What this process knows of the shared log, by shared epochs: the judge of records from the second tier. Pure; a
/// lock guards it.
///
/// Everything here is bounded. The oldest rules are folded (`RecentRules`), so that a share of the records that are older
/// cannot be proved valid; none can that is older than the log reaches back.
struct InvalidationHistory: Sendable {
    struct Limits: Sendable {
        var rules: RecentRules<SharedEpoch>.Limits
        var steps: Int

        init(rules: RecentRules<SharedEpoch>.Limits = .init(rows: 196_608, buckets: 65_536), steps: Int = 4096) {
            self.rules = rules
            self.steps = steps
        }

        init(memoryBytes: Int) {
            self.init()
            rules.globs = 65_536
            rules.globBytes = min(max(memoryBytes / 64, 1 << 20), 8 << 20)
        }
    }

    /// Of which log it is known. Records of others prove nothing: they may be older than anything in this one, whatever
    /// their IDs are.
    private(set) var generation = LogGeneration.none
    /// Everything up to here has been applied; nil while the log has not been read.
    private(set) var applied: SharedEpoch?
    /// Of older records it is not known what was invalidated since.
    private(set) var floor = SharedEpoch.zero

    private var rules: RecentRules<SharedEpoch>
    /// Of those that earlier logs have folded.
    private var foldedBefore = 0
    /// Issued here, and not seen in the log yet: newer than every record. In the order of epochs.
    private var pending: ContiguousArray<(epoch: UInt64, rules: [InvalidationRule])> = []
    /// The same by what they name, and some that have been seen since; empty when nothing is pending.
    private var pendingRules: RecentRules<UInt64>
    private let limits: Limits

    /// In the order of shared epochs; `local` is the newest epoch in which this or an earlier one was applied.
    private var steps: ContiguousArray<(shared: SharedEpoch, local: UInt64)> = []

    init(limits: Limits = Limits()) {
        self.limits = limits
        rules = RecentRules(limits: limits.rules)
        pendingRules = Self.noPendingRules
    }

    private static var noPendingRules: RecentRules<UInt64> {
        RecentRules(limits: .init(rows: 49_152, buckets: 16_384))
    }

    var pendingCount: Int { pending.count }
    /// How near the next rules are to folding the oldest, from 0 to 1.
    var ruleFill: Double { rules.scarcity.fill }
    /// Rules that could not be kept one by one, since the start.
    var foldedCount: Int { foldedBefore + rules.foldedCount }

    // MARK: Learning

    /// Everything read is forgotten: the log is read anew, from an entry that is the first of it.
    mutating func restart(_ generation: LogGeneration, floor: SharedEpoch) {
        let (pending, pendingRules, folded) = (self.pending, self.pendingRules, foldedCount)
        self = InvalidationHistory(limits: limits)
        self.pending = pending
        self.pendingRules = pendingRules
        foldedBefore = folded
        self.generation = generation
        self.floor = floor
    }

    /// An entry that is older than anything in this process.
    mutating func load(_ entry: SharedInvalidation) {
        for rule in entry.rules { rules.add(rule, at: entry.epoch) }
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

    mutating func issued(_ rules: [InvalidationRule], local: UInt64) {
        pending.append((local, rules))
        for rule in rules { pendingRules.add(rule, at: local) }
    }

    /// A later one says the same.
    mutating func withdraw(_ local: UInt64) { removePending(local) }

    private mutating func removePending(_ local: UInt64) {
        var low = 0
        var high = pending.count
        while low < high {
            let middle = (low + high) / 2
            if pending[middle].epoch < local { low = middle + 1 } else { high = middle }
        }
        guard low < pending.count, pending[low].epoch == local else { return }
        pending.remove(at: low)
        if pending.isEmpty { pendingRules = Self.noPendingRules }
    }

    /// One that invalidates everything will be written for all up to `local`.
    mutating func collapse(upTo local: UInt64) {
        pending.removeAll { $0.epoch <= local }
        pending.insert((local, [InvalidationRule(.all)]), at: 0)
        pendingRules.add(InvalidationRule(.all), at: local)
    }

    /// The next entry of the log. Others' are about to be applied in `local`; own ones were, in `entry.ownEpoch`.
    mutating func append(_ entry: SharedInvalidation, local: UInt64) {
        guard let applied, entry.epoch > applied else { return }
        for rule in entry.rules { rules.add(rule, at: entry.epoch) }
        if let own = entry.ownEpoch { seen(own, entry) }
        self.applied = entry.epoch
        let local = max(entry.ownEpoch ?? local, steps.last?.local ?? 0)
        if let last = steps.last, last.local == local {
            steps[steps.count - 1].shared = entry.epoch
            return
        }
        if steps.count >= limits.steps { thinSteps() }
        steps.append((entry.epoch, local))
    }

    /// Of the older half every other goes: what was fetched then counts as fetched a little earlier.
    private mutating func thinSteps() {
        let half = steps.count / 2
        var kept = ContiguousArray<(shared: SharedEpoch, local: UInt64)>()
        for index in steps.indices where index >= half || index % 2 == 0 { kept.append(steps[index]) }
        steps = kept
    }

    /// An own one that invalidates everything also stands for those issued before it, which may never have been sent.
    private mutating func seen(_ own: UInt64, _ entry: SharedInvalidation) {
        let coversAll = entry.rules.contains { rule in
            if case .all = rule.target { return !rule.isSoft }
            return false
        }
        if coversAll { pending.removeAll { $0.epoch < own } }
        removePending(own)
        if pending.isEmpty { pendingRules = Self.noPendingRules }
    }

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
    func finding(on subject: borrowing InvalidationSubject, since record: RecordEpoch) -> InvalidationFinding {
        guard let applied, record.generation == generation, record.epoch <= applied else {
            return InvalidationFinding(verdict: .hard)
        }
        guard record.epoch >= floor else { return InvalidationFinding(verdict: .hard, isProved: false) }
        let pending = pendingVerdict(on: subject)
        if pending == .hard { return InvalidationFinding(verdict: .hard) }
        var finding = rules.finding(on: subject, since: record.epoch)
        finding.verdict = max(finding.verdict, pending)
        return finding
    }

    /// Whether an entry of the log that is known here kills a record, or the end of its log has; not whether it can be
    /// proved valid.
    func isInvalidated(_ subject: borrowing InvalidationSubject, since record: RecordEpoch) -> Bool {
        guard record.generation == generation else { return true }
        let finding = rules.finding(on: subject, since: record.epoch)
        return finding.verdict == .hard && finding.isProved
    }

    private func pendingVerdict(on subject: borrowing InvalidationSubject) -> InvalidationVerdict {
        guard let first = pending.first else { return .no }
        // What was seen since the oldest that was not still counts, for so long.
        return pendingRules.finding(on: subject, since: first.epoch &- 1).verdict
    }
}
