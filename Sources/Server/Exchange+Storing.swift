// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings
import Storage

/// A storable answer: the body goes into memory, from where the leader's client and all followers take it.
extension Exchange {
    func beginStoring(
        _ response: borrowing ResponseHead, _ metadata: CachedMetadata, framing: BodyFraming,
        rest: borrowing Span<UInt8>
    ) -> Int? {
        answer.outcome = .miss
        withhold(response)
        // A 204 is whole with its head.
        let length = response.status.code == 204 ? 0 : framing.contentLength(of: response, request: head.method)
        takeKey()
        if isOutdated { return relayInstead(response, .invalidated, framing: framing) }
        releaseTurnEarly(response, contentLength: length)
        if let length, length > largestBodyBytes { return relayInstead(response, .tooLarge, framing: framing) }
        guard let draft = StoredResponseMaker.draft(response, metadata, contentLength: length, for: self)
        else { return relayInstead(response, .tooManyTags, framing: framing) }
        if draft.coding != .identity {
            check = BodyCheck(draft.coding, limit: worker.decodingLimit, store: worker.store)
        }
        let mostAtOnce = check == nil ? StoredResponse.maximumInlineBodyBytes : Worker.maximumDecodedAtOnceBytes
        if let length, length <= mostAtOnce, rest.count >= length,
            let sealed = seal(draft, body: rest.extracting(0..<length))
        {
            check?.write(rest.extracting(0..<length))
            guard isUndamaged else { return relayDamaged(response, draft, framing: framing) }
            storeWhole(sealed)
            return length
        }
        guard let reservation = worker.store.reserve(bytes: length ?? GrowingBody.firstCapacity) else {
            return relayInstead(response, .storeFull, framing: framing)
        }
        let streamed = StreamedResponse(draft, reservation)
        if client != nil { reader = streamed.body.addReader() }
        let rule = draft.varyRule
        if let flight, let variant = worker.variant(of: head.fields, rule: rule.span) {
            worker.shared.flights.identify(flight, variant: variant)
            turn?.fetches(variant, draft.metadata, lifetimeMilliseconds: grantedLifetimeMilliseconds)
        }
        flight?.wentOn(to: .streaming(streamed))
        deliver(streamed)
        return nil
    }

    /// What is not stored of an answer is for the client that fetched it.
    func withhold(_ response: borrowing ResponseHead) {
        var lines = ByteBuffer()
        StoredFields.writeWithheld(from: response, policy: request.route.policy, into: &lines)
        if !lines.isEmpty { answer.ownFields = ContiguousArray(copying: lines) }
    }

    /// A longer one is not stored.
    var largestBodyBytes: Int {
        min(worker.snapshot.settings.memory.maxObjectBytes, worker.store.largestEntryBytes)
    }

    private func takeKey() {
        if key.isEmpty { adoptOwnKey() }
        // An answer to POST that names its own URL is stored for GET (RFC 9110 §9.3.3), after the invalidation that
        // the POST itself caused.
        if request.content == nil, !head.method.isSafe { epoch = worker.currentEpoch }
    }

    /// The key under which it would have been looked up; that of GET for other methods.
    func adoptOwnKey() {
        worker.writeKey(of: head, request)
        adoptKey(worker.keyCopy())
    }

    /// Before a POST causes its own invalidation: one that came while it was under way makes its answer worthless
    /// for others (promise 3).
    func meetInvalidations(_ response: borrowing ResponseHead) {
        guard head.method == .post, request.content == nil, response.fields.contains(.contentLocation) else { return }
        if key.isEmpty { adoptOwnKey() }
        let key = self.key
        let tags = ResponseTags.hashes(
            response.fields, authority: head.authority, policy: request.route.policy)
        guard let tags else { return }  // too many to be stored
        let verdict = worker.store.verdict(key: key.span, hash: keyHash, tags: tags.span, since: epoch)
        isOutdated = verdict != .no
    }

    func relayInstead(
        _ response: borrowing ResponseHead, _ reason: NotStoredReason, framing: BodyFraming
    ) -> Int? {
        answer.notStored = reason
        beginRelay(response, framing: framing)
        return nil
    }

    /// Head and body came in one piece: it is stored before anybody is answered.
    private func storeWhole(_ response: StoredResponse) {
        intake = .none
        admit(response)
        endFlight(.stored(response))
        upstream = nil
        guard let client = clientToWriteTo() else { return finish(status: Status(response.metadata.status)) }
        respond(with: response, to: client)
    }

    /// What is stored gives way to the answer about it, even to one that is not kept.
    func replace(_ stored: StoredResponse, by response: StoredResponse) -> InsertOutcome {
        let outcome = insert(response)
        let isInItsPlace = outcome == .stored && response.isSameVariant(as: stored)
        if !isInItsPlace, outcome != .invalidated { worker.forget(stored) }
        let isKept = keepInSecondTier(response, outcome)
        // Memory may lose the newer one before the older one ends there.
        if isInItsPlace, !isKept, stored.isUsable(worker.loop.now) { worker.forgetInSecondTier(stored) }
        return outcome
    }

    func insert(_ response: StoredResponse) -> InsertOutcome {
        worker.store.insert(response, maximumVariants: request.route.policy.maximumVariants)
    }

    /// The origin's last word about what is stored, where it is not stored itself.
    func endStored(by response: borrowing ResponseHead) {
        guard machine.asksAboutStored, !sendsOwnConditions, let stored,
            StalePolicy.isEnded(by: response, to: head, policy: request.route.policy)
        else { return }
        worker.forget(stored)
    }

