// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Compression
import EventIO
import HTTPMessages
import HTTPWire
import RequestFlow
import Storage

/// The way down: the origin's head is judged, its body relayed or stored.
extension Exchange {
    /// A 1xx is passed on to a client that can understand it (RFC 9110 §15.2), at the pace at which it reads.
    func interimReceived(_ response: borrowing ResponseHead) {
        guard head.version == .http11, isWanted(response), let client = clientToWriteTo() else { return }
        ResponseHeadWriter.writeInterim(response, into: &worker.output)
        client.flush()
        if worker.isAboveHighWater(client.pendingByteCount) { upstream?.pause() }
    }

    /// RFC 9110 §15.2.1: a 100 is for who waits for it before sending content, once.
    private func isWanted(_ response: borrowing ResponseHead) -> Bool {
        guard response.status.code == 100 else { return true }
        guard request.expectsContinue, !requestBody.isComplete, !requestBody.isContinued else { return false }
        requestBody.isContinued = true
        return true
    }

    /// - Parameter rest: what came behind the head; only looked at.
    /// - Returns: how many bytes of `rest` were used up with the whole body; nil when the body is still to be fed.
    func headReceived(_ response: borrowing ResponseHead, framing: BodyFraming, rest: borrowing Span<UInt8>) -> Int? {
        let now = worker.loop.now
        answer.forwardStatus = response.status.code
        answer.upstreamNanoseconds = now.monotonicNanoseconds - sentAt.monotonicNanoseconds
        if response.status.code == 101 {
            beginTunnel(response)
            return nil
        }
        if tunnelClient != nil { leaveTunnel() }
        if isEndless(response, framing), let upstream, !upstream.becomesStream() { return refuseStream() }
        judgeRestOfBody()
        meetInvalidations(response)
        invalidateByMethod(response)
        let decision = storeDecision(response, now: now)
        let isOvertaken = isStoredInvalidated
        if isOvertaken { machine.storedInvalidated() }
        switch machine.upstreamAnswered(judge(response, decision, framing, isOvertaken: isOvertaken)) {
        case .searchAgain: beginAnew()
        case .serveConfirmed: serveConfirmed(response, now: now)
        case .completeAndServe: completeStored(response)
        case .fetchWhole: fetchWhole()
        case .serveStored:
            endFlight(.failed(response.status, isOwn: true))
            upstream?.abandon()
            upstream = nil
            serveStored()
        case .storeAndServe:
            guard case .store(let metadata) = decision else { preconditionFailure("storable means stored") }
            if metadata.flags.contains(.isPartial) {
                beginCollecting(response, metadata, framing: framing, rest: rest)
                return nil
            }
            return beginStoring(response, metadata, framing: framing, rest: rest)
        case .relay: beginRelay(response, framing: framing)
        }
        return nil
    }

    /// Answers of that kind are counted apart, so that those who listen take no connection from requests (promise 7).
    private func isEndless(_ response: borrowing ResponseHead, _ framing: BodyFraming) -> Bool {
        switch framing {
        case .none, .length: false
        case .chunked, .untilClose: MediaTypes.isStreamOfEvents(response.fields)
        }
    }

    private func refuseStream() -> Int? {
        upstream?.abandon()
        upstream = nil
        fail(Status(503), detail: "too-many-streams")
        return nil
    }

    private func storeDecision(_ response: borrowing ResponseHead, now: Moment) -> StoreDecision {
        if machine.facts.routePasses { return .refuse(.route) }
        if let reason = unkeyedReason { return .refuse(reason) }
        let isOfOwnConditions = sendsOwnConditions && response.status.code != 200 && response.status.code != 206
        if !machine.mayTouchStore || isOfOwnConditions { return .refuse(.requestSpecific) }
        return Storability.assess(
            request: head, anyMethod: request.content != nil, response: response, policy: request.route.policy,
            requestSentAt: sentAt, responseReceivedAt: now)
    }

    private func judge(
        _ response: borrowing ResponseHead, _ decision: StoreDecision, _ framing: BodyFraming, isOvertaken: Bool
    ) -> UpstreamAnswer {
        if machine.isCompleting, let answer = judgeRest(response, framing) {
            return answer == .rest && isOvertaken ? .overtaken : answer
        }
        if response.status.code == 304, machine.isConditional { return isOvertaken ? .overtaken : .confirmed }
        if response.status.isServerError, machine.mayServeStaleOnError, coversError(response.status) {
            return .serverError
        }
        switch decision {
        case .store(let metadata) where metadata.flags.contains(.isPartial) && !mayCollect(response, framing):
            answer.notStored = .partial
            return .unstorable
        case .store: return .storable
        case .refuse(let reason):
            answer.notStored = reason
            return .unstorable
        }
    }

    private func coversError(_ status: Status) -> Bool {
        guard let stored else { return false }
        return StalePolicy.mayServeStaleOnError(
            stored.metadata, failure: .status(status), request: request.directives, policy: request.route.policy,
            now: worker.loop.now)
    }

    // MARK: Relaying

    func beginRelay(_ response: borrowing ResponseHead, framing: BodyFraming) {
        answer.outcome = machine.bypasses ? .pass : .miss
        if head.method == .head { worker.updateByHead(response, exchange: self) }
        endStored(by: response)
        rememberUncacheable()
        endFlight(.uncacheable)
        intake = .relay
        // Neither a client nor anybody who follows can have it.
        guard clientToWriteTo() != nil else { return finish(status: Status(499)) }
        let length = framing.contentLength(of: response, request: head.method)
        let coding: RelayCoding
        do throws(CodingError) {
            coding = try chooseRelayCoding(response, contentLength: length)
        } catch {
            return refuseRelay(error)
        }
        let sentLength = coding.isTransformed ? nil : length
        delivery.begin(status: response.status, contentLength: sentLength)
        ResponseHeadWriter.write(response, contentLength: sentLength, coding: coding, for: self)
    }

