// SPDX-License-Identifier: Apache-2.0
public import Bytes
package import HTTPMessages

/// All that a reuse decision needs to know of a stored response. Plain bytes, no references.
@usableFromInline
package struct CachedMetadata: Sendable, Equatable {
    @usableFromInline
    package struct Flags: OptionSet, Sendable {
        @usableFromInline package let rawValue: UInt16
        @inlinable
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        /// Each use needs the origin's consent (RFC 9111 §5.2.2.4).
        package static let alwaysValidate = Flags(rawValue: 1 << 0)
        /// Not to be used stale on anybody's word but its own (must-revalidate, proxy-revalidate, s-maxage).
        package static let staleForbidden = Flags(rawValue: 1 << 1)
        package static let hasStrongETag = Flags(rawValue: 1 << 2)
        package static let hasWeakETag = Flags(rawValue: 1 << 3)
        package static let hasLastModified = Flags(rawValue: 1 << 4)
        /// Only parts of its body are stored (RFC 9111 §3.3); `status` is that of the whole.
        package static let isPartial = Flags(rawValue: 1 << 5)
        /// The origin named the lifetime.
        package static let hasExplicitLifetime = Flags(rawValue: 1 << 6)
        package static let isHeuristic = Flags(rawValue: 1 << 7)
        package static let hasSetCookie = Flags(rawValue: 1 << 8)
        package static let noTransform = Flags(rawValue: 1 << 9)
        package static let variesByRequest = Flags(rawValue: 1 << 10)
        /// Expired by a soft invalidation: usable only as a stale response is.
        package static let softlyInvalidated = Flags(rawValue: 1 << 11)
        /// The body came plain, and nothing speaks against sending it compressed.
        package static let isCompressible = Flags(rawValue: 1 << 12)
        /// Not the body that the origin sent: one made of it in another coding.
        package static let isTransformed = Flags(rawValue: 1 << 13)
        /// Its head begins with all that a 304 repeats, of which the entity tag is the last.
        package static let beginsLike304 = Flags(rawValue: 1 << 14)
    }

    // In an order that leaves no gaps between them.
    /// response_time of RFC 9111 §4.2.3, on this process's monotonic clock.
    @usableFromInline package var storedAtMonotonicMilliseconds: Int64
    /// corrected_initial_age of RFC 9111 §4.2.3.
    @usableFromInline package var initialAgeMilliseconds: Int64
    /// The Date field, or when the response came; in seconds since 1970.
    @usableFromInline package var dateSeconds: Int64
    /// In seconds since 1970; -1 when there is none.
    @usableFromInline package var lastModifiedSeconds: Int64
    @usableFromInline var freshnessLifetime: CompactDuration
    @usableFromInline var staleWhileRevalidate: CompactDuration
    @usableFromInline var staleIfError: CompactDuration
    @usableFromInline package var status: UInt16
    @usableFromInline package var flags: Flags

    package init(
        status: UInt16, flags: Flags = [], storedAtMonotonicMilliseconds: Int64, initialAgeMilliseconds: Int64 = 0,
        freshnessLifetimeMilliseconds: Int64, staleWhileRevalidateMilliseconds: Int64 = 0,
        staleIfErrorMilliseconds: Int64 = 0, dateSeconds: Int64 = 0, lastModifiedSeconds: Int64 = -1
    ) {
        self.status = status
        self.flags = flags
        self.storedAtMonotonicMilliseconds = storedAtMonotonicMilliseconds
        self.initialAgeMilliseconds = initialAgeMilliseconds
        freshnessLifetime = CompactDuration(milliseconds: freshnessLifetimeMilliseconds)
        staleWhileRevalidate = CompactDuration(milliseconds: staleWhileRevalidateMilliseconds)
        staleIfError = CompactDuration(milliseconds: staleIfErrorMilliseconds)
        self.dateSeconds = dateSeconds
        self.lastModifiedSeconds = lastModifiedSeconds
    }

    @inlinable package var freshnessLifetimeMilliseconds: Int64 {
        get { freshnessLifetime.milliseconds }
        set { freshnessLifetime = CompactDuration(milliseconds: newValue) }
    }

    /// How long after its lifetime it may be served while it is refreshed; 0 when that is forbidden.
    @inlinable package var staleWhileRevalidateMilliseconds: Int64 {
        get { staleWhileRevalidate.milliseconds }
        set { staleWhileRevalidate = CompactDuration(milliseconds: newValue) }
    }

    /// How long after its lifetime it may be served when the origin fails; 0 when that is forbidden.
    @inlinable package var staleIfErrorMilliseconds: Int64 {
        get { staleIfError.milliseconds }
        set { staleIfError = CompactDuration(milliseconds: newValue) }
    }

    /// current_age of RFC 9111 §4.2.3.
    @inlinable
    package func ageMilliseconds(_ now: Moment) -> Int64 {
        initialAgeMilliseconds &+ now.monotonicMilliseconds &- storedAtMonotonicMilliseconds
    }

    /// What the Age field says.
    @inlinable
    package func ageSeconds(_ now: Moment) -> Int64 { max(ageMilliseconds(now), 0) / 1000 }

    /// How much of its lifetime is left; zero or less when it is stale (RFC 9111 §4.2).
    @inlinable
    package func freshForMilliseconds(_ now: Moment) -> Int64 {
        freshnessLifetimeMilliseconds &- ageMilliseconds(now)
    }

    /// Whether the origin can be asked if it still holds.
    package var hasValidator: Bool { !flags.isDisjoint(with: [.hasStrongETag, .hasWeakETag, .hasLastModified]) }

    /// What a 304 makes of it for the one request that it answers, when it forbids storing: it is of now, and
    /// stale at once.
    package func confirmedOnce(
        by update: borrowing ResponseHead, requestSentAt: Moment, receivedAt: Moment
    ) -> CachedMetadata {
        var confirmed = self
        let now = receivedAt.wallSeconds
        if let index = update.fields.firstIndex(of: .date) {
            confirmed.dateSeconds = HTTPDate.parse(update.fields.value(at: index), nowSeconds: now) ?? now
        } else {
            confirmed.dateSeconds = now
        }
        confirmed.storedAtMonotonicMilliseconds = receivedAt.monotonicMilliseconds
        confirmed.initialAgeMilliseconds = Age.correctedInitialMilliseconds(
            update.fields, dateSeconds: confirmed.dateSeconds, requestSentAt: requestSentAt,
            responseReceivedAt: receivedAt)
        confirmed.freshnessLifetimeMilliseconds = 0
        confirmed.staleWhileRevalidateMilliseconds = 0
        confirmed.staleIfErrorMilliseconds = 0
        return confirmed
    }

    /// The operator's lifetime begins when the response comes, however old it is then. Where durations are kept in
    /// whole seconds, the age gives up what they would round away.
    mutating func countFromReceipt(lifetimeMilliseconds: Int64) {
        let total = lifetimeMilliseconds &+ initialAgeMilliseconds
        freshnessLifetimeMilliseconds = total
        initialAgeMilliseconds &-= total &- freshnessLifetimeMilliseconds
    }

    /// The same response with a lifetime that ends at most `milliseconds` after it was stored; what the memory
    /// tier keeps beside a longer-lived copy in Redis.
    package func limited(toMilliseconds milliseconds: Int64?) -> CachedMetadata {
        guard let milliseconds else { return self }
        var limited = self
        if initialAgeMilliseconds &+ milliseconds < freshnessLifetimeMilliseconds {
            limited.countFromReceipt(lifetimeMilliseconds: milliseconds)
        }
        return limited
    }
}
