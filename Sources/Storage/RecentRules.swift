// SPDX-License-Identifier: Apache-2.0
import Bytes

/// What rules say of a response.
struct InvalidationFinding: Equatable {
    var verdict = InvalidationVerdict.no
    /// No: it may be worse than any rule said, because rules are not known one by one any more.
    var isProved = true
}

/// The newest rules, in two halves, and what is left of older ones. Pure; a lock guards it.
///
/// Everything here is bounded. When the younger half is full, the older is folded into buckets, each for many rules: of
/// what they do not name, a small share cannot be told from it, and counts as invalidated. Whoever knows that rules
/// are not needed any more says so (`forget`), so that none is ever folded.
struct RecentRules<Stamp: InvalidationStamp>: Sendable {
    struct Limits: Sendable {
        /// Of keys, tags, whole URLs and prefixes, in each half.
        var rows: Int
        /// In each half.
        var globs = 8192
        /// Of them in each half: long ones are fewer.
        var globBytes = 1 << 20
        /// A power of two.
        var buckets: Int

        /// What all of it takes at most, but for globs.
        var bytes: Int {
            2 * StampTable<Stamp>.bytes(holding: rows) + StampBuckets<Stamp>.bytes(size: buckets)
        }
    }

    private struct Everything: Sendable {
        var hard = Stamp.zero
        var soft = Stamp.zero

        func verdict(since stamp: Stamp) -> InvalidationVerdict { hard > stamp ? .hard : soft > stamp ? .soft : .no }
    }

    private var young = RuleSet<Stamp>()
    private var old = RuleSet<Stamp>()
    private var folded: StampBuckets<Stamp>
    private var foldedKinds = RuleKinds()
    private var everything = Everything()
    /// Of all three.
    private var kinds = RuleKinds()
    let limits: Limits
    /// How many rules were folded since the start.
    private(set) var foldedCount = 0

    init(limits: Limits) {
        self.limits = limits
        folded = StampBuckets(size: limits.buckets)
    }

    var counts: RuleCounts { young.counts + old.counts }

    /// How much of the younger half is used, from 0 to 1, by what it has the least room for, and how much room that is.
    var scarcity: (fill: Double, limit: Int) {
        let rows = Double(young.rowCount) / Double(limits.rows)
        let globs = max(
            Double(young.globCount) / Double(limits.globs), Double(young.globBytes) / Double(limits.globBytes))
        return rows >= globs ? (rows, limits.rows) : (globs, max(1, Int(Double(young.globCount) / globs)))
    }

    var allocatedBytes: Int { young.allocatedBytes + old.allocatedBytes + folded.allocatedBytes }

    // MARK: Writing down

    mutating func add(_ rule: InvalidationRule, at stamp: Stamp) {
        switch rule.target {
        case .all:
            if rule.isSoft {
                everything.soft = max(everything.soft, stamp)
            } else {
                everything.hard = max(everything.hard, stamp)
            }
            return
        case .key(_, let hash): add(key: hash, at: stamp, isSoft: rule.isSoft)
        case .tag(let hash):
            makeRoom(for: rule)
            young.add(tag: hash, at: stamp, isSoft: rule.isSoft)
            kinds.hasTags = true
        case .pattern(let pattern):
            makeRoom(for: rule)
            young.add(pattern, at: stamp, isSoft: rule.isSoft)
            note(pattern)
        }
    }

    mutating func add(key hash: UInt64, at stamp: Stamp, isSoft: Bool) {
        if young.rowCount >= limits.rows { foldAndTurn() }
        young.add(key: hash, at: stamp, isSoft: isSoft)
        kinds.hasKeys = true
    }

    private mutating func note(_ pattern: URLPattern) {
        switch pattern.form {
        case .literal: return kinds.hasURLs = true
        case .prefix: break
        case .glob: kinds.hasGlobs = true
        }
        kinds.insertHead(of: pattern)
    }

    /// Whether it can be written down without that older ones are folded.
    func hasRoom(for rule: InvalidationRule) -> Bool { old.isEmpty || !isFull(for: rule) }

    /// Each kind has room of its own.
    private func isFull(for rule: InvalidationRule) -> Bool {
        switch rule.target {
        case .all: return false
        case .pattern(let pattern):
            if case .glob = pattern.form {
                return young.globCount >= limits.globs || young.globBytes >= limits.globBytes
            }
            return young.rowCount >= limits.rows
        case .key, .tag: return young.rowCount >= limits.rows
        }
    }

    private mutating func makeRoom(for rule: InvalidationRule) {
        if isFull(for: rule) { foldAndTurn() }
    }

    private mutating func foldOld() {
        guard !old.isEmpty else { return }
        old.forEachRow { row, stamp in folded.raise(row: row, to: stamp) }
        foldedKinds.formUnion(old.kinds)
        foldedCount += old.rowCount + old.globCount
        old = RuleSet()
    }

    private mutating func foldAndTurn() {
        foldOld()
        turn()
    }

    private mutating func turn() {
        old = young
        young = RuleSet()
        gatherKinds()
    }

    private mutating func gatherKinds() {
        kinds = young.kinds
        kinds.formUnion(old.kinds)
        kinds.formUnion(foldedKinds)
    }

    // MARK: Asking

    /// What the rules say that are newer than `stamp`.
    func finding(on subject: borrowing InvalidationSubject, since stamp: Stamp) -> InvalidationFinding {
        var verdict = everything.verdict(since: stamp)
        let isFolded = folded.newest > stamp
        guard verdict < .hard, isFolded || young.newest > stamp || old.newest > stamp else {
            return InvalidationFinding(verdict: verdict)
        }
        var isSuspect = false
        subject.forEachHash(kinds) { hash in
            verdict = max(verdict, young.verdict(on: hash, since: stamp), old.verdict(on: hash, since: stamp))
            if isFolded, folded.isRaised(hash, since: stamp) { isSuspect = true }
        } head: { hash, text in
            let recent = young.verdict(onHead: hash, of: text, since: stamp)
            verdict = max(verdict, recent, old.verdict(onHead: hash, of: text, since: stamp))
            if isFolded, folded.isRaised(hash, since: stamp) { isSuspect = true }
        }
        if verdict < .hard {
            verdict = max(verdict, young.verdict(onGramsOf: subject.key, since: stamp))
            verdict = max(verdict, old.verdict(onGramsOf: subject.key, since: stamp))
        }
        guard isSuspect, verdict < .hard else { return InvalidationFinding(verdict: verdict) }
        return InvalidationFinding(verdict: .hard, isProved: false)
    }

    // MARK: Forgetting

    /// What comes from now on is told from what there is, so that the latter can be forgotten; unless that is the case
    /// already with what was there before.
    mutating func divide() {
        if old.isEmpty, !young.isEmpty { turn() }
    }

    /// Nobody will ask about what is not newer than `stamp`.
    mutating func forget(through stamp: Stamp) {
        if young.newest <= stamp { young = RuleSet() }
        if old.newest <= stamp { old = RuleSet() }
        if folded.newest <= stamp {
            folded = StampBuckets(size: limits.buckets)
            foldedKinds = RuleKinds()
        }
        gatherKinds()
    }
}
