// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Compression
import EventIO
import HTTPMessages

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
        let known = ResponseCoding(response, to: head, policy, contentLength: contentLength)
        let target = worker.coding(
            of: known.stored, isCompressible: known.isCompressible, count: contentLength, for: head, policy)
        guard target != known.stored, head.method != .head else {
            return RelayCoding(response: known, target: target)
        }
        do throws(CodingError) {
            delivery.transform = try BodyTransform(
                from: known.stored, to: target, level: .fast, expectedByteCount: contentLength,
                limit: DecodingLimit(maximumByteCount: .max), store: worker.store)
        } catch {
            if known.stored != .identity { throw error }
            return RelayCoding(response: known, target: known.stored)
        }
        delivery.flushesTransform = contentLength == nil
        return RelayCoding(response: known, target: target)
    }

    /// A piece of the body on its way through the transform.
    func relayTransformed(_ data: borrowing Span<UInt8>, by transform: BodyTransform, to client: ClientConnection) {
        delivery.holdsBack = true
        delivery.receivedByteCount += data.count
        transformed(inputByteCount: data.count, to: client) { (output) throws(CodingError) in
            try transform.write(data, into: &output)
        }
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
    func endTransform(to client: ClientConnection) -> Bool {
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