    private func refuseRelay(_ error: CodingError) {
        intake = .none
        upstream?.abandon()
        upstream = nil
        fail(Status(502), detail: error.label)
    }

    /// The next requests for the key do not queue behind one another (promise 4).
    private func rememberUncacheable() {
        if leads, let unshareable { remember(unshareable) }
    }

    func remember(_ unshareable: UnshareableAnswer) {
        let milliseconds = unshareable.rememberedMilliseconds
        guard milliseconds > 0 else { return }
        worker.store.rememberUncacheable(
            hash: keyHash, untilMonotonicMilliseconds: worker.loop.now.monotonicMilliseconds + milliseconds)
    }

    /// The origin's answer, if it is for nobody else.
    var unshareable: UnshareableAnswer? {
        answer.notStored.map { UnshareableAnswer($0, Status(answer.forwardStatus)) }
    }

    /// A piece of the body, as decoded.
    func bodyReceived(_ data: borrowing Span<UInt8>) {
        switch intake {
        case .none: return
        case .relay:
            collect(data)
            relay(data)
        case .tunnel(let tunnel):
            tunnel.moved()
            relay(data)
        case .store(let response): store(data, in: response)
        }
    }

    private func relay(_ data: borrowing Span<UInt8>) {
        guard let client = clientToWriteTo() else { return }
        if let transform = delivery.transform {
            relayTransformed(data, by: transform, to: client)
        } else {
            send(data, to: client)
        }
        if worker.isAboveHighWater(client.pendingByteCount), !client.holdsRest(of: upstream) { upstream?.pause() }
    }

    /// Small pieces are put together, larger ones leave by a gathered write without a copy.
    func send(_ data: borrowing Span<UInt8>, to client: ClientConnection) {
        if delivery.framing == .chunked { HeadWriter.chunkHeader(data.count, into: &worker.output) }
        if data.count <= Self.copiedByteLimit {
            worker.output.append(data)
        } else {
            worker.sendOutput(to: client, data)
            worker.claimOutput(for: client)
        }
        if delivery.framing == .chunked { worker.output.append("\r\n") }
        if worker.output.count > ClientConnection.outputHighWaterBytes { client.flush() }
    }

    static var copiedByteLimit: Int { 4096 }

    /// The whole of the body has come.
    func bodyEnded(trailers: borrowing Fields) {
        // Of what nobody wanted; another connection may be in its place already.
        if case .none = intake { return }
        upstream = nil
        switch intake {
        case .none, .tunnel: return
        case .relay: relayEnded(trailers: trailers)
        case .store(let response): storingEnded(response)
        }
    }

    /// What was put together during one read goes out.
    func readEnded() {
        flushTransform()
        flushCoded()
        client?.flush()
    }

    func clientBecameWritable() {
        switch intake {
        case .none: upstream?.resume()
        case .relay: if !goOnTransforming() { upstream?.resume() }
        case .tunnel(let tunnel): clientTakesMore(tunnel)
        case .store: pump()
        }
    }

    // MARK: Confirmed by 304

    private func serveConfirmed(_ response: borrowing ResponseHead, now: Moment) {
        guard let stored else { preconditionFailure("validators came from something stored") }
        intake = .none
        var fields = ResponseHead()
        guard StoredHead.parse(stored.head, into: &fields), StoredFieldUpdate.applies(response, to: fields.fields)
        else { return fetchUnconditionally() }
        answer.outcome = .revalidated
        guard let refreshed = StoredResponseMaker.refresh(stored, with: response, for: self),
            worker.mayAnswer(refreshed.response, head)
        else {
            return fetchUnconditionally()
        }
        upstream = nil
        self.stored = refreshed.response
        withhold(response)
        if let refusal = refreshed.refusal {
            answer.notStored = refusal
            if !refusal.isOfRequest { worker.forget(stored) }
            endFlight(.uncacheable)
        } else {
            answer.isStored = replace(stored, by: refreshed.response) == .stored
            endFlight(.stored(refreshed.response))
        }
        serveStored()
    }

    /// Whether an invalidation has ended what is stored since it was found.
    var isStoredInvalidated: Bool {
        guard machine.asksAboutStored, let stored else { return false }
        let verdict = worker.store.verdict(
            key: stored.key, hash: stored.keyHash, tags: stored.tags, since: foundEpoch)
        return verdict == .hard
    }

    /// The origin has confirmed what was invalidated meanwhile: that answers neither its client nor those who wait
    /// (promise 3), and the next fetch begins after the invalidation.
    private func beginAnew() {
        upstream?.abandon()
        upstream = nil
        stored = nil
        endFlight(.overtaken)
        epoch = 0
        guard client != nil else { return finish(status: Status(499)) }
        searchAgain()
    }

    /// The 304, or the part, speaks of something else than what is stored (RFC 9111 §4.3.4).
    func fetchUnconditionally() {
        if let stored { worker.forget(stored) }
        stored = nil
        // What is left of the answer must not be taken for the end of the next one.
        upstream?.abandon()
        upstream = nil
        machine.confirmationFailed()
        fetch(conditional: false)
    }

    // MARK: Unsafe methods

    /// A successful unsafe method makes what is stored for its target worthless (RFC 9111 §4.4).
    private func invalidateByMethod(_ response: borrowing ResponseHead) {
        // A POST that the route keys by its body is safe, by the operator's word.
        guard !head.method.isSafe, !machine.facts.isKeyedByBody else { return }
        worker.invalidateTargets(of: head, response: response, route: request.route)
    }
}
