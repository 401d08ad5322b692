// SPDX-License-Identifier: Apache-2.0
import Bytes
import Redis
import Testing

@Suite struct CircuitBreakerTests {
    private static func closed() -> CircuitBreaker {
        var breaker = CircuitBreaker(
            threshold: 3, backOff: BackOff(firstMilliseconds: 100, longestMilliseconds: 1_000))
        breaker.probeSucceeded()
        breaker.succeeded()
        return breaker
    }

    @Test func itBeginsWithAProbe() {
        var breaker = CircuitBreaker()
        #expect(breaker.state == .halfOpen && !breaker.admits)
        breaker.probeSucceeded()
        #expect(breaker.admits && breaker.openedCount == 0)
    }

    @Test func onlyFailuresInARowOpenIt() {
        var breaker = Self.closed()
        for _ in 0..<10 {
            breaker.fail(at: 0, opens: false)
            breaker.fail(at: 0, opens: false)
            breaker.succeeded()
        }
        #expect(breaker.admits)
        breaker.fail(at: 0, opens: false)
        breaker.fail(at: 0, opens: false)
        breaker.fail(at: 0, opens: true)
        #expect(!breaker.admits && breaker.openedCount == 1)
    }

    @Test func oneProbeGoesOutWhenTheBackOffIsOver() {
        var breaker = Self.closed()
        breaker.lost(now: at(1_000), random: 0)
        #expect(breaker.state == .open(untilNanoseconds: 1_100_000_000))
        breaker.pass(to: 1_099, probes: false)
        breaker.pass(to: 1_100, probes: true)
        #expect(breaker.state == .halfOpen && !breaker.admits)
        breaker.pass(to: 9_999, probes: false)
    }

    @Test func afterAProbeTheFirstFailureOpensItAgainForLonger() {
        var breaker = Self.closed()
        breaker.lost(now: at(0), random: 0)
        breaker.pass(to: 100, probes: true)
        breaker.probeSucceeded()
        breaker.fail(at: 200, opens: true)
        #expect(breaker.state == .open(untilNanoseconds: 400_000_000))
        #expect(breaker.openedCount == 2)
    }

    @Test func aSuccessEndsTheTrial() {
        var breaker = Self.closed()
        breaker.lost(now: at(0), random: 0)
        breaker.pass(to: 100, probes: true)
        breaker.probeSucceeded()
        breaker.succeeded()
        breaker.fail(at: 200, opens: false)
        breaker.lost(now: at(200), random: 0)
        #expect(breaker.state == .open(untilNanoseconds: 300_000_000))
    }

    @Test func probesThatFailAreOneOutage() {
        var breaker = Self.closed()
        for _ in 0..<10 {
            breaker.lost(now: at(0), random: 0)
            breaker.pass(to: 1_000, probes: true)
        }
        #expect(breaker.openedCount == 1)
    }
}

@Suite struct BackOffTests {
    @Test func itDoublesUpToItsLimit() {
        var backOff = BackOff(firstMilliseconds: 20, longestMilliseconds: 100)
        var lengths: [Int64] = []
        for _ in 0..<5 { lengths.append(backOff.next(random: 0) / 1_000_000) }
        #expect(lengths == [20, 40, 80, 100, 100])
        backOff.reset()
        let again = backOff.next(random: 0)
        #expect(again == 20_000_000)
    }

    @Test(arguments: [0, 1, 12_345_678_901, .max] as [UInt64])
    func chanceTakesUpToHalfOfIt(random: UInt64) {
        var backOff = BackOff(firstMilliseconds: 100, longestMilliseconds: 100)
        let length = backOff.next(random: random)
        #expect((50_000_000...100_000_000).contains(length))
    }
}

extension CircuitBreaker {
    fileprivate mutating func fail(at milliseconds: Int64, opens: Bool) {
        let hasOpened = failed(now: at(milliseconds), random: 0)
        #expect(hasOpened == opens)
    }

    fileprivate mutating func pass(to milliseconds: Int64, probes: Bool) {
        let isProbe = timePassed(now: at(milliseconds))
        #expect(isProbe == probes)
    }
}

private func at(_ milliseconds: Int64) -> Moment {
    Moment(monotonicNanoseconds: milliseconds * 1_000_000, wallNanoseconds: 0)
}
