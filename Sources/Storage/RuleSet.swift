// SPDX-License-Identifier: Apache-2.0
import Bytes

/// How many rules of each kind there are.
package struct RuleCounts: Sendable, Equatable {
    package var tags = 0
    package var urls = 0
    package var prefixes = 0
    package var globs = 0

    package init() {}

    package var sum: Int { tags + urls + prefixes + globs }

    static func + (one: RuleCounts, other: RuleCounts) -> RuleCounts {
        var sum = one
        sum.tags += other.tags
        sum.urls += other.urls
        sum.prefixes += other.prefixes
        sum.globs += other.globs
        return sum
    }
}

/// Rules, each with its place in their order. What a response meets costs the same however many there are: tags, whole
/// URLs and prefixes are found by hash; globs by the hash of what they begin with, and only those with one beginning are
/// compared one by one.
struct RuleSet<Stamp: InvalidationStamp>: Sendable {
    private struct GlobRule: Sendable {
        var glob: Glob
        var stamp: Stamp
        var isSoft: Bool
    }

    private var table = StampTable<Stamp>()
    /// By what they begin with; oldest first.
    private var globs: [UInt64: ContiguousArray<GlobRule>] = [:]
    private(set) var counts = RuleCounts()
    private(set) var kinds = RuleKinds()
    private(set) var newest = Stamp.zero
    private(set) var globBytes = 0

    var rowCount: Int { table.count }
    var globCount: Int { counts.globs }
    var isEmpty: Bool { newest == .zero }

    var allocatedBytes: Int { table.allocatedBytes + globBytes + kinds.allocatedBytes }

    // MARK: Writing down

    mutating func add(key hash: UInt64, at stamp: Stamp, isSoft: Bool) {
        kinds.hasKeys = true
        table.raise(RuleHash.key(hash), to: stamp, isSoft: isSoft)
        newest = max(newest, stamp)
    }

    mutating func add(tag hash: UInt64, at stamp: Stamp, isSoft: Bool) {
        kinds.hasTags = true
        if table.raise(hash, to: stamp, isSoft: isSoft) { counts.tags += 1 }
        newest = max(newest, stamp)
    }

    mutating func add(_ pattern: URLPattern, at stamp: Stamp, isSoft: Bool) {
        newest = max(newest, stamp)
        let hash = RuleHash.of(pattern)
        switch pattern.form {
        case .literal:
            kinds.hasURLs = true
            if table.raise(hash, to: stamp, isSoft: isSoft) { counts.urls += 1 }
        case .prefix:
            kinds.insertHead(of: pattern)
            if table.raise(hash, to: stamp, isSoft: isSoft) { counts.prefixes += 1 }
        case .glob(let glob):
            kinds.hasGlobs = true
            kinds.insertHead(of: pattern)
            add(GlobRule(glob: glob, stamp: stamp, isSoft: isSoft), beginningWith: hash)
        }
    }

    /// The same glob again takes the place of the last of its beginning.
    private mutating func add(_ rule: GlobRule, beginningWith head: UInt64) {
        if let last = globs[head]?.last, last.glob == rule.glob, last.isSoft == rule.isSoft {
            globs[head]?.removeLast()
        } else {
            counts.globs += 1
            globBytes += rule.glob.allocatedBytes + MemoryLayout<GlobRule>.stride * 2 + 32
        }
        globs[head, default: []].append(rule)
    }

    // MARK: Asking

    func verdict(on hash: UInt64, since stamp: Stamp) -> InvalidationVerdict {
        newest > stamp ? table.verdict(on: hash, since: stamp) : .no
    }

    /// By what begins so: a prefix, or one of the globs.
    func verdict(
        onHead hash: UInt64, of text: borrowing Span<UInt8>, since stamp: Stamp
    ) -> InvalidationVerdict {
        guard newest > stamp else { return .no }
        var verdict = table.verdict(on: hash, since: stamp)
        guard kinds.hasGlobs, let rules = globs[hash] else { return verdict }
        for rule in rules.reversed() {
            guard rule.stamp > stamp, verdict < .hard else { break }
            let effect = rule.isSoft ? InvalidationVerdict.soft : .hard
            if effect > verdict, rule.glob.matches(text) { verdict = effect }
        }
        return verdict
    }

    /// Calls `body` with all that is needed to fold the rules into buckets. A glob then stands for all that begins as
    /// it does.
    func forEachRow(_ body: (_ row: UInt64, _ stamp: Stamp) -> Void) {
        table.forEach(body)
        for (head, rules) in globs {
            if let newest = rules.last { body(StampTable<Stamp>.row(head, isSoft: false), newest.stamp) }
        }
    }
}
