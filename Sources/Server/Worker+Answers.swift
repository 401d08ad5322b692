// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Compression
import EventIO
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings
import Storage

/// Answers are put together in `output` and leave by one write where they can.
extension Worker {
    /// A stored response, as this request wants it: whole, 304, a part. Answers the status sent.
    func respond(
        with stored: StoredResponse, to head: borrowing RequestHead, on client: ClientConnection,
        request: borrowing ClientRequest, answer: inout Answer
    ) -> UInt16 {
        do throws(CodingError) {
            guard let form = try form(of: stored, for: head, route: request.route) else {
                return respond(asIs: stored, to: head, on: client, request: request, answer: answer)
            }
            let status = respond(asIs: form, to: head, on: client, request: request, answer: answer)
            if status == stored.metadata.status, head.method != .head {
                answer.coded = CodedAnswer(
                    form.coding, plainByteCount: stored.bodyCount, codedByteCount: form.bodyCount)
            }
            return status
        } catch {
            return refuse(stored, error, to: head, request: request, answer: &answer)
        }
    }

    /// What is stored cannot be decoded; when that is its fault, it is of no use to anybody.
    private func refuse(
        _ stored: StoredResponse, _ error: CodingError, to head: borrowing RequestHead,
        request: borrowing ClientRequest, answer: inout Answer
    ) -> UInt16 {
        if error != .outOfMemory { forget(stored) }
        answer.detail = error.label
        writeLocalAnswer(
            Status(502), detail: error.label, isHead: head.method == .head, keepsOpen: request.keepsOpen,
            version: head.version, answer: answer)
        return 502
    }

    private func respond(
        asIs stored: StoredResponse, to head: borrowing RequestHead, on client: ClientConnection,
        request: borrowing ClientRequest, answer: borrowing Answer
    ) -> UInt16 {
        if !head.fields.present.isDisjoint(with: Self.narrowingFields) {
            return respondNarrowed(with: stored, to: head, on: client, request: request, answer: answer)
        }
        writeWhole(stored, to: head, on: client, request: request, answer: answer)
        return stored.metadata.status
    }

    private static var narrowingFields: FieldNameSet {
        FieldNameSet(.ifNoneMatch).with(.ifModifiedSince).with(.range)
    }

    private func writeWhole(
        _ stored: StoredResponse, to head: borrowing RequestHead, on client: ClientConnection,
        request: borrowing ClientRequest, answer: borrowing Answer
    ) {
        let count = stored.bodyCount
        let status = Status(stored.metadata.status)
        output.append(stored.head)
        writeTail(
            metadata: stored.metadata, contentLength: status.hasNoBody ? nil : count, version: head.version,
            keepsOpen: request.keepsOpen, answer: answer)
        guard head.method != .head, !status.hasNoBody else { return }
        writeBody(stored, 0..<count, on: client)
    }

    /// A short body is copied behind its head, which costs less than a gathered write.
    private func writeBody(_ stored: StoredResponse, _ range: Range<Int>, on client: ClientConnection) {
        if stored.sharedBody == nil, range.count <= Self.copiedBodyByteLimit {
            output.append(stored.inlineBody.extracting(range))
        } else {
            sendOutput(to: client, body: stored, range)
            claimOutput(for: client)
        }
    }

    private static var copiedBodyByteLimit: Int { 16 << 10 }

    /// The fields that are written anew for each answer, and the empty line.
    private func writeTail(
        metadata: CachedMetadata, contentLength: Int?, version: HTTPVersion, keepsOpen: Bool, answer: borrowing Answer
    ) {
        writeAge(metadata, answer)
        if !answer.ownFields.isEmpty { output.append(answer.ownFields.span) }
        if let contentLength {
            output.append("Content-Length: ")
            output.append(decimal: contentLength)
            output.append("\r\n")
        }
        writeExplanation(answer)
        writeConnection(version: version, keepsOpen: keepsOpen)
        endHead()
    }

