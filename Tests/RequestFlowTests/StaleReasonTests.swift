// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import RequestFlow
import Testing

@Suite struct StaleReasonTests {
    private func searched(_ answer: MemoryAnswer) -> RequestMachine {
        var machine = RequestMachine(RequestFacts(method: .get))
        _ = machine.begin()
        _ = machine.memorySearched(answer)
        return machine
    }

    @Test(arguments: [
        (MemoryAnswer.fresh, nil), (.staleWhileRevalidate, StaleReason.whileRevalidate),
        (.staleAccepted, .clientAllowed),
        (.stale(reason: .stale, mayServeOnError: true), nil), (.absent, nil),
    ])
    func memoryNamesIt(_ answer: MemoryAnswer, _ reason: StaleReason?) {
        #expect(searched(answer).staleReason == reason)
    }

    @Test(arguments: [true, false])
    func anErrorIsTheReasonWhereItMayBe(_ mayServe: Bool) {
        let stale = MemoryAnswer.stale(reason: .stale, mayServeOnError: mayServe)
        let expected: StaleReason? = mayServe ? .ifError : nil
        var failed = searched(stale)
        _ = failed.flightJoined(.leader)
        #expect(failed.upstreamFailed() == (mayServe ? .serveStored : .fail))
        #expect(failed.staleReason == expected)
        var answered = searched(stale)
        _ = answered.flightJoined(.leader)
        #expect(answered.upstreamAnswered(.serverError) == (mayServe ? .serveStored : .relay))
        #expect(answered.staleReason == expected)
        var full = searched(stale)
        #expect(full.flightJoined(.full) == (mayServe ? .serveStored : .refuse))
        #expect(full.staleReason == expected)
    }

    @Test func whatTheOriginConfirmsIsNotStale() {
        var machine = searched(.stale(reason: .stale, mayServeOnError: true))
        _ = machine.flightJoined(.leader)
        #expect(machine.upstreamAnswered(.confirmed) == .serveConfirmed)
        #expect(machine.staleReason == nil)
    }
}
