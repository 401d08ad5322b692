// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Globs, each with its place in the order of rules.
///
/// A few that begin alike are found by what they begin with. Of more, each is found by some bytes that all its matches
/// contain (`Gram`), those that the fewest others are found by. So a text is compared with few however many there are,
/// unless they differ in nothing but their wildcards.
struct GlobTable<Stamp: InvalidationStamp>: Sendable {
    private struct Rule: Sendable {
        var glob: Glob
        /// Of what it begins with.
        var head: UInt64
        var bucket: UInt64
        var stamp: Stamp
        var scope: URLPattern.Scope
        var isSoft: Bool
        /// The next of its bucket.
        var older = GlobTable.none
    }

    private struct Bucket: Sendable {
        var newest = GlobTable.none
        var count = 0
    }

    private static var none: Int32 { -1 }
    /// With so few of one beginning a text is not looked through for grams.
    private static var headCapacity: Int { 8 }
    private static var filterWords: Int { 1024 }

    private var rules: ContiguousArray<Rule> = []
    /// By hashes of beginnings, and by grams, which are far smaller.
    private var buckets: [UInt64: Bucket] = [:]
    /// By what they say: the same glob again takes no more room.
    private var places: [Int: Int32] = [:]
    /// Whether rules are found by grams of so many bytes; a bit each.
    private var gramLengths = 0
    /// Bits of all grams that rules are found by; most that a text has are none of them.
    private var filter: ContiguousArray<UInt64> = []
    private(set) var allocatedBytes = 0

    var count: Int { rules.count }
    var hasGrams: Bool { gramLengths != 0 }

    // MARK: Writing down

    /// - Parameters:
    ///   - head: the hash of what it begins with.
    ///   - stamp: no older than any that is there.
    mutating func add(_ glob: Glob, _ scope: URLPattern.Scope, head: UInt64, at stamp: Stamp, isSoft: Bool) {
        var rule = Rule(glob: glob, head: head, bucket: head, stamp: stamp, scope: scope, isSoft: isSoft)
        let identity = Self.identity(rule)
        if let place = places[identity], Self.areSame(rules[Int(place)], rule) {
            unlink(place)
            rules[Int(place)].stamp = stamp
            return link(place)
        }
        rule.bucket = chooseBucket(for: rule)
        let place = Int32(rules.count)
        rules.append(rule)
        places[identity] = place
        link(place)
        allocatedBytes += glob.allocatedBytes + MemoryLayout<Rule>.stride * 3 / 2 + 96
    }

    private static func identity(_ rule: Rule) -> Int {
        var hasher = Hasher()
        hasher.combine(rule.glob)
        hasher.combine(rule.head)
        hasher.combine(rule.isSoft)
        return hasher.finalize()
    }

    private static func areSame(_ one: Rule, _ other: Rule) -> Bool {
        one.head == other.head && one.isSoft == other.isSoft && one.glob == other.glob
    }

    private mutating func chooseBucket(for rule: Rule) -> UInt64 {
        var best = (bucket: rule.head, count: buckets[rule.head]?.count ?? 0)
        guard best.count >= Self.headCapacity else { return best.bucket }
        var gram: Gram?
        rule.glob.forEachGram { candidate in
            let count = buckets[candidate.value]?.count ?? 0
            if count < best.count {
                best = (candidate.value, count)
                gram = candidate
            }
            return best.count > 0
        }
        if let gram { note(gram) }
        return best.bucket
    }

    private mutating func note(_ gram: Gram) {
        gramLengths |= 1 << gram.length
        if filter.isEmpty {
            filter = ContiguousArray(repeating: 0, count: Self.filterWords)
            allocatedBytes += Self.filterWords * 8
        }
        let bit = Self.filterBit(gram)
        filter[bit / 64] |= 1 << UInt64(bit % 64)
    }

    private static func filterBit(_ gram: Gram) -> Int {
        Int(truncatingIfNeeded: (gram.value &* 0x9E37_79B9_7F4A_7C15) >> 32) & (filterWords * 64 - 1)
    }

    private mutating func link(_ place: Int32) {
        let bucket = rules[Int(place)].bucket
        let before = buckets[bucket] ?? Bucket()
        rules[Int(place)].older = before.newest
        buckets[bucket] = Bucket(newest: place, count: before.count + 1)
    }

    private mutating func unlink(_ place: Int32) {
        let bucket = rules[Int(place)].bucket
        guard var found = buckets[bucket] else { return }
        found.count -= 1
        if found.newest == place {
            found.newest = rules[Int(place)].older
        } else {
            var before = found.newest
            while rules[Int(before)].older != place { before = rules[Int(before)].older }
            rules[Int(before)].older = rules[Int(place)].older
        }
        buckets[bucket] = found
    }

    // MARK: Asking

    /// By the rules that are found by what `text` begins with.
    func verdict(onHead hash: UInt64, of text: borrowing Span<UInt8>, since stamp: Stamp) -> InvalidationVerdict {
        guard let bucket = buckets[hash] else { return .no }
        var verdict = InvalidationVerdict.no
        var place = bucket.newest
        while place != Self.none, verdict < .hard, rules[Int(place)].stamp > stamp {
            let rule = rules[Int(place)]
            if rule.glob.matches(text) { verdict = max(verdict, rule.isSoft ? .soft : .hard) }
            place = rule.older
        }
        return verdict
    }

    /// By the rules that are found by grams.
    func verdict(onGramsOf key: borrowing Span<UInt8>, since stamp: Stamp) -> InvalidationVerdict {
        let url = URLRange(key)
        var verdict = InvalidationVerdict.no
        // A text of one gram again and again costs no more than all rules do.
        var allowance = rules.count
        var window: UInt64 = 0
        for index in url.host {
            window = window << 8 | UInt64(key[index])
            let available = min(index + 1 - url.host.lowerBound, Gram.maximumLength)
            for length in 1...available where gramLengths & 1 << length != 0 {
                let gram = Gram(window, length: length)
                let bit = Self.filterBit(gram)
                guard filter[bit / 64] & 1 << UInt64(bit % 64) != 0, let bucket = buckets[gram.value] else { continue }
                allowance -= bucket.count
                if allowance < 0 { return verdictOfAll(on: key, url, since: stamp) }
                var place = bucket.newest
                while place != Self.none, rules[Int(place)].stamp > stamp {
                    verdict = max(verdict, effect(of: place, on: key, url))
                    if verdict == .hard { return verdict }
                    place = rules[Int(place)].older
                }
            }
        }
        return verdict
    }

    private func verdictOfAll(
        on key: borrowing Span<UInt8>, _ url: URLRange, since stamp: Stamp
    ) -> InvalidationVerdict {
        var verdict = InvalidationVerdict.no
        for place in rules.indices where rules[place].stamp > stamp && verdict < .hard {
            verdict = max(verdict, effect(of: Int32(place), on: key, url))
        }
        return verdict
    }

    private func effect(of place: Int32, on key: borrowing Span<UInt8>, _ url: URLRange) -> InvalidationVerdict {
        let rule = rules[Int(place)]
        guard url.isOf(rule.scope), rule.glob.matches(key.extracting(rule.scope == .path ? url.path : url.host))
        else { return .no }
        return rule.isSoft ? .soft : .hard
    }

    /// Calls `body` with what each rule begins with.
    func forEachHead(_ body: (_ head: UInt64, _ stamp: Stamp) -> Void) {
        for rule in rules { body(rule.head, rule.stamp) }
    }
}
