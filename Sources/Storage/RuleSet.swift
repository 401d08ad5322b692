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
/// URLs and prefixes are found by hash, globs by parts of them (`GlobTable`).
struct RuleSet<Stamp: InvalidationStamp>: Sendable {
    private var table = StampTable<Stamp>()
    private var globs = GlobTable<Stamp>()
    private var hashCounts = RuleCounts()
    private(set) var kinds = RuleKinds()
    private(set) var newest = Stamp.zero

    var counts: RuleCounts {
        var counts = hashCounts
        counts.globs = globs.count
        return counts
    }
    var rowCount: Int { table.count }
    var globCount: Int { globs.count }
    var globBytes: Int { globs.allocatedBytes }
    var isEmpty: Bool { newest == .zero }
    /// Some have to be looked for in the middle of a text.
    var hasGrams: Bool { globs.hasGrams }

    var allocatedBytes: Int { table.allocatedBytes + globBytes + kinds.allocatedBytes }

    // MARK: Writing down

    mutating func add(key hash: UInt64, at stamp: Stamp, isSoft: Bool) {
        kinds.hasKeys = true
        table.raise(RuleHash.key(hash), to: stamp, isSoft: isSoft)
        newest = max(newest, stamp)
    }

    mutating func add(tag hash: UInt64, at stamp: Stamp, isSoft: Bool) {
        kinds.hasTags = true
        if table.raise(hash, to: stamp, isSoft: isSoft) { hashCounts.tags += 1 }
        newest = max(newest, stamp)
    }

    mutating func add(_ pattern: URLPattern, at stamp: Stamp, isSoft: Bool) {
        newest = max(newest, stamp)
        let hash = RuleHash.of(pattern)
        switch pattern.form {
        case .literal:
            kinds.hasURLs = true
            if table.raise(hash, to: stamp, isSoft: isSoft) { hashCounts.urls += 1 }
        case .prefix:
            kinds.insertHead(of: pattern)
            if table.raise(hash, to: stamp, isSoft: isSoft) { hashCounts.prefixes += 1 }
        case .glob(let glob):
            kinds.hasGlobs = true
            kinds.insertHead(of: pattern)
            globs.add(glob, pattern.scope, head: hash, at: stamp, isSoft: isSoft)
        }
    }

    // MARK: Asking

    func verdict(on hash: UInt64, since stamp: Stamp) -> InvalidationVerdict {
        newest > stamp ? table.verdict(on: hash, since: stamp) : .no
    }

    /// By what begins so: a prefix, or a glob that is found by that.
    func verdict(
        onHead hash: UInt64, of text: borrowing Span<UInt8>, since stamp: Stamp
    ) -> InvalidationVerdict {
        guard newest > stamp else { return .no }
        let verdict = table.verdict(on: hash, since: stamp)
        guard kinds.hasGlobs, verdict < .hard else { return verdict }
        return max(verdict, globs.verdict(onHead: hash, of: text, since: stamp))
    }

    /// By globs that are found by what a key contains.
    func verdict(onGramsOf key: borrowing Span<UInt8>, since stamp: Stamp) -> InvalidationVerdict {
        hasGrams && newest > stamp ? globs.verdict(onGramsOf: key, since: stamp) : .no
    }

    /// Calls `body` with all that is needed to fold the rules into buckets. A glob then stands for all that begins as
    /// it does.
    func forEachRow(_ body: (_ row: UInt64, _ stamp: Stamp) -> Void) {
        table.forEach(body)
        globs.forEachHead { head, stamp in body(StampTable<Stamp>.row(head, isSoft: false), stamp) }
    }
}