    /// RFC 9111 §5.1: on whatever was not just made by the origin.
    private func writeAge(_ metadata: CachedMetadata, _ answer: borrowing Answer) {
        let age = metadata.ageSeconds(loop.now)
        guard age > 0 || answer.outcome != .miss else { return }
        output.append("Age: ")
        output.append(decimal: Int(age))
        output.append("\r\n")
    }

    func writeExplanation(_ answer: borrowing Answer) {
        if case .hit = answer.outcome, answer.forward == nil, answer.detail == nil, let ttl = answer.ttlSeconds {
            return writeHitExplanation(ttlSeconds: ttl)
        }
        let name = snapshot.cacheName
        output.append("Cache-Status: ")
        CacheStatusField.write(RequestOutcome(answer), cacheName: name.span, into: &output)
        output.append("\r\n")
        if snapshot.sendsXCache { XCacheField.write(answer.outcome, into: &output) }
    }

    /// What `CacheStatusField` would write for a plain hit.
    private func writeHitExplanation(ttlSeconds: Int64) {
        output.append(hitExplanation.span)
        output.append(decimal: Int(ttlSeconds))
        output.append("\r\n")
        if snapshot.sendsXCache { XCacheField.write(.hit, into: &output) }
    }

    /// RFC 9112 §9.3 and appendix C.2.2: what the client's version does not imply is said.
    /// While the process drains, no connection is used again.
    func writeConnection(version: HTTPVersion, keepsOpen: Bool) {
        if !keepsOpen || isDraining {
            output.append("Connection: close\r\n")
            outputOwner?.saidClose = true
        } else if version == .http10 {
            output.append("Connection: keep-alive\r\n")
        }
    }

    /// The head of a response that is still arriving.
    func writeStoredHead(
        _ head: borrowing Span<UInt8>, metadata: CachedMetadata, contentLength: Int?, delivery: Delivery,
        request: borrowing ClientRequest, answer: borrowing Answer
    ) {
        output.append(head)
        if delivery.framing == .chunked { output.append("Transfer-Encoding: chunked\r\n") }
        writeTail(
            metadata: metadata, contentLength: contentLength, version: delivery.version,
            keepsOpen: request.keepsOpen && !delivery.endsWithConnection, answer: answer)
    }

    // MARK: Parts and conditions

    private func respondNarrowed(
        with stored: StoredResponse, to head: borrowing RequestHead, on client: ClientConnection,
        request: borrowing ClientRequest, answer: borrowing Answer
    ) -> UInt16 {
        let metadata = stored.metadata
        switch ResponsePlan.choose(
            request: head, eTag: stored.eTag, metadata: metadata, bodyByteCount: stored.bodyCount)
        {
        case .whole:
            writeWhole(stored, to: head, on: client, request: request, answer: answer)
            return metadata.status
        case .notModified:
            output.append("HTTP/1.1 304 Not Modified\r\n")
            StoredHead.copyFieldsOf304(stored, into: &output)
            writeTail(
                metadata: metadata, contentLength: nil, version: head.version, keepsOpen: request.keepsOpen,
                answer: answer)
            return 304
        case .unsatisfiable:
            output.append("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */")
            output.append(decimal: stored.bodyCount)
            output.append("\r\n")
            dates.append(to: &output, wallSeconds: loop.now.wallSeconds)
            writeTail(
                metadata: metadata, contentLength: 0, version: head.version, keepsOpen: request.keepsOpen,
                answer: answer)
            return 416
        case .part(let range):
            writePart(range, of: stored, to: head, on: client, request: request, answer: answer)
            return 206
        case .parts(let ranges):
            writeParts(ranges, of: stored, to: head, on: client, request: request, answer: answer)
            return 206
        }
    }

