// SPDX-License-Identifier: Apache-2.0
import Bytes
import RequestFlow
import Testing

@Suite struct FetchTurnTests {
    private static let own: UInt64 = 1
    private static let other: UInt64 = 2

    private static func moment(_ milliseconds: Int) -> Moment {
        Moment(monotonicNanoseconds: 7_000_000_000 + Int64(milliseconds) * 1_000_000, wallNanoseconds: 0)
    }

    /// When an action says to wait until, since the beginning.
    private static func milliseconds(_ action: TurnAction) -> Int? {
        guard case .wait(let until) = action else { return nil }
        return Int((until - 7_000_000_000) / 1_000_000)
    }

    private static func turn(lock: Int = 900, wait: Int = 5_000) -> FetchTurn {
        FetchTurn(token: own, lockMilliseconds: lock, waitMilliseconds: wait, now: moment(0))
    }

    /// One that waits for another's fetch.
    private static func waiting(lock: Int = 900, wait: Int = 5_000) -> FetchTurn {
        var turn = turn(lock: lock, wait: wait)
        #expect(milliseconds(turn.answered(.held(by: other), isUsable: false, now: moment(1))) == 3)
        return turn
    }

    private static func leading() -> FetchTurn {
        var turn = turn()
        #expect(turn.answered(.held(by: own), isUsable: false, now: moment(1)) == .fetch(.led))
        return turn
    }

    // MARK: Taking the lock

    @Test func whoGetsTheLockFetches() {
        let turn = Self.leading()
        #expect(turn.state == .leading && turn.waitedNanoseconds == nil)
    }

    @Test func whatCameMeanwhileIsServedAndTheLockGivenBack() {
        var turn = Self.turn()
        #expect(turn.answered(.held(by: Self.own), isUsable: true, now: Self.moment(1)) == .serveAndRelease)
        var other = Self.turn()
        #expect(other.answered(.held(by: Self.other), isUsable: true, now: Self.moment(1)) == .serve)
    }

    @Test(arguments: [TurnMark.uncacheable, .unshareable, .released])
    func nobodyWaitsForWhatCannotBeShared(mark: TurnMark) {
        var turn = Self.turn()
        let expected = TurnAction.fetchAlone(rememberingUncacheable: mark == .uncacheable)
        #expect(turn.answered(mark, isUsable: false, now: Self.moment(1)) == expected)
        var waiting = Self.waiting()
        #expect(waiting.timePassed(now: Self.moment(3)) == .look)
        #expect(waiting.looked(mark, now: Self.moment(4)) == expected)
    }

    @Test func aLockThatCannotBeWrittenKeepsNobody() {
        var turn = Self.turn()
        #expect(turn.answered(.none, isUsable: false, now: Self.moment(1)) == .fetch(.unavailable))
    }

    @Test func aRedisThatDoesNotAnswerKeepsNobody() {
        var turn = Self.turn()
        #expect(turn.failed() == .fetch(.unavailable))
        var late = Self.turn()
        #expect(late.timePassed(now: Self.moment(20)) == .fetch(.unavailable))
        var looking = Self.waiting()
        #expect(looking.timePassed(now: Self.moment(3)) == .look)
        #expect(looking.failed() == .fetch(.unavailable))
        #expect(looking.failed() == .nothing, "it fetches once")
    }

    /// Others must not wait for a lock that nobody knows to be his.
    @Test func anAnswerThatComesLateIsNotForgotten() {
        var fetching = Self.turn()
        _ = fetching.timePassed(now: Self.moment(20))  // it fetches
        #expect(Self.milliseconds(fetching.answered(.held(by: Self.own), isUsable: false, now: Self.moment(40))) == 300)
        #expect(fetching.ended(.stored, now: Self.moment(50)) == .remove)
        var done = Self.turn()
        _ = done.timePassed(now: Self.moment(20))  // it fetches
        #expect(done.ended(.stored, now: Self.moment(30)) == .leave)
        #expect(done.answered(.held(by: Self.own), isUsable: false, now: Self.moment(40)) == .release)
        #expect(done.answered(.held(by: Self.other), isUsable: false, now: Self.moment(40)) == .nothing)
    }

    // MARK: Waiting

    @Test func pausesGrowWithTheTimeWaitedAndStayShort() {
        var turn = Self.waiting(wait: 60_000)
        var now = 3
        var pauses: [Int] = []
        while now < 10_000 {
            #expect(turn.timePassed(now: Self.moment(now)) == .look)
            guard let next = Self.milliseconds(turn.looked(.held(by: Self.other), now: Self.moment(now))) else {
                Issue.record("it waits no more at \(now)")
                return
            }
            pauses.append(next - now)
            now = next
        }
        #expect(pauses.first == 2 && pauses.last == 50 && pauses == pauses.sorted())
        #expect(pauses.count < 260)
    }

