// SPDX-License-Identifier: Apache-2.0

/// What an invalidation is aimed at, and how.
package struct InvalidationRule: Sendable {
    package enum Target: Sendable {
        /// Every variant under one whole primary key.
        case key([UInt8], hash: UInt64)
        /// Every key whose URL the pattern matches.
        case pattern(URLPattern)
        /// Every response that carries the tag.
        case tag(hash: UInt64)
        case all
    }

    package var target: Target
    /// A soft one keeps the response, to be served only as a stale one may be.
    package var isSoft: Bool

    package init(_ target: Target, isSoft: Bool = false) {
        self.target = target
        self.isSoft = isSoft
    }

    func matches(_ subject: borrowing InvalidationSubject) -> Bool {
        switch target {
        case .key(let bytes, let hash): hash == subject.keyHash && subject.hasKey(bytes)
        case .pattern(let pattern): pattern.matches(key: subject.key)
        case .tag(let hash): subject.hasTag(hash)
        case .all: true
        }
    }
}

/// What an invalidation has done to a response; the worst of several counts.
package enum InvalidationVerdict: UInt8, Comparable, Sendable {
    case no, soft, hard

    package static func < (one: InvalidationVerdict, other: InvalidationVerdict) -> Bool {
        one.rawValue < other.rawValue
    }
}

/// What invalidations look at in a response that is stored or still being fetched.
struct InvalidationSubject: ~Escapable {
    let key: Span<UInt8>
    let keyHash: UInt64
    let tags: Span<UInt64>
    /// The newest invalidation known when its fetch began.
    let epoch: UInt64

    @_lifetime(copy key, copy tags)
    init(key: Span<UInt8>, keyHash: UInt64, tags: Span<UInt64>, epoch: UInt64) {
        self.key = key
        self.keyHash = keyHash
        self.tags = tags
        self.epoch = epoch
    }

    func hasKey(_ bytes: [UInt8]) -> Bool { StoredResponse.equal(key, bytes.span) }

    func hasTag(_ hash: UInt64) -> Bool {
        for index in 0..<tags.count where tags[index] == hash { return true }
        return false
    }
}
