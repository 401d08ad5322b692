// SPDX-License-Identifier: Apache-2.0

/// What the memory store knows about a request.
package enum LookupResult: Sendable {
    /// A stored response, fresh or not. Softly invalidated: it may be served only as a stale one may be.
    case found(StoredResponse, isSoftlyInvalidated: Bool)
    /// The key has responses, but none for this request.
    case variantMissing
    /// Not stored, and a short while ago the key's answer could not be stored.
    case uncacheable
    case absent
}

/// What became of a response that was to be stored.
package enum InsertOutcome: UInt8, Sendable {
    case stored
    /// Larger than the store takes.
    case tooLarge
    /// An invalidation that came after its fetch had begun matches it.
    case invalidated
    /// Others deserve the memory more.
    case notAdmitted
}

/// Sums over all shards since the start, and the present sizes.
package struct MemoryStatistics: Sendable, Equatable {
    package var entries = 0
    /// All memory accounted for: responses, bodies and tables.
    package var bytes = 0
    package var limitBytes = 0
    package var inserts = 0
    /// Inserts that took the place of the same variant.
    package var replacements = 0
    package var evictedForMemory = 0
    /// Variants beyond the limit per key.
    package var evictedVariants = 0
    package var refusedTooLarge = 0
    package var refusedInvalidated = 0
    /// Entries removed because an invalidation matched, at once, at lookup or by the sweeper.
    package var invalidated = 0
    /// Entries removed, and fetches refused, because it was not known any more whether a rule matches.
    package var unproved = 0
    /// Entries the sweeper has looked at.
    package var swept = 0

    package init() {}

    mutating func add(_ other: MemoryStatistics) {
        entries += other.entries
        bytes += other.bytes
        inserts += other.inserts
        replacements += other.replacements
        evictedForMemory += other.evictedForMemory
        evictedVariants += other.evictedVariants
        refusedTooLarge += other.refusedTooLarge
        refusedInvalidated += other.refusedInvalidated
        invalidated += other.invalidated
        unproved += other.unproved
        swept += other.swept
    }
}
