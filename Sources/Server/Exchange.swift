// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings
import Storage
import Upstreams

/// A request that could not be answered at once: drives its `RequestMachine` against memory, flights, an upstream
/// and its client. Without a client it fills the cache, or feeds those who wait for the same key.
///
/// As a `Deadline` it bounds how long it follows another's fetch.
final class Exchange: Deadline {
    let worker: Worker
    var client: ClientConnection?
    private let slot: HeadSlot
    var request: ClientRequest
    var machine: RequestMachine
    var answer = Answer(outcome: .pass)

    // What it looks for, and what it found.
    private(set) var key: ContiguousArray<UInt8> = []
    private(set) var keyHash: UInt64 = 0
    /// Which of the key's variants it wants, as far as it is known how the key varies.
    var variant: FlightVariant?
    var stored: StoredResponse?
    /// The newest invalidation that was known when `stored` was found to be valid.
    var foundEpoch: UInt64 = 0
    /// For whom it has a place among the tunnels of its route.
    var tunnelClient: UpstreamClient?
    /// The flight it leads or follows.
    var flight: Flight?
    var leads = false
    /// When it goes alone, however many flights it has followed; 0 before the first.
    var followsUntilNanoseconds: Int64 = 0
    /// The leader's error, should this request have to share it.
    var failureCode: UInt16 = 502

    // Its upstream.
    /// Of the configuration under which the request came, or the one that took its place.
    var driver: UpstreamDriver
    var upstream: UpstreamConnection?
    var wait: UpstreamWait?
    /// Under way in the second tier.
    var tierLookup: TierLookup?
    /// Other nodes wait for its fetch, or it for theirs.
    var turn: TierTurn?
    /// What to do with what came meanwhile.
    var turnAction: SecondTierAction?
    /// What other nodes have of what it fetched.
    var fetchEnd = FetchEnd.nothingToShare
    var requestBody: RequestBodyRelay
    /// What has come of a body that is to be keyed, or has turned out too long for it.
    var collected = ByteBuffer()
    /// What `collected` may take.
    var held = ClientHold()
    var retries = 0
    var sentAt = Moment(monotonicNanoseconds: 0, wallNanoseconds: 0)
    var epoch: UInt64 = 0
    /// What the origin granted to the response being stored, of which memory may keep to less.
    var grantedLifetimeMilliseconds: Int64 = 0
    var intake = Intake.none
    /// What the body that it takes from memory knows it by.
    var reader: Int?
    /// Of a coded body that is to be stored.
    var check: BodyCheck?
    /// Of what is stored: all of it has come.
    var isBodyComplete = false
    /// It must not be stored: an invalidation has overtaken it.
    var isOutdated = false
    /// A part that passes on to the client and is to be stored.
    var collector: PartCollector?
    /// What is stored already of the body that is being stored.
    var completion: BodyCompletion?
    /// What its upstream driver knows it by while it waits.
    var waiter: UpstreamWaiter?
    /// It fills the cache for nobody in particular.
    let isBackground: Bool
    /// The client's, or of the one on whose account it fills the cache.
    let peer: IPAddress?

    // Its client's answer.
    var delivery: Delivery
    private(set) var isOver = false

    /// What becomes of the origin's body.
    enum Intake {
        case none
        /// Straight on to the client.
        case relay
        /// Into memory, from where client and followers take it.
        case store(StreamedResponse)
        /// Bytes of an upgraded protocol, both ways.
        case tunnel(Tunnel)
    }

    init(
        worker: Worker, client: ClientConnection?, slot: HeadSlot, request: consuming ClientRequest,
        machine: RequestMachine, peer: IPAddress?
    ) {
        self.worker = worker
        self.client = client
        self.slot = slot
        self.machine = machine
        isBackground = client == nil
        driver = worker.driver(of: request.route)
        self.peer = peer
        requestBody = RequestBodyRelay(
            framing: client == nil ? .none : request.framing, limits: worker.wireLimits)
        self.request = request
        delivery = Delivery(version: slot.head.version, isHead: slot.head.method == .head)
        super.init()
        attachDeadline(to: worker.loop)
        if worker.tier != nil { self.machine.secondTierExists() }
    }

    deinit { worker.headSlots.give(back: slot) }

    var head: RequestHead { _read { yield slot.head } }

    /// What spoke of a body that is gone.
    func forgetBodyFields() {
        for name in [
            FieldName.contentType, .contentEncoding, .contentLanguage, .contentLength, .transferEncoding, .trailer,
            .expect,
        ] { slot.head.fields.remove(name) }
    }

