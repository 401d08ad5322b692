// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Compression
import EventIO
import HTTPMessages
import HTTPWire

/// How a response that is not stored goes to its client.
struct RelayCoding {
    let response: ResponseCoding
    /// The coding in which its body is sent.
    let target: ContentCoding

    var isTransformed: Bool { target != response.stored }
}

/// Bodies that change their coding on the way to one client.
extension Exchange {
    /// - Throws: when the body would have to be decoded and cannot be.
    func chooseRelayCoding(
        _ response: borrowing ResponseHead, contentLength: Int?
    ) throws(CodingError) -> RelayCoding {
        let policy = request.route.compression
        let known = ResponseCoding(
            response, to: head, policy, contentLength: contentLength, types: &worker.mediaTypes)
        let target = worker.coding(
            of: known.stored, isCompressible: known.isCompressible, count: contentLength, for: head, policy)
        guard target != known.stored, head.method != .head else {
            return RelayCoding(response: known, target: target)
        }
        do throws(CodingError) {
            delivery.transform = RelayTransform(
                try BodyTransform(
                    from: known.stored, to: target, level: .fast, expectedByteCount: contentLength,
                    limit: DecodingLimit(maximumByteCount: .max), store: worker.store))
        } catch {
            if known.stored != .identity { throw error }
            return RelayCoding(response: known, target: known.stored)
        }
        delivery.flushesTransform = contentLength == nil
        return RelayCoding(response: known, target: target)
    }

    /// A piece of the body on its way through the transform.
    func relayTransformed(_ data: borrowing Span<UInt8>, by transform: RelayTransform, to client: ClientConnection) {
        delivery.holdsBack = true
        delivery.receivedByteCount += data.count
        transformed(inputByteCount: data.count, to: client) { (output) throws(CodingError) in
            try transform.write(data, into: &output)
        }
        guard transform.isBehind, !isOver else { return }
        upstream?.pause()
        goOnLater(transform)
    }

    private func goOnLater(_ transform: RelayTransform) {
        guard !transform.awaitsTurn else { return }
        transform.awaitsTurn = true
        worker.loop.later { [self] in
            transform.awaitsTurn = false
            _ = goOnTransforming()  // it is behind, or its client has gone
        }
    }

    /// Decodes more of what has come, a step in each turn of the loop, once the client has taken what came of the
    /// last. False when nothing waits to be decoded.
    func goOnTransforming() -> Bool {
        guard !isOver, case .relay = intake, let transform = delivery.transform, transform.isBehind,
            let client = clientToWriteTo()
        else { return false }
        // It is called again when the client has taken all.
        guard client.pendingByteCount == 0 else { return true }
        guard transformed(to: client, { (output) throws(CodingError) in try transform.goOn(into: &output) }) else {
            return true
        }
        if transform.isBehind {
            client.flush()
            goOnLater(transform)
        } else if let ending = transform.takeEnding() {
            guard endTransform(to: client) else { return true }
            worker.output.append(ending.span)
            finishRelay(to: client)
        } else {
            client.flush()
            upstream?.resume()
        }
        return true
    }

    /// All of the body has come, and may still have to be decoded.
    func relayEnded(trailers: borrowing Fields) {
        guard let client = clientToWriteTo() else { return finish(status: Status(delivery.status)) }
        let isChunked = delivery.framing == .chunked
        if let transform = delivery.transform, transform.isBehind {
            var ending = ByteBuffer()
            if isChunked { HeadWriter.lastChunk(trailers: trailers, into: &ending) }
            return transform.end(with: ending)
        }
        guard endTransform(to: client) else { return }
        if isChunked { HeadWriter.lastChunk(trailers: trailers, into: &worker.output) }
        finishRelay(to: client)
    }

    private func finishRelay(to client: ClientConnection) {
        client.flush()
        finish(status: Status(delivery.status))
    }

    /// All that came so far must reach a client that may have to wait for more.
    func flushTransform() {
        guard case .relay = intake, let transform = delivery.transform, delivery.flushesTransform, delivery.holdsBack,
            let client = clientToWriteTo()
        else { return }
        delivery.holdsBack = false
        transformed(to: client) { (output) throws(CodingError) in try transform.flush(into: &output) }
    }

    /// False when the body turned out to be incomplete, and the client has been told.
    private func endTransform(to client: ClientConnection) -> Bool {
        guard let transform = delivery.transform else { return true }
        guard transformed(to: client, { (output) throws(CodingError) in try transform.finish(into: &output) }) else {
            return false
        }
        answer.coded = CodedAnswer(
            transform.target, plainByteCount: delivery.receivedByteCount,
            codedByteCount: delivery.transformedByteCount)
        return true
    }

    @discardableResult
    private func transformed(
        inputByteCount: Int = 0, to client: ClientConnection, _ work: (inout ByteBuffer) throws(CodingError) -> Void
    ) -> Bool {
        let start = worker.loop.kernel.monotonicNanoseconds()
        var output = ByteBuffer()
        swap(&output, &worker.transformOutput)
        do throws(CodingError) {
            try work(&output)
        } catch {
            breakOff(detail: error.label)
            return false
        }
        delivery.transformedByteCount += output.count
        worker.recordCoding(
            delivery.transform?.target ?? .identity, inputByteCount: inputByteCount, outputByteCount: output.count,
            since: start, route: request.route)
        if !output.isEmpty { send(output.span, to: client) }
        output.clear()
        swap(&output, &worker.transformOutput)
        return true
    }
}