    func admit(_ response: StoredResponse) {
        let outcome: InsertOutcome
        if machine.asksAboutStored, let stored {
            outcome = replace(stored, by: response)
        } else {
            outcome = insert(response)
            keepInSecondTier(response, outcome)
        }
        switch outcome {
        case .stored:
            answer.isStored = true
            worker.store.forgetUncacheable(hash: keyHash)
        case .tooLarge: answer.notStored = .tooLarge
        case .invalidated: answer.notStored = .invalidated
        case .notAdmitted: answer.notStored = .storeFull
        }
    }

    /// Begins the client's answer from a response that is still arriving, as its leader or as a follower.
    func deliver(_ response: StreamedResponse) {
        intake = .store(response)
        guard clientToWriteTo() != nil, chooseStream(of: response) else { return }
        let draft = response.draft
        answer.ttlSeconds = nil
        let length = delivery.stream == nil ? draft.contentLength : nil
        delivery.begin(status: response.status, contentLength: length)
        var head = draft.head
        if let stream = delivery.stream {
            head = CodedHead.draft(head: head.span, metadata: draft.metadata, coding: stream.coding).head
        }
        worker.writeStoredHead(
            head.span, metadata: draft.metadata, contentLength: length, delivery: delivery, request: request,
            answer: answer)
        pump()
    }

    /// Hands on what has arrived, as far as the client takes it.
    func pump() {
        guard case .store(let response) = intake, let client = clientToWriteTo() else { return }
        if delivery.omitsBody { return finishDelivery() }
        // Looked at before the body is, so that a body said to be complete is.
        var isWhole = isBodyComplete
        if case .complete = flight?.look(from: worker.index) { isWhole = true }
        if delivery.stream != nil { return pumpCoded(response, isWhole: isWhole, to: client) }
        deliver(response.body, to: client)
        client.flush()
        guard readOn(in: response), isWhole, delivery.cursor == response.body.count else { return }
        finishDelivery()
    }

    /// The rest waits in the body, once for all who read it.
    func deliver(_ body: GrowingBody, to client: ClientConnection) {
        while client.pendingByteCount == 0, !client.isBroken, let run = body.run(at: delivery.cursor) {
            let count = min(run.count, worker.relayPieceBytes)
            deliverPiece(run.bytes.extracting(0..<count), to: client)
            delivery.cursor += count
        }
    }

    func deliverPiece(_ data: borrowing Span<UInt8>, to client: ClientConnection) {
        if delivery.framing == .chunked { HeadWriter.chunkHeader(data.count, into: &worker.output) }
        worker.sendOutput(to: client, data)
        worker.claimOutput(for: client)
        if delivery.framing == .chunked { worker.output.append("\r\n") }
    }

    func finishDelivery() {
        guard let client = clientToWriteTo() else { return }
        if delivery.framing == .chunked { worker.output.append("0\r\n\r\n") }
        client.flush()
        // A leader stays until its body is whole, whatever its own client wanted of it.
        if leads { return letClientGo() }
        finish(status: Status(delivery.status))
    }

    /// The client has all it asked for, and the fetch goes on for the others.
    private func letClientGo() {
        guard let client else { return }
        self.client = nil
        leaveBody()
        record(status: delivery.status, client: client)
        client.exchangeEnded(reusable: request.keepsOpen && requestBody.isComplete && !delivery.endsWithConnection)
    }

    /// Whether what came may be kept.
    private var isUndamaged: Bool { check.map { $0.finish() } ?? true }

    func store(_ data: borrowing Span<UInt8>, in response: StreamedResponse) {
        // What is being completed has all its room already.
        if passing == nil, completion == nil {
            if response.body.count + data.count > largestBodyBytes {
                beginToPass(response, .tooLarge)
            } else if !response.body.reserve(data.count) {
                beginToPass(response, .storeFull)
            }
        }
        guard passing == nil else { return pass(data, in: response) }
        response.body.append(data)
        completion?.appendEnd(to: response.body)
        checkOn(response)
        // Stored before the last byte leaves, so that whoever asks next meets it.
        if response.contentLength == response.body.count { return storingEnded(response) }
        flight?.wentOn(to: nil)
        pump()
    }

    func storingEnded(_ response: StreamedResponse) {
        guard !isBodyComplete, !waitsForCheck(response) else { return }
        isBodyComplete = true
        if let length = response.contentLength, length != response.body.count {
            return storingFailed(detail: "upstream-length-differs")
        }
        if passing == nil { storeStreamed(response) }
        endFlight(.complete(response))
        guard client != nil else { return finish(status: response.status) }
        pump()
    }

    func seal(
        _ draft: StoredDraft, body: Span<UInt8> = Span(), segments: StoredBody? = nil
    ) -> StoredResponse? {
        let key = self.key
        return StoredResponse.seal(
            draft, key: key.span, keyHash: keyHash, epoch: epoch, body: body, segments: segments)
    }

    private func storeStreamed(_ response: StreamedResponse) {
        let sealed = seal(response.draft, segments: response.body.sealed())
        // From here on the entry is counted, and not what arrived.
        response.body.reservation?.release()
        guard let sealed else { return answer.notStored = .tooLarge }
        guard isUndamaged else { return answer.notStored = .damaged }
        let stored = sealed.with(finishedForms(of: response))
        admit(stored)
        response.stored = stored
    }

    /// Nothing of it is kept, and nobody takes what came for all of it (promise 6).
    func storingFailed(detail: StaticString) {
        answer.notStored = .incomplete
        endFlight(.broken)
        breakOff(detail: detail)
    }
}
