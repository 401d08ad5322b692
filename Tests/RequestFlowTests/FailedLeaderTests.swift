// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import RequestFlow
import Testing

/// Promise 4 where a request makes the origin fail: those who wait for it go on in turn.
@Suite struct FailedLeaderTests {
    private func follower(_ memory: MemoryAnswer = .absent) -> RequestMachine {
        var machine = RequestMachine(RequestFacts(method: .get))
        #expect(machine.begin() == .searchMemory)
        #expect(machine.memorySearched(memory) == .joinFlight)
        #expect(machine.flightJoined(.follower) == .follow)
        return machine
    }

    @Test func theNextOneMayLead() {
        var machine = follower()
        #expect(machine.flightWentOn(.leaderFailed) == .searchMemoryAgain)
        #expect(machine.memorySearched(.absent) == .joinFlight)
        #expect(machine.flightJoined(.leader) == .fetch(conditional: false))
        #expect(machine.fetchBegins() == .fetch)
        #expect(machine.upstreamFailed() == .fail, "its own failure is its own")
    }

    @Test(arguments: [true, false])
    func afterSoManyItEnds(mayServeStale: Bool) {
        let memory = MemoryAnswer.stale(reason: .stale, mayServeOnError: mayServeStale)
        var machine = follower(memory)
        for _ in 1..<RequestMachine.maximumLeaders {
            #expect(machine.flightWentOn(.leaderFailed) == .searchMemoryAgain)
            #expect(machine.memorySearched(memory) == .joinFlight)
            #expect(machine.flightJoined(.follower) == .follow)
        }
        #expect(machine.flightWentOn(.leaderFailed) == (mayServeStale ? .serveStored : .fail))
        #expect(machine.state == .responding)
    }

    /// A server that cannot be reached is not asked again by each who waits.
    @Test func whatConcernsAllFailsAll() {
        var machine = follower()
        #expect(machine.flightWentOn(.failed) == .fail)
    }

    @Test func invalidationsAreCountedApart() {
        var machine = follower()
        #expect(machine.flightWentOn(.leaderFailed) == .searchMemoryAgain)
        #expect(machine.memorySearched(.absent) == .joinFlight)
        #expect(machine.flightJoined(.follower) == .follow)
        for _ in 0..<3 {
            #expect(machine.flightWentOn(.invalidated) == .searchMemoryAgain)
            #expect(machine.memorySearched(.absent) == .joinFlight)
            #expect(machine.flightJoined(.follower) == .follow)
        }
        #expect(machine.flightWentOn(.headArrived) == .stream)
    }

    @Test func anAnswerThatCameMeanwhileIsTaken() {
        var machine = follower()
        #expect(machine.flightWentOn(.leaderFailed) == .searchMemoryAgain)
        #expect(machine.memorySearched(.fresh) == .serveStored)
    }
}
