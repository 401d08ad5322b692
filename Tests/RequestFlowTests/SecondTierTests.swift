// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import RequestFlow
import Testing

@Suite struct SecondTierTests {
    /// A request that memory answered so, with a second tier, and with the flight joined if it wants one.
    private static func machine(
        _ method: Method = .get, memory: MemoryAnswer, role: FlightRole = .leader, coalesces: Bool = true
    ) -> RequestMachine {
        var machine = RequestMachine(RequestFacts(method: method, coalesces: coalesces))
        guard case .searchMemory = machine.begin() else { return machine }
        let action = machine.memorySearched(memory)
        machine.secondTierExists()
        if action == .joinFlight { _ = machine.flightJoined(role) }  // its role was given
        return machine
    }

    @Test(arguments: [
        (Method.get, MemoryAnswer.absent), (.head, .absent), (.get, .variantMissing),
        (.get, .stale(reason: .stale, mayServeOnError: true)),
    ])
    func itIsAskedOnceForWhatMemoryLacks(method: Method, memory: MemoryAnswer) {
        var machine = Self.machine(method, memory: memory)
        #expect(machine.fetchBegins() == .searchSecondTier)
        #expect(machine.secondTierSearched(.absent, isReachable: true) == .fetch)
        #expect(machine.fetchBegins() == .fetch)
        #expect(machine.state == (method == .get ? .leading : .fetchingAlone))
    }

    @Test(arguments: [MemoryAnswer.uncacheable, .stale(reason: .request, mayServeOnError: false)])
    func itIsNotAskedForWhatItCannotHave(memory: MemoryAnswer) {
        var machine = Self.machine(memory: memory)
        #expect(machine.fetchBegins() == .fetch)
    }

    @Test func itIsNotAskedForWhatGoesStraightToTheOrigin() {
        var machine = RequestMachine(RequestFacts(method: .post))
        #expect(machine.begin() == .forward(.method))
        machine.secondTierExists()
        #expect(machine.fetchBegins() == .fetch)
    }

    @Test func itIsNotAskedWhenThereIsNone() {
        var machine = RequestMachine(RequestFacts(method: .get))
        #expect(machine.begin() == .searchMemory)
        #expect(machine.memorySearched(.absent) == .joinFlight)
        #expect(machine.flightJoined(.leader) == .fetch(conditional: false))
        #expect(machine.fetchBegins() == .fetch)
    }

    @Test(arguments: [
        (MemoryAnswer.fresh, SecondTierAction.serveStored), (.staleAccepted, .serveStored),
        (.staleWhileRevalidate, .serveStoredAndRefresh),
    ])
    func whatItHasIsServed(answer: MemoryAnswer, action: SecondTierAction) {
        var machine = Self.machine(memory: .absent)
        #expect(machine.fetchBegins() == .searchSecondTier)
        #expect(machine.secondTierSearched(answer, isReachable: true) == action)
        #expect(machine.state == .responding)
    }

    @Test func whatItHasStaleIsValidatedAndMayServeOnError() {
        var machine = Self.machine(memory: .absent)
        #expect(machine.fetchBegins() == .searchSecondTier)
        #expect(machine.secondTierSearched(.stale(reason: .stale, mayServeOnError: true), isReachable: true) == .fetch)
        #expect(machine.isConditional && machine.forwardReason == .stale)
        #expect(machine.upstreamFailed() == .serveStored)
    }

    @Test func aLeaderThatAsksGoesOnForItsFollowersWithoutItsClient() {
        var machine = Self.machine(memory: .absent)
        #expect(machine.fetchBegins() == .searchSecondTier)
        #expect(machine.clientLeft(feedsOthers: true) == .carryOn)
        #expect(machine.secondTierSearched(.absent, isReachable: true) == .fetch)
        #expect(machine.state == .leading)
    }

    @Test func afterAnInvalidationItIsAskedAgain() {
        var machine = Self.machine(memory: .absent, role: .follower)
        #expect(machine.flightWentOn(.invalidated) == .searchMemoryAgain)
        #expect(machine.memorySearched(.absent) == .joinFlight)
        #expect(machine.flightJoined(.leader) == .fetch(conditional: false))
        #expect(machine.fetchBegins() == .searchSecondTier)
    }

    // MARK: Turns among nodes

    private static func turning(
        _ method: Method = .get, role: FlightRole = .leader, coalescesNodes: Bool = true
    ) -> RequestMachine {
        var machine = RequestMachine(RequestFacts(method: method, coalescesNodes: coalescesNodes))
        _ = machine.begin()  // memory is searched
        let action = machine.memorySearched(.absent)
        machine.secondTierExists()
        if action == .joinFlight { _ = machine.flightJoined(role) }  // its role was given
        #expect(machine.fetchBegins() == .searchSecondTier)
        return machine
    }

    @Test func whoLeadsForItsNodeTakesItsTurnAmongNodes() {
        var machine = Self.turning()
        #expect(machine.secondTierSearched(.absent, isReachable: true) == .takeTurn)
        #expect(machine.turnBrought(.absent) == nil && machine.state == .takingTurn)
        machine.turnEnded()
        #expect(machine.state == .leading && machine.fetchBegins() == .fetch)
    }

    @Test(arguments: [MemoryAnswer.fresh, .staleWhileRevalidate])
    func whatAnotherNodeFetchedIsServed(answer: MemoryAnswer) {
        var machine = Self.turning()
        #expect(machine.secondTierSearched(.absent, isReachable: true) == .takeTurn)
        #expect(machine.turnBrought(answer) == (answer == .fresh ? .serveStored : .serveStoredAndRefresh))
        #expect(machine.state == .responding)
    }

    @Test func nobodyElseDoes() {
        var unreachable = Self.turning()
        #expect(unreachable.secondTierSearched(.absent, isReachable: false) == .fetch)
        var alone = Self.turning(.head)
        #expect(alone.secondTierSearched(.absent, isReachable: true) == .fetch)
        var plain = Self.turning(coalescesNodes: false)
        #expect(plain.secondTierSearched(.absent, isReachable: true) == .fetch)
        var found = Self.turning()
        #expect(found.secondTierSearched(.fresh, isReachable: true) == .serveStored)
    }
}
