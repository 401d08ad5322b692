// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import Testing

@testable import RequestFlow

/// Requests that are keyed by their body.
struct KeyedBodyMachineTests {
    private func machine(_ method: HTTPMessages.Method, change: (inout RequestFacts) -> Void = { _ in })
        -> RequestMachine
    {
        var facts = RequestFacts(method: method, isKeyedByBody: true, hasBody: true)
        change(&facts)
        return RequestMachine(facts)
    }

    @Test(arguments: [HTTPMessages.Method.query, .post])
    func theBodyComesFirstAndIsThenLookedUpAndShared(method: HTTPMessages.Method) {
        var machine = machine(method)
        #expect(machine.begin() == .collectBody)
        #expect(machine.bodyCollected() == .searchMemory)
        #expect(machine.memorySearched(.absent) == .joinFlight)
        #expect(machine.flightJoined(.leader) == .fetch(conditional: false))
        #expect(machine.forwardReason == .uriMiss)
    }

    @Test func aBodyPastTheLimitIsForwarded() {
        var machine = machine(.query)
        #expect(machine.begin() == .collectBody)
        #expect(machine.bodyExceededLimit() == .forward(.bypass))
        #expect(machine.state == .fetchingAlone)
        #expect(machine.upstreamAnswered(.unstorable) == .relay)
    }

    @Test func whatIsForTheOriginIsNotCollected() {
        var condition = machine(.query) { $0.isForOrigin = true }
        #expect(condition.begin() == .forward(.request))
        var upgrade = machine(.post) { $0.wantsUpgrade = true }
        #expect(upgrade.begin() == .forward(.request))
        var passing = machine(.post) { $0.routePasses = true }
        #expect(passing.begin() == .forward(.bypass))
    }

    @Test("A condition that fails is 304 for QUERY, and an error for POST (RFC 9110 §13.1.2)")
    func validation() {
        for (method, isConditional) in [(HTTPMessages.Method.query, true), (.post, false)] {
            var machine = machine(method)
            #expect(machine.begin() == .collectBody)
            #expect(machine.bodyCollected() == .searchMemory)
            #expect(machine.memorySearched(.stale(reason: .stale, mayServeOnError: true)) == .joinFlight)
            #expect(machine.flightJoined(.leader) == .fetch(conditional: isConditional))
            #expect(machine.upstreamFailed() == .serveStored)
        }
    }

    @Test func aClientThatLeavesBeforeItsBodyHasComeEndsTheRequest() {
        var machine = machine(.query)
        #expect(machine.begin() == .collectBody)
        #expect(machine.clientLeft(feedsOthers: false) == .cancel)
        #expect(machine.state == .finished)
    }
}
