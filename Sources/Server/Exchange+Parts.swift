// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings
import Storage

/// The bytes of a 206 on their way to its client, kept until they are whole (promise 6).
final class PartCollector {
    /// As it came.
    let response: ResponseHead
    let part: RepresentationPart
    let metadata: CachedMetadata
    let receivedAt: Moment
    let body: GrowingBody

    init(
        response: ResponseHead, part: RepresentationPart, metadata: CachedMetadata, receivedAt: Moment,
        body: GrowingBody
    ) {
        self.response = response
        self.part = part
        self.metadata = metadata
        self.receivedAt = receivedAt
        self.body = body
    }
}

/// A stored body and what of it is being fetched.
struct BodyCompletion {
    let held: StoredBody
    let missing: Range<Int>

    func appendBeginning(to body: GrowingBody) { append(0..<missing.lowerBound, to: body) }

    /// Once all that was missing has come.
    func appendEnd(to body: GrowingBody) {
        if body.count == missing.upperBound { append(missing.upperBound..<held.count, to: body) }
    }

    private func append(_ range: Range<Int>, to body: GrowingBody) {
        var position = range.lowerBound
        while position < range.upperBound, let run = held.run(at: position) {
            let count = min(run.count, range.upperBound - position)
            body.append(run.bytes.extracting(0..<count))
            position += count
        }
    }
}

/// Parts of responses: stored (RFC 9111 §3.3), put together and completed (§3.4).
extension Exchange {
    /// Whether the client's own Range goes upstream.
    var sendsClientRange: Bool {
        guard machine.facts.hasRange, !leads else { return false }
        return !machine.isConditional || stored?.metadata.flags.contains(.isPartial) == true
    }

    /// The client's own conditions or range go upstream: unless the answer is the whole or the part, it may be about
    /// these alone.
    var sendsOwnConditions: Bool {
        if sendsClientRange { return true }
        let sharesAnswer = leads || machine.isConditional || machine.isCompleting
        return !sharesAnswer && head.fields.present.intersects(Self.ownConditions)
    }

    private static let ownConditions: FieldNameSet = [.ifNoneMatch, .ifModifiedSince]

    // MARK: Storing a part

    /// It was looked up.
    private var isKeyed: Bool { keyHash != 0 || !key.isEmpty }

    func mayCollect(_ response: borrowing ResponseHead, _ framing: BodyFraming) -> Bool {
        guard sendsClientRange, isKeyed, let part = RepresentationPart(response) else { return false }
        // What says one thing of its length and another of its place is not to be trusted (promise 6).
        return framing == .length(part.range.count) && part.range.count <= largestBodyBytes
    }

    func beginCollecting(
        _ response: borrowing ResponseHead, _ metadata: CachedMetadata, framing: BodyFraming,
        rest: borrowing Span<UInt8>
    ) {
        guard let part = RepresentationPart(response) else { preconditionFailure("only parts are collected") }
        if let reservation = worker.store.reserve(bytes: part.range.count) {
            collector = PartCollector(
                response: copy response, part: part, metadata: metadata, receivedAt: worker.loop.now,
                body: GrowingBody(expectedCount: part.range.count, reservation: reservation))
        } else {
            answer.notStored = .storeFull
        }
        if key.isEmpty { adoptOwnKey() }
        // Stored at once, so that the head can say so.
        if rest.count >= part.range.count { collect(rest.extracting(0..<part.range.count)) }
        beginRelay(response, framing: framing)
    }

    /// Stored before the last byte leaves, so that whoever asks next meets it.
    func collect(_ data: borrowing Span<UInt8>) {
        guard let collector else { return }
        collector.body.append(data)
        guard collector.body.count == collector.part.range.count else { return }
        self.collector = nil
        store(collector)
    }

    private func store(_ collector: PartCollector) {
        let key = self.key
        let found = worker.store.lookUp(
            key: key.span, hash: keyHash, request: head.fields, scratch: &worker.scratch, now: worker.loop.now)
        var stored: StoredResponse?
        if case .found(let response, _) = found { stored = response }
        let made: StoredResponse?
        switch stored.map({ effect(of: collector, on: $0) }) ?? .replace {
        case .keep:
            answer.notStored = .superseded
            return
        case .combine: made = stored.flatMap { combine(collector, with: $0) } ?? seal(collector)
        case .replace: made = seal(collector)
        }
        // From here on the entry is counted, and not what arrived.
        collector.body.reservation?.release()
        guard let made else {
            answer.notStored = .tooManyTags
            return
        }
        admit(made)
    }

