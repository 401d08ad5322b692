// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import RequestFlow
import Testing

/// Promise 4 where flights of several loops meet.
@Suite struct OvertakenFlightTests {
    @Test(arguments: [
        MemoryAnswer.absent, .stale(reason: .stale, mayServeOnError: true), .variantMissing,
    ])
    func aLeaderThatFindsItsAnswerStoredDoesNotFetch(first: MemoryAnswer) {
        var machine = RequestMachine(RequestFacts(method: .get))
        #expect(machine.begin() == .searchMemory)
        #expect(machine.memorySearched(first) == .joinFlight)
        #expect(machine.flightJoined(.overtaken) == .serveStored)
        #expect(machine.state == .responding)
        #expect(machine.forwardReason == nil)
    }
}
