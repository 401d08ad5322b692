// SPDX-License-Identifier: Apache-2.0

/// How fast a client moves what somebody waits for, as looks at it now and then tell. What it moves comes in lumps,
/// as its receive buffer is emptied, and a byte now and then is no pace. So an account is kept: each byte pays for
/// the time that it may take at the least pace, and time is owed as long as the client is waited for.
package struct ClientPace: Sendable {
    /// Until then all is paid.
    private var paidNanoseconds: Int64 = 0
    /// The last look at which it was waited for; -1 before the first.
    private var lookNanoseconds: Int64 = -1
    /// Then.
    private var byteCount = 0
    /// At the last look somebody waited for it.
    package private(set) var isAwaited = false
    /// Since when it owes something, and what it has moved since.
    private var sinceNanoseconds: Int64 = 0
    private var movedByteCount = 0

    package init() {}

    /// Who owes so much is slow.
    package static let owedNanoseconds: Int64 = 1_500_000_000
    /// No more is paid ahead, nor owed for longer: what was long ago does not count.
    package static let mostNanoseconds: Int64 = 5_000_000_000
    /// What it has moved before anybody waited for it pays for no more: a receive buffer that was filled at once is
    /// emptied for some time before its end tells so, but one that is stalled has filled it too.
    private static let firstNanoseconds: Int64 = 2_500_000_000
    /// Until the next look.
    package static let lookNanoseconds: Int64 = 500_000_000

    /// - Parameter byteCount: all that the client has sent or taken so far; nil while it is not waited for.
    package mutating func looked(byteCount: Int?, atNanoseconds now: Int64, leastPerSecond: Int) {
        guard let byteCount else { return isAwaited = false }
        if lookNanoseconds < 0 {
            let paid = Self.nanoseconds(for: byteCount, leastPerSecond)
            (paidNanoseconds, sinceNanoseconds) = (now + min(paid, Self.firstNanoseconds), now)
            self.byteCount = byteCount
        } else if !isAwaited {
            // The time in which nobody waited is not owed.
            paidNanoseconds += now - lookNanoseconds
            sinceNanoseconds += now - lookNanoseconds
        }
        let moved = max(0, byteCount - self.byteCount)
        (isAwaited, lookNanoseconds, self.byteCount) = (true, now, byteCount)
        paidNanoseconds = max(paidNanoseconds, now - Self.mostNanoseconds)
        paidNanoseconds += Self.nanoseconds(for: moved, leastPerSecond)
        paidNanoseconds = min(paidNanoseconds, now + Self.mostNanoseconds)
        movedByteCount = paidNanoseconds < now ? movedByteCount + moved : 0
        if paidNanoseconds >= now { sinceNanoseconds = now }
    }

    /// What so many bytes pay for, up to twice the most.
    private static func nanoseconds(for byteCount: Int, _ leastPerSecond: Int) -> Int64 {
        let seconds = 2 * mostNanoseconds / 1_000_000_000
        let least = max(leastPerSecond, 1)
        guard byteCount / least < Int(seconds) else { return 2 * mostNanoseconds }
        return Int64(byteCount * 1_000_000 / least) * 1000
    }

    /// Whether it has moved less than it should have for long enough.
    package func isSlow(atNanoseconds now: Int64) -> Bool {
        isAwaited && now - paidNanoseconds >= Self.owedNanoseconds
    }

    /// Whom others would have to wait for the least if it gave way: the slowest, and of those about as slow the one
    /// that has been so for the longest.
    package struct Rank: Comparable, Sendable {
        /// Sixteenths of what it should have moved.
        let pace: Int
        let sinceNanoseconds: Int64

        package static func < (one: Rank, other: Rank) -> Bool {
            (one.pace, one.sinceNanoseconds) < (other.pace, other.sinceNanoseconds)
        }
    }

    package func rank(atNanoseconds now: Int64, leastPerSecond: Int) -> Rank {
        let (product, isTooMuch) = leastPerSecond.multipliedReportingOverflow(
            by: Int(now - sinceNanoseconds) / 1_000_000)
        let step = max((isTooMuch ? .max : product / 1000) / 16, 1)
        return Rank(pace: movedByteCount / step, sinceNanoseconds: sinceNanoseconds)
    }
}