    private func writePart(
        _ range: Range<Int>, of stored: StoredResponse, to head: borrowing RequestHead, on client: ClientConnection,
        request: borrowing ClientRequest, answer: borrowing Answer
    ) {
        output.append("HTTP/1.1 206 Partial Content\r\n")
        output.append(StoredHead.fieldLines(stored.head))
        writeContentRange(range, of: stored.bodyCount)
        writeTail(
            metadata: stored.metadata, contentLength: range.count, version: head.version,
            keepsOpen: request.keepsOpen, answer: answer)
        if head.method != .head { writeBody(stored, range, on: client) }
    }

    private func writeContentRange(_ range: Range<Int>, of count: Int) {
        output.append("Content-Range: bytes ")
        output.append(decimal: range.lowerBound)
        output.append("-")
        output.append(decimal: range.upperBound - 1)
        output.append("/")
        output.append(decimal: count)
        output.append("\r\n")
    }

    /// multipart/byteranges of RFC 9110 §14.6.
    private func writeParts(
        _ ranges: [Range<Int>], of stored: StoredResponse, to head: borrowing RequestHead,
        on client: ClientConnection, request: borrowing ClientRequest, answer: borrowing Answer
    ) {
        let parts = MultipartByteRanges(
            ranges, of: stored.bodyCount, contentType: StoredHead.value(of: .contentType, in: stored.head),
            boundary: loop.kernel.randomUInt64())
        output.append("HTTP/1.1 206 Partial Content\r\n")
        StoredHead.copyFields(stored.head, without: .contentType, into: &output)
        parts.writeContentType(into: &output)
        writeTail(
            metadata: stored.metadata, contentLength: parts.byteCount, version: head.version,
            keepsOpen: request.keepsOpen, answer: answer)
        guard head.method != .head else { return }
        for range in ranges {
            parts.writePartHead(range, into: &output)
            writeBody(stored, range, on: client)
        }
        parts.writeEnd(into: &output)
    }

    // MARK: Answers of our own

    private func writeStatusLine(_ status: Status) {
        output.append("HTTP/1.1 ")
        output.append(decimal: Int(status.code))
        output.append(" ")
        output.append(status.reason)
        output.append("\r\n")
    }

    /// An error or a refusal, told in a line of text.
    func writeLocalAnswer(
        _ status: Status, detail: StaticString, isHead: Bool, keepsOpen: Bool, version: HTTPVersion
    ) {
        var answer = Answer(outcome: .local)
        answer.detail = detail
        writeLocalAnswer(
            status, detail: detail, isHead: isHead, keepsOpen: keepsOpen, version: version, answer: answer)
    }

    /// The same for a request of which more is known; `answer` tells the detail too.
    func writeLocalAnswer(
        _ status: Status, detail: StaticString, isHead: Bool, keepsOpen: Bool, version: HTTPVersion,
        answer: borrowing Answer
    ) {
        let remedy: StaticString = status.code == 508 ? Self.remedyOfLoops : ""
        writeStatusLine(status)
        dates.append(to: &output, wallSeconds: loop.now.wallSeconds)
        output.append("Cache-Control: no-store\r\n")
        if !status.hasNoBody {
            output.append("Content-Type: text/plain; charset=utf-8\r\nContent-Length: ")
            let count = status.reason.utf8CodeUnitCount + detail.utf8CodeUnitCount + remedy.utf8CodeUnitCount
            output.append(decimal: 4 + count + 3)
            output.append("\r\n")
        }
        // To OPTIONS, and to a method that is not taken (RFC 9110 §9.3.7 and §15.5.6).
        if status.code == 405 || status.code == 204 {
            output.append("Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, QUERY\r\n")
        }
        if status.code == 503 { output.append("Retry-After: 1\r\n") }
        writeExplanation(answer)
        writeConnection(version: version, keepsOpen: keepsOpen)
        endHead()
        guard !isHead, !status.hasNoBody else { return }
        output.append(decimal: Int(status.code))
        output.append(" ")
        output.append(status.reason)
        output.append(": ")
        output.append(detail)
        output.append(remedy)
        output.append("\n")
    }

    private static let remedyOfLoops: StaticString =
        "; the request has been here before, or another proxy on its way has the same name: then say `via NAME`"
}
