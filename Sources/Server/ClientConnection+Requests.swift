// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings
import Storage
import Telemetry

/// From a request's head to an answer from memory, or to an exchange that takes it further.
extension ClientConnection {
    /// Answers whether an exchange has taken the head over.
    /// - Parameter bytes: what has come, from the head on.
    func begin(_ slot: HeadSlot, headByteCount: Int, in bytes: borrowing Span<UInt8>) -> Bool {
        let snapshot = worker.snapshot
        // Before anything tells who asks, and before Connection is heeded.
        if slot.head.fields.present.intersects(ForwardedRule.names) { heedProxy(&slot.head, snapshot) }
        // Before anything reads the target, so that all read the same.
        if !slot.head.hasNormalTarget, !normalizeTarget(slot) { return false }
        guard let request = admit(&slot.head, headByteCount: headByteCount, in: bytes, snapshot) else { return false }
        if case .options = slot.head.method { slot.head.countForward() }
        var machine = RequestMachine(request.facts(of: slot.head))
        switch machine.begin() {
        case .forward:
            makeExchange(slot, request, machine).forward()
            return true
        case .searchMemory: return search(slot, request, in: bytes, &machine)
        case .collectBody:
            makeExchange(slot, request, machine).collectBody()
            return true
        case .discardBody:
            makeExchange(slot, request, machine).discardBody()
            return true
        }
    }

    /// Whether the target can be read in one way only; if not, that has been answered.
    private func normalizeTarget(_ slot: HeadSlot) -> Bool {
        do throws(PercentEncoding.Flaw) {
            try slot.head.normalizeTarget(scratch: &worker.scratch)
            return true
        } catch {
            refuse(Status(400), detail: error.reason, head: slot.head)
            return false
        }
    }

    /// What is known of the request; nil when that was enough to answer it.
    @inline(__always)
    private func admit(
        _ head: inout RequestHead, headByteCount: Int, in bytes: borrowing Span<UInt8>, _ snapshot: ProxySnapshot
    ) -> ClientRequest? {
        let framing: BodyFraming
        let expectsContinue: Bool
        do throws(RequestError) {
            framing = try MessageFraming.ofRequest(head)
            expectsContinue = try RequestExpectation.ofRequest(head).isContinue
        } catch {
            refuse(error.status, detail: error.reason, head: head)
            return nil
        }
        let connection = ConnectionOptions.parse(head.fields)
        clientMayGoOn = connection.persists(head.version)
        let reuse = clientMayGoOn && keepsOpen(snapshot)
        let body = RequestBody(framing: framing, expectsContinue: expectsContinue, start: headByteCount)
        if case .length(let count) = framing, snapshot.exceedsBodyLimit(count) {
            answerLocally(
                Status(413), detail: "body-too-large", head: head, body: body, in: bytes, keepsOpen: reuse)
            return nil
        }
        guard headByteCount < ConnectionPlace.largeBytes || mayHold(headByteCount) else {
            answerLocally(
                Status(503), detail: "connection-memory", head: head, body: body, in: bytes, keepsOpen: reuse)
            return nil
        }
        settle(&head, connection, snapshot)
        guard let index = snapshot.router.match(path: head.path, method: head.method, host: head.authority) else {
            answerLocally(Status(404), detail: "no-route", head: head, body: body, in: bytes, keepsOpen: reuse)
            return nil
        }
        let route = snapshot.routes[index]
        if let own = answerOfOurOwn(head, snapshot) {
            answerLocally(own.status, detail: own.detail, head: head, body: body, in: bytes, keepsOpen: reuse)
            return nil
        }
        if case .purge = head.method {
            purge(head, route: route, body: body, in: bytes, keepsOpen: reuse)
            return nil
        }
        var request = ClientRequest(
            route: route, framing: framing, keepsOpen: reuse, expectsContinue: expectsContinue,
            wantsUpgrade: connection.upgrade && route.takesUpgrade(of: head, connection, framing),
            startedNanoseconds: startedNanoseconds, headByteCount: headByteCount)
        if head.fields.present.intersects(route.fieldsOfDoubt) { dropUnsent(&head, &request, snapshot) }
        if head.fields.present.intersects(Self.directiveFields) {
            request.directives = RequestDirectives.parse(head.fields)
        }
        return request
    }

