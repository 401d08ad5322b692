// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Lengths of texts, as a set of bits.
struct LengthSet: Sendable, Equatable {
    private var words: ContiguousArray<UInt64> = []

    var isEmpty: Bool { words.isEmpty }
    var allocatedBytes: Int { words.capacity * 8 }

    mutating func insert(_ length: Int) {
        while words.count <= length / 64 { words.append(0) }
        words[length / 64] |= 1 << UInt64(length % 64)
    }

    mutating func formUnion(_ other: LengthSet) {
        while words.count < other.words.count { words.append(0) }
        for index in other.words.indices { words[index] |= other.words[index] }
    }

    /// The least from `start` to `limit`.
    func next(from start: Int, through limit: Int) -> Int? {
        var word = start / 64
        guard start <= limit, word < words.count else { return nil }
        var bits = words[word] & (.max << UInt64(start % 64))
        while bits == 0 {
            word += 1
            guard word < words.count, word * 64 <= limit else { return nil }
            bits = words[word]
        }
        let length = word * 64 + bits.trailingZeroBitCount
        return length <= limit ? length : nil
    }
}

/// What there are rules about: whoever looks for some need not hash what no rule can name.
struct RuleKinds: Sendable {
    var hasKeys = false
    var hasTags = false
    var hasURLs = false
    var hasGlobs = false
    /// Of the beginnings that patterns have, behind the scheme.
    var hostHeads = LengthSet()
    var pathHeads = LengthSet()

    var allocatedBytes: Int { hostHeads.allocatedBytes + pathHeads.allocatedBytes }

    mutating func insertHead(of pattern: URLPattern) {
        if pattern.scope == .path { pathHeads.insert(pattern.head.count) } else { hostHeads.insert(pattern.head.count) }
    }

    mutating func formUnion(_ other: RuleKinds) {
        hasKeys = hasKeys || other.hasKeys
        hasTags = hasTags || other.hasTags
        hasURLs = hasURLs || other.hasURLs
        hasGlobs = hasGlobs || other.hasGlobs
        hostHeads.formUnion(other.hostHeads)
        pathHeads.formUnion(other.pathHeads)
    }
}

/// What tables know things by. Two things with one hash are invalidated together, and nothing worse.
enum RuleHash {
    static func key(_ hash: UInt64) -> UInt64 { hash &+ 0xD1B5_4A32_D192_ED03 }

    static func literal(_ text: UInt64, _ scope: URLPattern.Scope) -> UInt64 {
        text &+ (scope.rawValue &+ 1) &* 0x9E37_79B9_7F4A_7C15
    }

    static func prefix(_ text: UInt64, _ scope: URLPattern.Scope) -> UInt64 {
        text &+ (scope.rawValue &+ 1) &* 0xBF58_476D_1CE4_E5B9
    }

    /// Of the one text of a literal, or of what a prefix or a glob begins with.
    static func of(_ pattern: URLPattern) -> UInt64 {
        var hasher = PrefixHasher()
        let text = hasher.hash(pattern.head.span, length: pattern.head.count)
        if case .literal = pattern.form { return literal(text, pattern.scope) }
        return prefix(text, pattern.scope)
    }
}

extension InvalidationSubject {
    /// Calls `body` with everything that a rule of these kinds may know the subject by. Its cost depends on the length
    /// of the key and on how many lengths patterns have, not on how many rules there are.
    ///
    /// - Parameter head: called for each length at which a pattern's fixed part ends, with what the pattern is then
    ///   to be held against.
    func forEachHash(
        _ kinds: borrowing RuleKinds, _ body: (UInt64) -> Void, head: (UInt64, borrowing Span<UInt8>) -> Void
    ) {
        if kinds.hasKeys { body(RuleHash.key(keyHash)) }
        if kinds.hasTags { for index in 0..<tags.count { body(tags[index]) } }
        guard kinds.hasURLs || !kinds.hostHeads.isEmpty || !kinds.pathHeads.isEmpty else { return }
        let url = URLRange(key)
        Self.forEachHash(of: key.extracting(url.host), kinds.hostHeads, kinds.hasURLs) { hash, text, isWhole in
            for scope in URLPattern.Scope.ofHosts where url.isOf(scope) {
                if isWhole { body(RuleHash.literal(hash, scope)) } else { head(RuleHash.prefix(hash, scope), text) }
            }
        }
        Self.forEachHash(of: key.extracting(url.path), kinds.pathHeads, kinds.hasURLs) { hash, text, isWhole in
            if isWhole { body(RuleHash.literal(hash, .path)) } else { head(RuleHash.prefix(hash, .path), text) }
        }
    }

    private static func forEachHash(
        of text: borrowing Span<UInt8>, _ lengths: borrowing LengthSet, _ hasURLs: Bool,
        _ body: (_ hash: UInt64, _ text: borrowing Span<UInt8>, _ isWhole: Bool) -> Void
    ) {
        var hasher = PrefixHasher()
        var next = lengths.next(from: 0, through: text.count)
        while let length = next {
            body(hasher.hash(text, length: length), text, false)
            next = lengths.next(from: length + 1, through: text.count)
        }
        if hasURLs { body(hasher.hash(text, length: text.count), text, true) }
    }
}
