// SPDX-License-Identifier: Apache-2.0

/// How fast a client moves what a connection waits for, as looks at it now and then tell. A byte now and then is no
/// pace: what counts is how much has moved in a stretch of time.
struct ClientPace {
    /// When the present stretch began; -1 while the connection does not wait for its client.
    private var sinceNanoseconds: Int64 = -1
    /// At its beginning.
    private var firstByteCount = 0
    /// Since then.
    private var movedByteCount = 0

    /// At the last look the connection waited for its client.
    var isAwaited: Bool { sinceNanoseconds >= 0 }

    /// A shorter stretch tells nothing: the client's network may have paused.
    static let leastNanoseconds: Int64 = 1_000_000_000
    /// Until the next look.
    static let lookNanoseconds: Int64 = 500_000_000

    /// - Parameter byteCount: all that the client has sent or taken so far; nil while it is not waited for.
    mutating func looked(byteCount: Int?, atNanoseconds now: Int64, leastPerSecond: Int) {
        guard let byteCount else { return sinceNanoseconds = -1 }
        movedByteCount = byteCount - firstByteCount
        let isOver = now - sinceNanoseconds >= Self.leastNanoseconds
        guard !isAwaited || isOver && !isSlow(atNanoseconds: now, leastPerSecond: leastPerSecond) else { return }
        sinceNanoseconds = now
        firstByteCount = byteCount
        movedByteCount = 0
    }

    /// Whether it has moved less than it should have for long enough.
    func isSlow(atNanoseconds now: Int64, leastPerSecond: Int) -> Bool {
        guard isAwaited, now - sinceNanoseconds >= Self.leastNanoseconds else { return false }
        return movedByteCount < due(atNanoseconds: now, leastPerSecond)
    }

    private func due(atNanoseconds now: Int64, _ leastPerSecond: Int) -> Int {
        let (product, isTooMuch) = leastPerSecond.multipliedReportingOverflow(
            by: Int(now - sinceNanoseconds) / 1_000_000)
        return isTooMuch ? .max : product / 1000
    }

    /// Whom others would have to wait for the least if it gave way: the slowest, and of those about as slow the one
    /// that has been so for the longest.
    struct Rank: Comparable {
        /// Sixteenths of what it should have moved.
        let pace: Int
        let sinceNanoseconds: Int64

        static func < (one: Rank, other: Rank) -> Bool {
            (one.pace, one.sinceNanoseconds) < (other.pace, other.sinceNanoseconds)
        }
    }

    func rank(atNanoseconds now: Int64, leastPerSecond: Int) -> Rank {
        let step = max(due(atNanoseconds: now, leastPerSecond) / 16, 1)
        return Rank(pace: movedByteCount / step, sinceNanoseconds: sinceNanoseconds)
    }
}