    /// X-Forwarded-For and its kin: whom a trusted proxy has the request from, and how; then as they are sent.
    @inline(never)
    private func heedProxy(_ head: inout RequestHead, _ snapshot: ProxySnapshot) {
        guard let peer, snapshot.trusts(peer) else {
            return snapshot.forwarded.apply(to: &head, believed: [])
        }
        head.client = ClientAddress.find(
            peer: peer, fields: head.fields, trusted: snapshot.trustedProxies, written: snapshot.trustedFields)
        snapshot.forwarded.apply(to: &head, believed: snapshot.trustedFields.names)
    }

    /// What Connection lists, and the authority: as they are sent, whatever the route.
    @inline(__always)
    private func settle(_ head: inout RequestHead, _ connection: ConnectionOptions, _ snapshot: ProxySnapshot) {
        if connection.namesFields {
            HopByHop.removeListed(from: &head.fields, keepsIdentity: snapshot.trusts(peer))
        }
        if head.namesPlainHost {
            head.hasPlainAuthority = true
        } else if head.authorityRange == nil, Authority.isPlainAsSent(head.authority, isSecure: head.isSecure) {
            head.foundPlainAuthority()
        } else {
            settleAuthority(&head)
        }
    }

    @inline(never)
    private func settleAuthority(_ head: inout RequestHead) {
        if head.authorityRange != nil || !Authority.isAsSent(head.authority, isSecure: head.isSecure) {
            var authority = ByteBuffer(capacity: head.authority.count)
            Authority.writeSent(head.authority, isSecure: head.isSecure, into: &authority)
            head.setAuthority(authority.span)
        }
        head.hasPlainAuthority = Authority.isPlain(head.authority)
    }

    /// What the route does not send on.
    @inline(never)
    private func dropUnsent(_ head: inout RequestHead, _ request: inout ClientRequest, _ snapshot: ProxySnapshot) {
        let route = request.route
        let outcome = route.sentFields.apply(
            to: &head.fields, isTrusted: snapshot.trusts(peer), keepsUpgrade: request.wantsUpgrade,
            mayOverrideMethod: !head.method.isSafe && !route.keysBody(of: head.method))
        request.keysIdentity = outcome.keysIdentity
        request.overridesMethod = outcome.overridesMethod
        worker.recordDropped(.identity, outcome.identityLines, route)
        worker.recordDropped(.unusualName, outcome.unusualLines, route)
    }

    private static var directiveFields: FieldNameSet { FieldNameSet(.cacheControl).with(.pragma) }

    /// Whether the next request is welcome.
    private func keepsOpen(_ snapshot: ProxySnapshot) -> Bool {
        if worker.isDraining { return false }
        let limit = snapshot.maxRequestsPerConnection
        return limit == 0 || requestCount < limit
    }

    /// What no server is asked for. Larder is no forward proxy, and TRACE would show a stranger what the proxy adds
    /// (RFC 9110 §9.3.8).
    private func answerOfOurOwn(
        _ head: borrowing RequestHead, _ snapshot: ProxySnapshot
    ) -> (status: Status, detail: StaticString)? {
        switch head.method {
        case .connect, .trace: return (status: Status(405), detail: "method")
        case .purge where !snapshot.takesPurge: return (status: Status(405), detail: "method")
        case .options where head.isAtItsLastStop: return (status: Status(204), detail: "max-forwards")
        default: break
        }
        guard head.fields.contains(.via), snapshot.isNamed(inViaOf: head.fields) else { return nil }
        return (status: Status(508), detail: "via-loop")
    }

    private func search(
        _ slot: HeadSlot, _ request: consuming ClientRequest, in bytes: borrowing Span<UInt8>,
        _ machine: inout RequestMachine
    ) -> Bool {
        let found = worker.search(slot.head, request)
        switch machine.memorySearched(found.answer) {
        case .serveStored:
            guard let stored = found.stored else { preconditionFailure("what is served was found") }
            if stored.coding != .identity, worker.decodesInSteps(stored, for: slot.head, request.route) {
                let exchange = makeExchange(slot, request, machine)
                exchange.found(found)
                exchange.serveStored()
                return true
            }
            serve(stored, slot.head, request, stale: machine.staleReason)
        case .serveStoredAndRefresh:
            guard let stored = found.stored else { preconditionFailure("what is served was found") }
            worker.refresh(stored, found.epoch, head: slot.head, request: request, peer: peer)
            serve(stored, slot.head, request, stale: machine.staleReason)
        case .refuse:
            answerLocally(
                Status(504), detail: "only-if-cached", head: slot.head,
                body: RequestBody(
                    framing: request.framing, expectsContinue: request.expectsContinue, start: request.headByteCount),
                in: bytes, keepsOpen: request.keepsOpen, route: request.route)
        case let action:
            let exchange = makeExchange(slot, request, machine)
            exchange.found(found)
            exchange.proceed(action)
            return true
        }
        return false
    }

