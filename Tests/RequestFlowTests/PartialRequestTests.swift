// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import RequestFlow
import Testing

/// What becomes of a request when only parts of its answer are stored (RFC 9111 §3.3, §3.4).
struct PartialRequestTests {
    private func searching(_ facts: RequestFacts = RequestFacts(method: .get)) -> RequestMachine {
        var machine = RequestMachine(facts)
        #expect(machine.begin() == .searchMemory)
        return machine
    }

    @Test("What is missing is fetched by one for all")
    func completes() {
        var machine = searching()
        #expect(machine.memorySearched(.incomplete(completes: true)) == .joinFlight)
        #expect(machine.forwardReason == .partial)
        #expect(machine.flightJoined(.leader) == .fetch(conditional: false))
        #expect(machine.isCompleting)
        #expect(machine.upstreamAnswered(.rest) == .completeAndServe)
    }

    @Test("What does not fit is fetched whole, once")
    func fetchesWhole() {
        var machine = searching()
        #expect(machine.memorySearched(.incomplete(completes: true)) == .joinFlight)
        #expect(machine.flightJoined(.leader) == .fetch(conditional: false))
        #expect(machine.upstreamAnswered(.otherPart) == .fetchWhole)
        machine.confirmationFailed()
        #expect(!machine.isCompleting)
        #expect(machine.upstreamAnswered(.otherPart) == .relay)
    }

    @Test(
        "A whole response in place of the part is stored like any",
        arguments: [
            (UpstreamAnswer.storable, UpstreamAction.storeAndServe), (.unstorable, .relay), (.serverError, .relay),
            (.confirmed, .relay),
        ])
    func wholeInstead(answer: UpstreamAnswer, action: UpstreamAction) {
        var machine = searching()
        #expect(machine.memorySearched(.incomplete(completes: true)) == .joinFlight)
        #expect(machine.flightJoined(.leader) == .fetch(conditional: false))
        #expect(machine.upstreamAnswered(answer) == action)
    }

    @Test("Ranges, HEAD and what cannot be put together go alone or whole")
    func others() {
        var range = searching(RequestFacts(method: .get, hasRange: true))
        #expect(range.memorySearched(.incomplete(completes: false)) == .fetchAlone(conditional: false))
        var head = searching(RequestFacts(method: .head))
        #expect(head.memorySearched(.incomplete(completes: false)) == .fetchAlone(conditional: false))
        var whole = searching()
        #expect(whole.memorySearched(.incomplete(completes: false)) == .joinFlight)
        #expect(!whole.isCompleting)
        var cached = searching(RequestFacts(method: .get, onlyIfCached: true))
        #expect(cached.memorySearched(.incomplete(completes: true)) == .refuse)
    }

    @Test(
        "Who follows and then goes alone asks for the whole",
        arguments: [
            FlightNews.uncacheable, .waitedTooLong, .invalidated, .otherVariant,
        ])
    func followers(news: FlightNews) {
        var machine = searching()
        #expect(machine.memorySearched(.incomplete(completes: true)) == .joinFlight)
        #expect(machine.flightJoined(.follower) == .follow)
        let action = machine.flightWentOn(news)
        #expect(action == .fetchAlone || action == .searchMemoryAgain)
        #expect(!machine.isCompleting)
    }
}
