// SPDX-License-Identifier: Apache-2.0

/// Keeps retries a small share of the traffic, so that they never make an overload worse: each request earns a part
/// of a retry, each retry costs a whole one, and a small reserve serves those who send little.
package struct RetryBudget: Sendable, Equatable {
    private static let whole = 1_000
    private let earned: Int
    private let reserve: Int
    private let ceiling: Int
    private var balance: Int
    private var refilledNanoseconds: Int64?

    /// - Parameters:
    ///   - percent: retries allowed in a hundred requests.
    ///   - reserve: retries allowed without any earned; it fills up again by one a second.
    ///   - ceiling: how many can be saved up.
    package init(percent: Int = 20, reserve: Int = 10, ceiling: Int = 100) {
        precondition((0...100).contains(percent) && reserve >= 0 && ceiling >= reserve)
        earned = percent * Self.whole / 100
        self.reserve = reserve * Self.whole
        self.ceiling = ceiling * Self.whole
        balance = reserve * Self.whole
    }

    package mutating func requestSent() { balance = min(balance + earned, ceiling) }

    /// Once a second or so.
    package mutating func timePassed(nowNanoseconds: Int64) {
        let last = refilledNanoseconds ?? nowNanoseconds
        let seconds = max(nowNanoseconds - last, 0) / 1_000_000_000
        refilledNanoseconds = last + seconds * 1_000_000_000
        guard balance < reserve else { return }
        balance += Int(min(Int64((reserve - balance) / Self.whole + 1), seconds)) * Self.whole
        balance = min(balance, max(reserve, 0))
    }

    /// Takes one retry, if there is one.
    package mutating func withdraw() -> Bool {
        guard balance >= Self.whole else { return false }
        balance -= Self.whole
        return true
    }
}