    private func makeExchange(_ slot: HeadSlot, _ request: consuming ClientRequest, _ machine: RequestMachine)
        -> Exchange
    {
        let exchange = Exchange(
            worker: worker, client: self, slot: slot, request: request, machine: machine, peer: peer)
        self.exchange = exchange
        return exchange
    }

    /// A stored response goes out at once and whole; the exchange is over before it was one.
    private func serve(
        _ stored: StoredResponse, _ head: borrowing RequestHead, _ request: borrowing ClientRequest,
        stale: StaleReason?
    ) {
        var answer = Answer(outcome: stale == nil ? .hit : .stale)
        answer.stale = stale
        answer.ttlSeconds = stored.metadata.freshForMilliseconds(loop.now) / 1000
        let status = worker.respond(with: stored, to: head, on: self, request: request, answer: &answer)
        if !request.keepsOpen || saidClose { closeAfterOutput() }
        worker.record(status: status, request: request, head: head, client: self, answer: answer)
    }

    /// An invalidation in the request's own words, where the operator allowed it.
    private func purge(
        _ head: borrowing RequestHead, route: CompiledRoute, body: RequestBody, in bytes: borrowing Span<UInt8>,
        keepsOpen: Bool
    ) {
        guard worker.mayPurge(head, peer: peer) else {
            return answerLocally(Status(403), detail: "purge", head: head, body: body, in: bytes, keepsOpen: keepsOpen)
        }
        let removed = worker.purge(head, route: route)
        answerLocally(
            Status(removed > 0 ? 200 : 404), detail: "purged", head: head, body: body, in: bytes,
            keepsOpen: keepsOpen, route: route)
    }

    // MARK: Answers of our own

    /// The bytes are no request; nothing after them can be one either.
    func refuse(_ status: Status, detail: StaticString, isHead: Bool) {
        writeRefusal(status, detail, isHead: isHead)
        worker.recordRefusal(status: status, detail: detail, client: self)
    }

    /// The request cannot be answered, and where it ends is not known.
    private func refuse(_ status: Status, detail: StaticString, head: borrowing RequestHead) {
        writeRefusal(status, detail, isHead: head.method == .head)
        worker.recordLocal(status: status, detail: detail, head: head, route: nil, client: self)
    }

    private func writeRefusal(_ status: Status, _ detail: StaticString, isHead: Bool) {
        worker.claimOutput(for: self)
        worker.writeLocalAnswer(status, detail: detail, isHead: isHead, keepsOpen: false, version: .http11)
        closeAfterOutput(lingering: true)
    }

    /// Where the body of a request lies that is answered without it.
    private struct RequestBody {
        let framing: BodyFraming
        let expectsContinue: Bool
        /// Among the bytes that have come.
        let start: Int
    }

    private func answerLocally(
        _ status: Status, detail: StaticString, head: borrowing RequestHead, body: RequestBody,
        in bytes: borrowing Span<UInt8>, keepsOpen: Bool, route: CompiledRoute? = nil
    ) {
        worker.claimOutput(for: self)
        // A body that nobody reads would be taken for the next request, and so would what a client that asked for a
        // tunnel sends through it without waiting (RFC 9931).
        let asksForTunnel = head.method == .connect
        let reuse =
            keepsOpen && !asksForTunnel
            && UnwantedBody.isShort(
                body.framing, expectsContinue: body.expectsContinue, in: bytes, from: body.start,
                limits: worker.wireLimits)
        worker.writeLocalAnswer(
            status, detail: detail, isHead: head.method == .head, keepsOpen: reuse, version: head.version)
        if !reuse || saidClose {
            closeAfterOutput(lingering: body.framing.hasContent || asksForTunnel)
        } else if body.framing.hasContent {
            passOver(UnwantedBody(RequestBodyRelay(framing: body.framing, limits: worker.wireLimits)))
        }
        worker.recordLocal(status: status, detail: detail, head: head, route: route, client: self)
    }
}
