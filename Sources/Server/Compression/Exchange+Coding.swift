// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Compression
import EventIO
import HTTPMessages
import HTTPWire
import Storage
import Synchronization

/// Bodies that change their coding while they pass.
extension Exchange {
    private func coding(of stored: ContentCoding, isCompressible: Bool, count: Int?) -> ContentCoding {
        worker.coding(
            of: stored, isCompressible: isCompressible, count: count, for: head, request.route.compression)
    }

    // MARK: While it is stored

    /// Chooses the form in which this client gets a body that is still arriving; false when that cannot be had.
    func chooseStream(of response: StreamedResponse) -> Bool {
        let draft = response.draft
        let coding = coding(
            of: draft.coding, isCompressible: draft.metadata.flags.contains(.isCompressible),
            count: draft.contentLength)
        guard coding != draft.coding else { return true }
        do throws(CodingError) {
            if let (stream, reader) = try response.stream(
                in: coding, limit: worker.decodingLimit, store: worker.store)
            {
                delivery.stream = stream
                delivery.streamReader = reader
            } else if draft.coding != .identity {
                throw .cancelled
            }
        } catch {
            // What came plain is a right answer too.
            if draft.coding != .identity { undecodable(error, response) }
            return draft.coding == .identity
        }
        // What has come of a coded body tells whether it is one while the client can still be told.
        if coding == .identity, case .failed(let error) = advance(response, isWhole: false) {
            undecodable(error, response)
            return false
        }
        return true
    }

    /// The body is not what its coding says. Who takes the coding gets it as it came; others cannot be served.
    func relayDamaged(_ response: borrowing ResponseHead, _ draft: StoredDraft, framing: BodyFraming) -> Int? {
        let coding = coding(of: draft.coding, isCompressible: false, count: draft.contentLength)
        if coding == draft.coding { return relayInstead(response, .damaged, framing: framing) }
        upstream?.abandon()
        upstream = nil
        undecodable(check?.failure ?? .damaged)
        return nil
    }

    private func undecodable(_ error: CodingError, _ response: StreamedResponse? = nil) {
        if let response { forget(response, after: error) }
        leaveBody()
        intake = .none
        answer.notStored = .damaged
        // Others may take it as it came.
        endFlight(.uncacheable)
        fail(Status(502), detail: error.label)
    }

    /// What is stored of it is of no use to anybody when it cannot be decoded.
    private func forget(_ response: StreamedResponse, after error: CodingError) {
        guard error != .outOfMemory, error != .cancelled, let stored = response.stored else { return }
        worker.forget(stored)
    }

    private func advance(_ response: StreamedResponse, isWhole: Bool) -> CodedStream.Progress {
        guard let stream = delivery.stream else { return .finished(justNow: false) }
        guard wantsMore(of: stream) else { return .goesOn }
        let flushPoint = response.flushPoint.load(ordering: .acquiring)
        let progress = step(stream, response, isWhole: isWhole, flushPoint: flushPoint)
        if case .finished(justNow: true) = progress, let stored = response.stored {
            if let form = form(of: response, stream) {
                // Without room it has served those who read it.
                if let now = worker.store.attach(form, stream.coding, to: stored) {
                    worker.keepForm(stream.coding, of: now)
                }
            }
        }
        return progress
    }

    /// What may become long is made at the pace of the client that takes it fastest.
    private func wantsMore(of stream: CodedStream) -> Bool {
        guard stream.coding == .identity || stream.body.passes else { return true }
        return stream.body.count - delivery.cursor < CodedStream.producedByteBudget
    }

    /// Takes a stream further, and counts the work.
    private func step(
        _ stream: CodedStream, _ response: StreamedResponse, isWhole: Bool, flushPoint: Int
    ) -> CodedStream.Progress {
        let start = worker.loop.kernel.monotonicNanoseconds()
        let (sourceCount, codedCount) = (stream.sourceCount, stream.body.count)
        let progress = stream.advance(
            response.body, isWhole: isWhole, flushPoint: flushPoint, budget: Self.codedByteBudget)
        worker.recordCoding(
            stream.coding, inputByteCount: stream.sourceCount - sourceCount,
            outputByteCount: stream.body.count - codedCount, since: start, route: request.route)
        return progress
    }

