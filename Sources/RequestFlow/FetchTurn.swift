// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// What lies under the lock of a key that nodes fetch in turn.
package enum TurnMark: Sendable, Equatable {
    case none
    /// Somebody fetches, who wrote this token.
    case held(by: UInt64)
    /// Somebody fetched, and others need not wait for what they would get: the answer cannot be stored.
    case uncacheable
    /// Somebody fetched what each node can store for itself alone: it has no place in the second tier.
    case unshareable
    /// Somebody fetched, and has nothing to share this time.
    case released

    /// As it stands in Redis: `fetching 0123456789abcdef`, `uncacheable`, `unshareable`, `released`. What nobody of us
    /// wrote is waited for by nobody.
    package init(_ text: borrowing Span<UInt8>) {
        if text.equals("uncacheable") {
            self = .uncacheable
        } else if text.equals("unshareable") {
            self = .unshareable
        } else if let token = Self.token(in: text) {
            self = .held(by: token)
        } else {
            self = .released
        }
    }

    /// nil for `none`.
    package var text: String? {
        switch self {
        case .none: return nil
        case .held(let token):
            let digits = String(token, radix: 16)
            return Self.prefix + String(repeating: "0", count: 16 - digits.count) + digits
        case .uncacheable: return "uncacheable"
        case .unshareable: return "unshareable"
        case .released: return "released"
        }
    }

    private static let prefix = "fetching "

    private static func token(in text: borrowing Span<UInt8>) -> UInt64? {
        let start = prefix.utf8.count
        guard text.count == start + 16 else { return nil }
        for (index, byte) in prefix.utf8.enumerated() where text[index] != byte { return nil }
        var token: UInt64 = 0
        for index in start..<text.count {
            guard let digit = ASCII.hexValue(text[index]) else { return nil }
            token = token << 4 | UInt64(digit)
        }
        return token
    }
}

/// How a request came out of its turn among the nodes.
package enum TurnEnd: String, CaseIterable, Sendable {
    /// It fetches for all nodes.
    case led
    /// It fetches for all nodes, after one that was heard of no more, or brought nothing for it.
    case takenOver = "taken-over"
    /// Another node's fetch has brought what it wants.
    case served
    /// Another node's fetch has brought nothing to share: it fetches for its own node.
    case released
    /// It has waited for as long as requests do, and fetches for its own node.
    case gaveUp = "gave-up"
    /// Redis did not answer: it fetches for its own node.
    case unavailable
}

package enum TurnAction: Sendable, Equatable {
    /// Take the lock unless somebody has it, and ask in the same breath who has it and what is stored.
    case ask
    /// Who has the lock now?
    case look
    /// Take the lock again, which is ours.
    case renew
    /// Say `timePassed` then.
    case wait(untilNanoseconds: Int64)
    /// Fetch. `end` is never `.served`.
    case fetch(TurnEnd)
    /// The same, and nothing is to be waited for meanwhile; what the answer to come is like is known, so that the next
    /// requests need not ask.
    case fetchAlone(rememberingUncacheable: Bool)
    /// Answer with what was found.
    case serve
    /// The same, and the lock is ours, which nobody needs.
    case serveAndRelease
    /// Nobody needs the lock, which is ours.
    case release
    case nothing
}

/// What becomes of the lock when a fetch has ended.
package enum TurnRelease: Sendable, Equatable {
    /// Take it away, behind what was stored.
    case remove
    /// Leave word for those who wait.
    case mark(TurnMark, milliseconds: Int)
    /// It is not ours, or will end before word of it arrives.
    case leave
}

/// How a fetch ended, as other nodes see it.
package enum FetchEnd: Sendable, Equatable {
    /// What it brought is on its way to the second tier.
    case stored
    /// It cannot be stored, and that holds for the next ones too.
    case uncacheable
    /// It has no place in the second tier, and that holds for the next ones too.
    case unshareable
    case nothingToShare
    /// It has failed, and the next one may fare better.
    case failed
}