    /// Who asked, past the proxies that are trusted.
    var clientAddress: IPAddress? { head.client?.address ?? peer }

    /// The client, with the worker's output put at its service.
    func clientToWriteTo() -> ClientConnection? {
        guard let client else { return nil }
        worker.claimOutput(for: client)
        return client
    }

    /// What it keeps besides what is stored or may be.
    var heldBytes: Int {
        slot.head.fields.allocatedBytes + collected.capacity + (request.content?.bytes.count ?? 0)
            + (upstream?.heldOutputBytes ?? 0) + key.count
    }

    // MARK: The flow

    func adoptKey(_ key: ContiguousArray<UInt8>) {
        self.key = key
        keyHash = worker.shared.hasher.hash64(key.span)
    }

    /// The worker has searched memory; its scratch still holds the key.
    func found(_ found: Found) {
        stored = found.stored
        foundEpoch = found.epoch
        keyHash = found.keyHash
        // What is not stored needs no key of its own, as long as nothing else turns out.
        if case .uncacheable = found.answer { return }
        if key.isEmpty { key = worker.keyCopy() }
    }

    func adoptEpoch() { if epoch == 0 { epoch = worker.currentEpoch } }

    func proceed(_ action: LookupAction) {
        switch action {
        case .serveStored: serveStored()
        case .serveStoredAndRefresh:
            if let stored { worker.refresh(stored, foundEpoch, head: head, request: request, peer: peer) }
            serveStored()
        case .joinFlight: joinFlight()
        case .fetchAlone(let conditional): fetch(conditional: conditional)
        case .refuse: fail(Status(504), detail: "only-if-cached")
        }
    }

    private func joinFlight() {
        learnVariant()
        var place = placeInFlight()
        if case .varies(let rule) = place {
            variant = worker.variant(of: head.fields, rule: rule.span)
            place = placeInFlight()
        }
        switch place {
        case .leader(let flight):
            self.flight = flight
            leads = true
            epoch = flight.epoch
            joined(isOvertaken() ? .overtaken : .leader)
        case .follower(let flight):
            self.flight = flight
            joined(.follower)
        // What varies was asked for by its variant.
        case .full, .varies: joined(.full)
        }
    }

    /// What memory holds under the key tells how it varies.
    private func learnVariant() {
        guard variant == nil else { return }
        let key = self.key
        if let stored {
            variant = worker.variant(of: head.fields, rule: stored.varyRule)
        } else if machine.forwardReason == .varyMiss, let other = worker.store.newest(key: key.span, hash: keyHash) {
            variant = worker.variant(of: head.fields, rule: other.varyRule)
        }
    }

    private func placeInFlight() -> FlightTable.Place {
        worker.shared.flights.join(
            key: key, variant: variant, hash: keyHash, worker: worker.link,
            followerLimit: request.route.settings.coalesce.followerLimit, store: worker.store)
    }

    /// The second tier knows by which request fields the key varies: who wants another variant need not wait for
    /// this one.
    func learnedVariant(_ learned: FlightVariant) {
        guard variant != learned else { return }
        variant = learned
        guard let flight, leads else { return }
        worker.shared.flights.identify(flight, variant: learned)
        flight.wentOn(to: .awaitingVariant(learned))
    }

    /// Between the search of memory and the flight another loop's may have ended: what it stored is not fetched once
    /// more (promise 4).
    private func isOvertaken() -> Bool {
        let found = worker.search(head, request)
        guard found.answer == .fresh, let stored = found.stored else { return false }
        self.stored = stored
        endFlight(.found(stored, isInMemory: true))
        return true
    }

    private func joined(_ role: FlightRole) {
        switch machine.flightJoined(role) {
        case .fetch(let conditional):
            answer.isCollapsed = false
            fetch(conditional: conditional)
        case .follow: startFollowing()
        case .serveStored: serveStored()
        case .refuse: fail(Status(503), detail: "too-many-waiting")
        }
    }

    func searchAgain() {
        let found = worker.search(head, request)
        stored = found.stored
        foundEpoch = found.epoch
        proceed(machine.memorySearched(found.answer))
    }

