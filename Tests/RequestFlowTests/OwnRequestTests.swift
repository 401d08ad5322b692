// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import RequestFlow
import Testing

/// Requests that say something which concerns them alone: their answers are nobody else's (promise 2).
@Suite struct OwnRequestTests {
    @Test(arguments: [
        RequestFacts(method: .get, wantsUpgrade: true), RequestFacts(method: .get, isForOrigin: true),
        RequestFacts(method: .head, isForOrigin: true),
        RequestFacts(method: .post, isKeyedByBody: true, isForOrigin: true),
        RequestFacts(method: .query, isKeyedByBody: true, wantsUpgrade: true),
    ])
    func theyAreForwardedAndTouchNothing(facts: RequestFacts) {
        var machine = RequestMachine(facts)
        #expect(machine.begin() == .forward(.request))
        #expect(!machine.mayTouchStore)
    }

    @Test func whatARoutePassesTouchesNothing() {
        var machine = RequestMachine(RequestFacts(method: .head, routePasses: true))
        #expect(machine.begin() == .forward(.bypass))
        #expect(!machine.mayTouchStore)
    }

    @Test func aPlainPOSTMayBringWhatGETWould() {
        for facts in [
            RequestFacts(method: .post, hasBody: true), RequestFacts(method: .post, hasRange: true),
            RequestFacts(method: .post, isForOrigin: true), RequestFacts(method: .post, wantsUpgrade: true),
        ] {
            var machine = RequestMachine(facts)
            #expect(machine.begin() == .forward(.method))
            #expect(machine.mayTouchStore == facts.hasBody)
        }
    }

    @Test(arguments: [Method.get, .head])
    func contentOfGETIsDroppedBeforeTheLookup(method: Method) {
        var machine = RequestMachine(RequestFacts(method: method, hasBody: true))
        #expect(machine.begin() == .discardBody)
        #expect(machine.state == .discardingBody)
        #expect(machine.discardsBody)
        #expect(machine.bodyDiscarded() == .searchMemory)
        #expect(machine.mayTouchStore)
        var conditional = RequestMachine(RequestFacts(method: method, hasBody: true, isForOrigin: true))
        #expect(conditional.begin() == .discardBody)
        #expect(conditional.bodyDiscarded() == .forward(.request))
        #expect(!conditional.mayTouchStore)
    }

    @Test func contentIsKeptWhereItMeansSomething() {
        #expect(!RequestMachine(RequestFacts(method: .get, hasBody: true, routePasses: true)).discardsBody)
        #expect(!RequestMachine(RequestFacts(method: .post, hasBody: true)).discardsBody)
        #expect(!RequestMachine(RequestFacts(method: .query, isKeyedByBody: true, hasBody: true)).discardsBody)
    }

    @Test func aConfirmationOfWhatWasInvalidatedBeginsAnew() {
        var machine = RequestMachine(RequestFacts(method: .get))
        #expect(machine.begin() == .searchMemory)
        #expect(machine.memorySearched(.stale(reason: .stale, mayServeOnError: true)) == .joinFlight)
        #expect(machine.flightJoined(.leader) == .fetch(conditional: true))
        #expect(machine.asksAboutStored)
        machine.storedInvalidated()
        #expect(machine.upstreamAnswered(.overtaken) == .searchAgain)
        #expect(machine.state == .searchingMemory)
        #expect(!machine.asksAboutStored && !machine.isConditional)
        #expect(machine.memorySearched(.absent) == .joinFlight)
    }

    @Test func whatWasInvalidatedDoesNotAnswerForAFailedOrigin() {
        var machine = RequestMachine(RequestFacts(method: .get))
        #expect(machine.begin() == .searchMemory)
        #expect(machine.memorySearched(.stale(reason: .stale, mayServeOnError: true)) == .joinFlight)
        #expect(machine.flightJoined(.leader) == .fetch(conditional: true))
        machine.storedInvalidated()
        #expect(machine.upstreamFailed() == .fail)
    }
}