/// One node fetches a key while the others wait for what it brings: whose turn it is. Pure; the lock lies in Redis.
///
/// Whoever leads renews the lock for as long as it fetches, so that the lock can be short, and others soon go on when
/// its node dies. Whoever waits looks at short intervals that grow with the time it has waited, and asks for the lock
/// and the response anew when the one it waits for has let go. Nobody waits for an answer that cannot be stored, nor
/// for Redis.
package struct FetchTurn: Sendable {
    package enum State: Sendable, Equatable {
        /// Left by `answered` for .waiting, .leading or .over; by `failed` for .alone.
        case asking
        /// Left by `timePassed` for .looking or .alone.
        case waiting(for: UInt64)
        /// Left by `looked` for .waiting, .asking or .alone; by `failed` for .alone.
        case looking(for: UInt64)
        /// Holds the lock. Left by `ended`.
        case leading
        /// Fetches without the lock. Left by `answered` for .leading, when the lock turns out to be held.
        case alone
        case over
    }

    package private(set) var state = State.asking
    /// What this turn writes into the lock.
    package let token: UInt64
    package let lockMilliseconds: Int
    private let startedNanoseconds: Int64
    private let waitNanoseconds: Int64
    private var hasWaited = false
    /// When the lock was last asked for.
    private var askedNanoseconds: Int64
    /// The same of when it was last ours: it lasts at least from then.
    private var heldNanoseconds: Int64 = 0

    package init(token: UInt64, lockMilliseconds: Int, waitMilliseconds: Int, now: Moment) {
        self.token = token
        self.lockMilliseconds = lockMilliseconds
        waitNanoseconds = Int64(waitMilliseconds) * 1_000_000
        startedNanoseconds = now.monotonicNanoseconds
        askedNanoseconds = now.monotonicNanoseconds
    }

    package var waitedNanoseconds: Int64? { hasWaited ? lastNanoseconds - startedNanoseconds : nil }
    private var lastNanoseconds: Int64 = 0

    private static let shortestPauseNanoseconds: Int64 = 2_000_000
    private static let longestPauseNanoseconds: Int64 = 50_000_000
    /// For those who look as seldom as that.
    private static let releasedMilliseconds = 250
    package static let uncacheableMilliseconds = 120_000

    private var lockNanoseconds: Int64 { Int64(lockMilliseconds) * 1_000_000 }

    // MARK: Taking it

    /// The answer to `ask`, or to what `failed` was said of because it took too long.
    ///
    /// - Parameter isUsable: what is stored answers the request.
    package mutating func answered(_ mark: TurnMark, isUsable: Bool, now: Moment) -> TurnAction {
        lastNanoseconds = now.monotonicNanoseconds
        if state == .alone || state == .over { return answeredLate(mark, now) }
        guard state == .asking else { return .nothing }
        if isUsable {
            state = .over
            return mark == .held(by: token) ? .serveAndRelease : .serve
        }
        switch mark {
        case .held(by: token):
            state = .leading
            heldNanoseconds = askedNanoseconds
            return .fetch(hasWaited ? .takenOver : .led)
        case .held(let other): return wait(for: other, now)
        case .uncacheable, .unshareable, .released: return goAlone(mark)
        // It could not be written.
        case .none: return failed()
        }
    }

    private mutating func answeredLate(_ mark: TurnMark, _ now: Moment) -> TurnAction {
        guard mark == .held(by: token) else { return .nothing }
        if state == .over { return .release }
        state = .leading
        heldNanoseconds = askedNanoseconds
        return .wait(untilNanoseconds: renewalNanoseconds)
    }

    private mutating func goAlone(_ mark: TurnMark) -> TurnAction {
        state = .alone
        return .fetchAlone(rememberingUncacheable: mark == .uncacheable)
    }

    /// Redis has not answered in time, or is not there.
    package mutating func failed() -> TurnAction {
        switch state {
        case .asking, .looking:
            state = .alone
            return .fetch(.unavailable)
        // The lock may be lost then; the fetch goes on, and the lock is tried again.
        case .leading: return .wait(untilNanoseconds: renewalNanoseconds)
        case .waiting, .alone, .over: return .nothing
        }
    }

    // MARK: Waiting

    private mutating func wait(for other: UInt64, _ now: Moment) -> TurnAction {
        hasWaited = true
        state = .waiting(for: other)
        let waited = now.monotonicNanoseconds - startedNanoseconds
        let pause = min(max(waited / 8, Self.shortestPauseNanoseconds), Self.longestPauseNanoseconds)
        return .wait(
            untilNanoseconds: min(now.monotonicNanoseconds + pause, startedNanoseconds + waitNanoseconds))
    }

    package mutating func timePassed(now: Moment) -> TurnAction {
        lastNanoseconds = now.monotonicNanoseconds
        switch state {
        case .waiting(let other):
            guard now.monotonicNanoseconds < startedNanoseconds + waitNanoseconds else {
                state = .alone
                return .fetch(.gaveUp)
            }
            state = .looking(for: other)
            return .look
        case .leading:
            // What may be another's by now is left to that one.
            guard isSurelyOurs(now) else {
                state = .alone
                return .nothing
            }
            askedNanoseconds = now.monotonicNanoseconds
            return .renew
        case .asking: return failed()
        case .looking, .alone, .over: return .nothing
        }
    }

    /// The answer to `look`.
    package mutating func looked(_ mark: TurnMark, now: Moment) -> TurnAction {
        guard case .looking(let other) = state else { return .nothing }
        lastNanoseconds = now.monotonicNanoseconds
        switch mark {
        case .held(by: other): return wait(for: other, now)
        case .none, .held:
            state = .asking
            askedNanoseconds = now.monotonicNanoseconds
            return .ask
        case .uncacheable, .unshareable, .released: return goAlone(mark)
        }
    }

    // MARK: Leading

    /// When the lock is to be taken again: twice before it ends.
    package var renewalNanoseconds: Int64 { askedNanoseconds + lockNanoseconds / 3 }

    /// For long enough that word of it arrives.
    private func isSurelyOurs(_ now: Moment) -> Bool {
        now.monotonicNanoseconds < heldNanoseconds + lockNanoseconds * 3 / 4
    }

    /// Whether the lock can be given up for that of one variant, while the fetch goes on.
    package func mayNarrow(now: Moment) -> Bool { state == .leading && isSurelyOurs(now) }

    /// The answer to `renew`.
    ///
    /// - Parameter isOurs: else it had ended meanwhile.
    package mutating func renewed(_ isOurs: Bool) -> TurnAction {
        guard state == .leading else { return .nothing }
        guard isOurs else {
            state = .alone
            return .nothing
        }
        heldNanoseconds = askedNanoseconds
        return .wait(untilNanoseconds: renewalNanoseconds)
    }

    /// The fetch is over.
    package mutating func ended(_ end: FetchEnd, now: Moment) -> TurnRelease {
        let isOurs = state == .leading && isSurelyOurs(now)
        state = .over
        guard isOurs else { return .leave }
        switch end {
        // Of those who wait, the next to ask leads.
        case .stored, .failed: return .remove
        case .uncacheable: return .mark(.uncacheable, milliseconds: Self.uncacheableMilliseconds)
        case .unshareable: return .mark(.unshareable, milliseconds: Self.uncacheableMilliseconds)
        case .nothingToShare: return .mark(.released, milliseconds: Self.releasedMilliseconds)
        }
    }
}
