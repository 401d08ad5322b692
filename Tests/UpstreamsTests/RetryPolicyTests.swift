// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Upstreams

@Suite("Retries")
struct RetryPolicyTests {
    /// Closed on a reused connection before any byte of a response.
    private static func stale(_ change: (inout ExchangeFailure) -> Void = { _ in }) -> ExchangeFailure {
        var failure = ExchangeFailure(.closed)
        failure.onReusedConnection = true
        failure.requestSent = true
        change(&failure)
        return failure
    }

    @Test("an idempotent request on a stale connection is sent again, once")
    func idempotent() {
        var budget = RetryBudget()
        let first = RetryPolicy.decision(after: Self.stale(), methodIsIdempotent: true, retries: 0, budget: &budget)
        #expect(first == .retryOnNewConnection)
        let second = RetryPolicy.decision(after: Self.stale(), methodIsIdempotent: true, retries: 1, budget: &budget)
        #expect(second == .fail)
    }

    @Test("any request may go again when nothing of it was sent")
    func nothingSent() {
        var budget = RetryBudget()
        let failure = Self.stale { $0.requestSent = false }
        let decision = RetryPolicy.decision(after: failure, methodIsIdempotent: false, retries: 0, budget: &budget)
        #expect(decision == .retryOnNewConnection)
    }

    @Test(
        "a request is not sent again",
        arguments: [
            ("that was sent and is not idempotent", false, stale()),
            ("on a new connection", true, stale { $0.onReusedConnection = false }),
            ("that was partly answered", true, stale { $0.responseReceived = true }),
            ("whose content is gone", true, stale { $0.contentReplayable = false }),
            ("that ran out of time", true, stale { $0.kind = .timedOut }),
            ("that was answered with nonsense", true, stale { $0.kind = .malformed }),
            ("that got no connection", true, stale { $0.kind = .connect }),
        ] as [(String, Bool, ExchangeFailure)])
    func notAgain(_ claim: String, idempotent: Bool, failure: ExchangeFailure) {
        var budget = RetryBudget()
        let decision = RetryPolicy.decision(
            after: failure, methodIsIdempotent: idempotent, retries: 0, budget: &budget)
        #expect(decision == .fail)
        #expect(budget == RetryBudget(), "a refusal costs nothing")
    }

    @Test("an empty budget allows no retry")
    func emptyBudget() {
        var budget = RetryBudget(percent: 0, reserve: 1, ceiling: 1)
        let decisions = (0..<2).map { _ in
            RetryPolicy.decision(after: Self.stale(), methodIsIdempotent: true, retries: 0, budget: &budget)
        }
        #expect(decisions == [.retryOnNewConnection, .fail])
    }

    @Test("retries stay within a fifth of the requests and the reserve")
    func ratio() {
        var budget = RetryBudget(percent: 20, reserve: 10, ceiling: 100)
        var retries = 0
        for _ in 0..<1_000 {
            budget.requestSent()
            if budget.withdraw() { retries += 1 }
        }
        #expect((200...210).contains(retries))
    }

    @Test("what is saved up ends at the ceiling")
    func ceiling() {
        var budget = RetryBudget(percent: 100, reserve: 1, ceiling: 5)
        for _ in 0..<100 { budget.requestSent() }
        let granted = (0..<20).filter { _ in budget.withdraw() }.count
        #expect(granted == 5)
    }

    @Test("the reserve fills up again by one a second and no further")
    func refill() {
        var budget = RetryBudget(percent: 0, reserve: 3, ceiling: 10)
        let grants = ([0, 999, 1_001, 600_000] as [Int64]).map { milliseconds in
            budget.timePassed(nowNanoseconds: milliseconds * 1_000_000)
            return (0..<20).filter { _ in budget.withdraw() }.count
        }
        #expect(grants == [3, 0, 1, 3])
    }
}