    @Test func whenTheOtherHasLetGoTheResponseAndTheLockAreAskedForAnew() {
        for mark in [TurnMark.none, .held(by: 3)] {
            var turn = Self.waiting()
            #expect(turn.timePassed(now: Self.moment(3)) == .look)
            #expect(turn.looked(mark, now: Self.moment(4)) == .ask)
            #expect(turn.answered(.held(by: 3), isUsable: true, now: Self.moment(5)) == .serve)
            #expect(turn.waitedNanoseconds == 5_000_000)
        }
    }

    @Test func whoFindsNothingTakesOver() {
        var turn = Self.waiting()
        #expect(turn.timePassed(now: Self.moment(3)) == .look)
        #expect(turn.looked(.none, now: Self.moment(4)) == .ask)
        #expect(turn.answered(.held(by: Self.own), isUsable: false, now: Self.moment(5)) == .fetch(.takenOver))
    }

    @Test func nobodyWaitsForLongerThanRequestsDo() {
        var turn = Self.waiting(wait: 100)
        var now = 3
        while true {
            let action = turn.timePassed(now: Self.moment(now))
            guard action == .look else {
                #expect(action == .fetch(.gaveUp) && now == 100)
                break
            }
            guard let next = Self.milliseconds(turn.looked(.held(by: Self.other), now: Self.moment(now))) else {
                return
            }
            now = next
        }
    }

    // MARK: Leading

    @Test func theLockIsRenewedForAsLongAsTheFetchTakes() {
        var turn = Self.leading()
        for round in 1...5 {
            #expect(turn.timePassed(now: Self.moment(300 * round)) == .renew)
            #expect(Self.milliseconds(turn.renewed(true)) == 300 * (round + 1))
        }
        #expect(turn.ended(.stored, now: Self.moment(1_700)) == .remove)
    }

    @Test func whoFailsLetsTheNextOneLead() {
        var turn = Self.leading()
        #expect(turn.ended(.failed, now: Self.moment(100)) == .remove)
    }

    @Test func aRenewalThatFailsIsTriedAgainWhileTheLockLasts() {
        var turn = Self.leading()
        #expect(turn.timePassed(now: Self.moment(300)) == .renew)
        #expect(Self.milliseconds(turn.failed()) == 600)
        #expect(turn.timePassed(now: Self.moment(600)) == .renew)
        #expect(Self.milliseconds(turn.failed()) == 900)
        #expect(turn.timePassed(now: Self.moment(900)) == .nothing, "it may be another's")
        #expect(turn.ended(.stored, now: Self.moment(950)) == .leave)
    }

    @Test func whatIsAnothersIsLeftAlone() {
        var lost = Self.leading()
        #expect(lost.timePassed(now: Self.moment(300)) == .renew)
        #expect(lost.renewed(false) == .nothing)
        #expect(lost.ended(.stored, now: Self.moment(350)) == .leave)
        var slept = Self.leading()
        #expect(slept.ended(.uncacheable, now: Self.moment(2_000)) == .leave)
        var alone = Self.turn()
        _ = alone.failed()  // it fetches
        #expect(alone.ended(.stored, now: Self.moment(1)) == .leave)
    }

    @Test(arguments: [
        (FetchEnd.uncacheable, TurnMark.uncacheable), (.unshareable, .unshareable), (.nothingToShare, .released),
    ])
    func whoWaitsForNothingIsTold(end: FetchEnd, mark: TurnMark) {
        var turn = Self.leading()
        guard case .mark(let written, let milliseconds) = turn.ended(end, now: Self.moment(10)) else {
            Issue.record("nothing is told")
            return
        }
        // Those who look seldom must see it too.
        #expect(written == mark && milliseconds >= 250)
    }

    // MARK: What lies in Redis

    @Test(arguments: [TurnMark.held(by: 0), .held(by: 0xABC), .held(by: .max), .uncacheable, .unshareable, .released])
    func whatIsWrittenIsRead(mark: TurnMark) throws {
        let text = Array(try #require(mark.text).utf8)
        #expect(TurnMark(text.span) == mark)
    }

    @Test(arguments: ["", "fetching", "fetching 12", "fetching 000000000000000g", "LRDR", "unc"])
    func whatNobodyWroteIsWaitedForByNobody(text: String) {
        let bytes = Array(text.utf8)
        #expect(TurnMark(bytes.span) == .released)
    }
}
