// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Compression
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
        let target = Worker.coding(
            of: known.stored, isCompressible: known.isCompressible, count: contentLength, for: head, policy)
        guard target != known.stored, head.method != .head else {
            return RelayCoding(response: known, target: target)
        }
        do throws(CodingError) {
            delivery.transform = try BodyTransform(
                from: known.stored, to: target, level: .fast, expectedByteCount: contentLength,
                limit: DecodingLimit(maximumByteCount: .max))
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
        transformed(to: client) { (output) throws(CodingError) in try transform.write(data, into: &output) }
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
        return transformed(to: client) { (output) throws(CodingError) in try transform.finish(into: &output) }
    }

    @discardableResult
    private func transformed(
        to client: ClientConnection, _ work: (inout ByteBuffer) throws(CodingError) -> Void
    ) -> Bool {
        var output = ByteBuffer()
        swap(&output, &worker.transformOutput)
        do throws(CodingError) {
            try work(&output)
        } catch {
            breakOff(detail: error.label)
            return false
        }
        if !output.isEmpty { send(output.span, to: client) }
        output.clear()
        swap(&output, &worker.transformOutput)
        return true
    }
}