    /// Leads the flight to fill the cache anew, for nobody in particular.
    func refresh(
        _ flight: Flight, key: ContiguousArray<UInt8>, variant: FlightVariant?, stored: StoredResponse,
        foundEpoch: UInt64
    ) {
        self.flight = flight
        self.variant = variant
        leads = true
        self.key = key
        self.stored = stored
        self.foundEpoch = foundEpoch
        keyHash = flight.keyHash
        epoch = flight.epoch
        // What was looked up already begins like the first time.
        if case .collectBody = machine.begin() { _ = machine.bodyCollected() }  // it has come
        // Nobody is served by it, but neither is what may answer for a failed origin replaced by the failure.
        let mayServe = worker.mayServeOnError(stored.metadata, request)
        _ = machine.memorySearched(.stale(reason: .stale, mayServeOnError: mayServe))  // known by the caller
        joined(.leader)
    }

    override func deadlinePassed() {
        if let tierLookup { return tierLookup.timePassed() }
        if let turn { return turn.timePassed() }
        guard machine.state == .following else { return waitedForReaders() }
        leaveFlight()
        heard(.waitedTooLong)
    }

    /// What is stored answers although it is stale, or because the origin confirmed it.
    func serveStored() {
        guard let stored, let client = clientToWriteTo() else { return finish(status: Status(499)) }
        answer.stale = machine.staleReason
        if answer.outcome != .revalidated { answer.outcome = answer.stale == nil ? .hit : .stale }
        answer.forward = machine.forwardReason
        answer.ttlSeconds = stored.metadata.freshForMilliseconds(worker.loop.now) / 1000
        respond(with: stored, to: client)
    }

    /// What is stored goes out at once, as this request wants it, and that is the end.
    func respond(with stored: StoredResponse, to client: ClientConnection) {
        if worker.decodesInSteps(stored, for: head, request.route) { return streamDecoded(stored) }
        let status = worker.respond(with: stored, to: head, on: client, request: request, answer: &answer)
        finish(status: Status(status))
    }

    // MARK: The end

    /// An error of our own, in place of an answer.
    func fail(_ status: Status, detail: StaticString) {
        answer.outcome = .local
        answer.detail = detail
        answer.forward = machine.forwardReason
        passOverBodyAtHand()
        judgeRestOfBody()
        if let client = clientToWriteTo() {
            worker.writeLocalAnswer(
                status, detail: detail, isHead: head.method == .head, keepsOpen: request.keepsOpen,
                version: head.version, answer: answer)
            client.flush()
        }
        finish(status: status)
    }

    /// The answer has begun and cannot be completed: the client must see that (promise 6).
    func breakOff(detail: StaticString) {
        answer.detail = detail
        let client = self.client
        self.client = nil
        over(status: Status(delivery.status), client: client)
        client?.breakOff()
    }

    func finish(status: Status) {
        let client = self.client
        self.client = nil
        over(status: status, client: client)
        guard let client else { return }
        let reusable = request.keepsOpen && !delivery.endsWithConnection && !isTunnel
        if !requestBody.isComplete { client.passOver(reusable && restOfBodyIsShort ? UnwantedBody(requestBody) : nil) }
        client.exchangeEnded(reusable: reusable)
    }

    func over(status: Status, client: ClientConnection?) {
        guard !isOver else { return }
        isOver = true
        cancelDeadline()
        // Who has not begun to read what passes can still go alone.
        if leads { endFlight(passing == nil ? .failed(status, isOwn: true) : .uncacheable) }
        machine.responded()
        if wait != nil { driver.left(self) }
        if let upstream { upstream.abandon() }
        upstream = nil
        held.empty(into: worker.shared.heldForClients)
        leaveBody()
        leaveFlight()
        leaveTunnel()
        if let client { record(status: status.code, client: client) }
    }

    func record(status: UInt16, client: ClientConnection) {
        answer.receivedContentByteCount += requestBody.receivedByteCount
        worker.record(status: status, request: request, head: head, client: client, answer: answer)
    }

    /// The leader tells how it ended.
    func endFlight(_ phase: FlightPhase) {
        guard let flight, leads else { return }
        self.flight = nil
        leads = false
        worker.shared.flights.remove(flight)
        if passing != nil { worker.lead(flight, by: nil) }
        endTurn(phase)
        flight.wentOn(to: phase)
    }

    func clientLeft() {
        if isTunnel { return clientLeftTunnel() }
        client = nil
        leaveBody()
        switch machine.clientLeft(feedsOthers: feedsOthers) {
        case .cancel: over(status: Status(499), client: nil)
        case .carryOn: break
        }
    }
}
