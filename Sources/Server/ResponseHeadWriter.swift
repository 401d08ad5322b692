// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import HTTPWire

/// Heads of responses that pass through.
enum ResponseHeadWriter {
    /// Into the worker's output.
    /// - Parameter contentLength: of the body that follows; nil when it is not known.
    static func write(
        _ response: borrowing ResponseHead, contentLength: Int?, coding: RelayCoding, for exchange: Exchange
    ) {
        write(response, to: exchange.head, contentLength: contentLength, coding: coding, for: exchange)
    }

    private static func write(
        _ response: borrowing ResponseHead, to request: borrowing RequestHead, contentLength: Int?,
        coding: RelayCoding, for exchange: Exchange
    ) {
        let worker = exchange.worker
        writeStatusLine(response, into: &worker.output)
        writeFields(
            response.fields, strips: exchange.request.route, recodes: coding.isTransformed,
            weakens: weakensETag(response, coding, request.fields), into: &worker.output)
        coding.response.writeVary(into: &worker.output)
        if coding.isTransformed { CodedHead.writeContentEncoding(coding.target, into: &worker.output) }
        if !response.fields.contains(.date) {
            worker.dates.append(to: &worker.output, wallSeconds: worker.loop.now.wallSeconds)
        }
        writeVia(response, worker.snapshot, into: &worker.output)
        // RFC 9110 §15.5.22: without it nobody knows what is required.
        if response.status.code == 426 { writeUpgradeLines(response, into: &worker.output) }
        if let contentLength {
            HeadWriter.field("Content-Length", decimal: contentLength, into: &worker.output)
        } else if exchange.delivery.framing == .chunked {
            worker.output.append("Transfer-Encoding: chunked\r\n")
        }
        worker.writeExplanation(exchange.answer)
        worker.writeConnection(
            version: request.version,
            keepsOpen: exchange.request.keepsOpen && !exchange.delivery.endsWithConnection)
        worker.endHead()
    }

    /// Where the bytes change, and where a 304 confirms what was sent so before (RFC 9110 §8.8.1).
    private static func weakensETag(
        _ response: borrowing ResponseHead, _ coding: RelayCoding, _ request: borrowing Fields
    ) -> Bool {
        if coding.isTransformed { return true }
        guard response.status.code == 304, let tag = response.fields.firstIndex(of: .eTag) else { return false }
        for index in request.slots.indices where request.slots[index].name == .ifNoneMatch {
            if EntityTag.list(request.value(at: index), hasWeak: response.fields.value(at: tag)) { return true }
        }
        return false
    }

    static func writeInterim(_ response: borrowing ResponseHead, into buffer: inout ByteBuffer) {
        writeStatusLine(response, into: &buffer)
        writeFields(response.fields, into: &buffer)
        buffer.append("\r\n")
    }

    /// 101: its Connection and Upgrade fields are for the client as well (RFC 9110 §7.8).
    static func writeUpgrade(_ response: borrowing ResponseHead, into buffer: inout ByteBuffer) {
        writeStatusLine(response, into: &buffer)
        writeUpgradeLines(response, into: &buffer)
        writeFields(response.fields, into: &buffer)
        buffer.append("\r\n")
    }

    private static func writeUpgradeLines(_ response: borrowing ResponseHead, into buffer: inout ByteBuffer) {
        guard response.fields.contains(.upgrade) else { return }
        buffer.append("Connection: upgrade\r\n")
        response.fields.forEachValue(of: .upgrade) { value in
            buffer.append("Upgrade: ")
            buffer.append(value)
            buffer.append("\r\n")
        }
    }

    static func writeStatusLine(_ response: borrowing ResponseHead, into buffer: inout ByteBuffer) {
        if let line = response.plainStatusLine {
            buffer.append(response.fields.bytes.extracting(line))
            return
        }
        buffer.append("HTTP/1.1 ")
        buffer.append(decimal: Int(response.status.code))
        buffer.append(" ")
        buffer.append(response.fields.bytes.extracting(response.reasonRange))
        buffer.append("\r\n")
    }

    /// All fields but those of the connection and those that are written anew.
    private static func writeFields(_ fields: borrowing Fields, into buffer: inout ByteBuffer) {
        var lines = FieldLineCopy()
        let hopByHop = HopByHop(fields)
        for index in fields.slots.indices {
            if isOurs(fields.slots[index].name) || hopByHop.removes(lineAt: index, of: fields) { continue }
            lines.add(index, of: fields, into: &buffer)
        }
        lines.end(of: fields, into: &buffer)
    }

    /// The same without tags meant for Larder alone.
    private static func writeFields(
        _ fields: borrowing Fields, strips route: CompiledRoute, recodes: Bool, weakens: Bool,
        into buffer: inout ByteBuffer
    ) {
        var lines = FieldLineCopy()
        let hopByHop = HopByHop(fields)
        let hasTags = route.policy.mayHaveTags(fields)
        for index in fields.slots.indices {
            let name = fields.slots[index].name
            if isOurs(name) || hopByHop.removes(lineAt: index, of: fields) { continue }
            if hasTags, route.policy.isTagField(at: index, of: fields) { continue }
            if recodes, name == .contentEncoding || name == .acceptRanges { continue }
            if weakens, name == .eTag {
                lines.end(of: fields, into: &buffer)
                writeWeakened(index, of: fields, into: &buffer)
            } else {
                lines.add(index, of: fields, into: &buffer)
            }
        }
        lines.end(of: fields, into: &buffer)
    }

    /// Written anew, or meant for Larder.
    private static func isOurs(_ name: FieldName) -> Bool { name == .contentLength || name == .larderCacheControl }

    private static func writeWeakened(_ index: Int, of fields: borrowing Fields, into buffer: inout ByteBuffer) {
        buffer.append(fields.name(at: index))
        buffer.append(": ")
        CodedHead.writeWeakened(value: fields.value(at: index), into: &buffer)
        buffer.append("\r\n")
    }

    static func writeVia(
        _ response: borrowing ResponseHead, _ snapshot: ProxySnapshot, into buffer: inout ByteBuffer
    ) {
        let via = snapshot.via
        guard !via.isEmpty else { return }
        buffer.append(response.version == .http10 ? "Via: 1.0" : "Via: 1.1")
        buffer.append(via.span.extracting(3..<via.count))
        buffer.append("\r\n")
    }
}
