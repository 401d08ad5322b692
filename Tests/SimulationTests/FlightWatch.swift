// SPDX-License-Identifier: Apache-2.0

/// One fetch per key (promise 4), as the origin sees it.
struct FlightWatch {
    /// A page, and for whom where it varies.
    private struct Variant: Hashable {
        let page: Page
        let user: String
    }

    private var underWay: [Variant: [OriginResponse]] = [:]
    /// Until when a page that was answered with what cannot be waited for may be asked for by all at once.
    private var excusedUntil: [Page: Int64] = [:]
    /// When so many rules came that it was not known any more whether fetches under way meet one of them.
    private var floodedAt = Int64.min
    /// What was asked for lately: an answer that comes later than it lives is for who asked alone (RFC 9111 §4.2.3).
    private var asked: [Page: [OriginResponse]] = [:]
    private static let uncacheableMemory: Int64 = 121_000_000_000
    /// And so long an error, which passes; its head may take seconds.
    private static let errorMemory: Int64 = 10_000_000_000

    /// - Parameters:
    ///   - hasWaited: the client asked as long ago as it may wait for another's fetch.
    ///   - isOutdated: whether what that fetch, known by its number, brings is worth nothing any more.
    /// - Returns: what is wrong with `response` being asked for now.
    mutating func began(
        _ response: OriginResponse, hasWaited: Bool, invalidations: [Judge.Invalidation], objectLimit: Int,
        isOutdated: (Int) -> Bool
    ) -> String? {
        let page = response.request.page
        guard response.request.coalesces else {
            note(response, page)
            return nil
        }
        let variant = Variant(page: page, user: response.request.user)
        let others = underWay[variant, default: []].filter { !$0.isOver && !isOutdated($0.serial) }
        let allowed = hasWaited || isExcused(response, others, page, invalidations)
        // Who has waited in vain goes alone, and nobody waits for it.
        underWay[variant] = hasWaited ? others : others + [response]
        note(response, page, objectLimit)
        if others.isEmpty || allowed { return nil }
        return "#\(response.serial) is asked for while #\(others[0].serial) for the same page is under way"
    }

    /// More rules than fetches are remembered for were written down.
    mutating func flooded(at time: Int64) { floodedAt = time }

    private mutating func note(_ response: OriginResponse, _ page: Page, _ objectLimit: Int = .max) {
        asked[page] = asked[page, default: []].suffix(20) + [response]
        let isLost = !response.isShareable || response.flaw != .none || response.body.count > objectLimit
        guard isLost || response.lifetimeMilliseconds == 0 else { return }
        // What says by its head that it is for one client alone is remembered as that, whatever becomes of its body.
        let isError = response.status >= 400 || (response.flaw != .none && response.isShareable)
        let until = response.beganAt + (isError ? Self.errorMemory : Self.uncacheableMemory)
        excusedUntil[page] = max(excusedUntil[page] ?? 0, until)
    }

    /// An uncacheable answer releases all, a wait has its limit, and an invalidation ends what it overtakes.
    private func isExcused(
        _ response: OriginResponse, _ others: [OriginResponse], _ page: Page, _ invalidations: [Judge.Invalidation]
    ) -> Bool {
        let now = response.beganAt
        if let until = excusedUntil[page], now < until { return true }
        let cameStale = asked[page, default: []].contains {
            guard let headSentAt = $0.headSentAt, now - headSentAt < Self.errorMemory else { return false }
            return headSentAt - $0.beganAt >= ($0.lifetimeMilliseconds - 100) * 1_000_000
        }
        if cameStale { return true }
        return others.allSatisfy { other in
            other.beganAt <= floodedAt
                || invalidations.contains { $0.matches(page) && ($0.acknowledgedAt ?? .max) >= other.beganAt }
        }
    }
}