    /// Half a millisecond's work.
    private static var codedByteBudget: Int { 64 << 10 }

    func pumpCoded(_ response: StreamedResponse, isWhole: Bool, to client: ClientConnection) {
        guard let stream = delivery.stream else { return }
        let progress = advance(response, isWhole: isWhole)
        if case .failed(let error) = progress {
            forget(response, after: error)
            // Others may take it as it comes.
            if leads, flight?.hasFollowers == true { return leaveToFollowers(detail: error.label) }
            if leads { endFlight(.broken) }
            return breakOff(detail: error.label)
        }
        deliver(stream.body, to: client)
        client.flush()
        // The coder waits for nobody.
        if let reader = delivery.streamReader { _ = stream.body.read(by: reader, upTo: delivery.cursor) }
        guard readOn(in: response), !client.isBroken, client.pendingByteCount == 0 else { return }
        if case .finished = progress {
            guard delivery.cursor == stream.body.count else { return }
            answer.coded = CodedAnswer(
                stream.coding, plainByteCount: stream.sourceCount, codedByteCount: delivery.cursor)
            finishDelivery()
        } else if isWhole || stream.lags(behind: response.body) {
            // There is more to do; the loop's other clients come first.
            worker.loop.later { [self] in pump() }
        }
    }

    /// What is not yet sent of a body that was read to its end must not wait in the coder.
    func flushCoded() {
        guard case .store(let response) = intake, !isBodyComplete, response.contentLength == nil else { return }
        guard !response.streams.isEmpty else { return }
        response.flushPoint.store(response.body.count, ordering: .releasing)
        flight?.wentOn(to: nil)
        pump()
    }

    // MARK: Passing

    /// How far its client has come in the body as the origin sends it.
    var sourceCursor: Int {
        guard let stream = delivery.stream else { return delivery.cursor }
        return stream.sourceOffset(at: delivery.cursor)
    }

    /// Takes over the coder of a body that nobody else reads; false when the client had to be told that it broke.
    func goOnCodingAlone() -> Bool {
        guard let stream = delivery.stream, case .store(let response) = intake else { return true }
        delivery.stream = nil
        delivery.flushesTransform = response.contentLength == nil
        delivery.holdsBack = true
        delivery.transform = RelayTransform(stream.takeTransform())
        return true
    }

    /// It reads no more of the coded body.
    func leaveStream() {
        guard let stream = delivery.stream, let reader = delivery.streamReader else { return }
        delivery.streamReader = nil
        // The coder waits for nobody; the origin does, which the body before sees to.
        _ = stream.body.removeReader(reader)
    }

    // MARK: Forms

    /// The forms that are finished, or soon are, when all of the body has come.
    func finishedForms(of response: StreamedResponse) -> StoredForms? {
        var forms: StoredForms?
        for stream in response.streams
        where response.body.count - stream.sourceCount <= Self.codedByteBudget {
            guard case .finished = step(stream, response, isWhole: true, flushPoint: 0),
                let form = form(of: response, stream)
            else { continue }
            forms = .adding(form, stream.coding, to: forms)
        }
        return forms
    }

    /// Nil when its beginning is gone.
    private func form(of response: StreamedResponse, _ stream: CodedStream) -> StoredForms.Form? {
        guard !stream.body.passes else { return nil }
        // From here on the entry is counted.
        stream.body.reservation?.release()
        let head = response.draft.head
        let draft = CodedHead.draft(head: head.span, metadata: response.draft.metadata, coding: stream.coding)
        return StoredResponse.form(draft, segments: stream.body.sealed()).map {
            StoredForms.Form($0, isBest: stream.coding == .identity)
        }
    }
}