    private func effect(of collector: PartCollector, on stored: StoredResponse) -> PartialUpdate {
        var fields = ResponseHead()
        guard StoredHead.parse(stored.head, into: &fields) else { return .replace }
        return PartialUpdate.effect(
            of: collector.response, collector.part, on: fields.fields, stored.metadata,
            storedLength: stored.bodyCount, requestSentAtMonotonicMilliseconds: sentAt.monotonicMilliseconds)
    }

    private func body(of collector: PartCollector) -> StoredBody {
        StoredBody(
            part: collector.body.sealed(), at: collector.part.range.lowerBound, of: collector.part.completeLength)
    }

    /// The part alone, under the head of the whole.
    private func seal(_ collector: PartCollector) -> StoredResponse? {
        var whole = collector.response
        whole.status = Status(200)
        whole.fields.remove(.contentRange)
        whole.reasonRange = whole.fields.appendText("OK")
        guard
            let draft = StoredResponseMaker.draft(
                whole, collector.metadata, contentLength: collector.part.completeLength, for: self)
        else { return nil }
        return seal(draft, segments: body(of: collector))
    }

    /// What is stored and the part together, under the newer fields; nil when that is not possible.
    private func combine(_ collector: PartCollector, with stored: StoredResponse) -> StoredResponse? {
        guard let body = stored.sharedBody?.combined(with: body(of: collector)),
            body.heldByteCount <= largestBodyBytes,
            let draft = mergedDraft(stored, collector.response, receivedAt: collector.receivedAt)
        else { return nil }
        return seal(draft, segments: body)
    }

    private func mergedDraft(
        _ stored: StoredResponse, _ response: borrowing ResponseHead, receivedAt: Moment
    ) -> StoredDraft? {
        guard let merged = StoredResponseMaker.merge(stored, response, for: self) else { return nil }
        let decision = Storability.assess(
            request: head, response: merged, policy: request.route.policy, requestSentAt: sentAt,
            responseReceivedAt: receivedAt)
        guard case .store(let metadata) = decision else { return nil }
        return StoredResponseMaker.draft(merged, metadata, contentLength: stored.bodyCount, for: self)
    }

    // MARK: Completing what is stored

    /// What came instead of what was missing; nil for an answer that is good without it.
    func judgeRest(_ response: borrowing ResponseHead, _ framing: BodyFraming) -> UpstreamAnswer? {
        switch response.status.code {
        case 206: isRest(response, framing) ? .rest : .otherPart
        case 304, 416: .otherPart
        default: nil
        }
    }

    private func isRest(_ response: borrowing ResponseHead, _ framing: BodyFraming) -> Bool {
        guard let part = RepresentationPart(response), let stored, let missing = stored.sharedBody?.missing,
            part.range == missing, part.completeLength == stored.bodyCount, framing == .length(missing.count)
        else { return false }
        var fields = ResponseHead()
        return StoredHead.parse(stored.head, into: &fields)
            && StrongValidator.isShared(response.fields, fields.fields)
    }

    /// The whole is put together while the rest arrives, for the client and for all who wait for the key.
    func completeStored(_ response: borrowing ResponseHead) {
        guard let stored, let held = stored.sharedBody, let missing = held.missing,
            let draft = mergedDraft(stored, response, receivedAt: worker.loop.now),
            let reservation = worker.store.reserve(bytes: held.count)
        else { return fetchWhole() }
        answer.outcome = .miss
        withhold(response)
        let completion = BodyCompletion(held: held, missing: missing)
        self.completion = completion
        let streamed = StreamedResponse(draft, reservation)
        completion.appendBeginning(to: streamed.body)
        if client != nil { reader = streamed.body.addReader() }
        flight?.wentOn(to: .streaming(streamed))
        deliver(streamed)
    }

    /// What came does not fit what is stored.
    func fetchWhole() {
        upstream?.abandon()
        upstream = nil
        fetchUnconditionally()
    }
}
