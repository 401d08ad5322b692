// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings
import Storage

/// The head of the request that goes upstream.
enum RequestHeadWriter {
    static func write(_ exchange: Exchange, into buffer: inout ByteBuffer) {
        write(exchange, exchange.head, into: &buffer)
    }

    private static func write(
        _ exchange: Exchange, _ head: borrowing RequestHead, into buffer: inout ByteBuffer
    ) {
        let route = exchange.request.route
        let snapshot = exchange.worker.snapshot
        let fillsByGET = exchange.isBackground && exchange.request.content == nil
        if fillsByGET { buffer.append("GET") } else { buffer.append(head.methodBytes) }
        buffer.append(" ")
        if exchange.machine.bypasses {
            NormalizedTarget.write(head, into: &buffer)
        } else {
            NormalizedTarget.write(head, options: route.key, into: &buffer)
        }
        buffer.append(" HTTP/1.1\r\n")
        let keepsHost = exchange.driver.passesHostOn && head.authorityRange == nil && head.fields.contains(.host)
        if !keepsHost { writeHost(exchange, head, into: &buffer) }
        writeFields(exchange, head.fields, keepsHost: keepsHost, snapshot, route.compression, into: &buffer)
        if exchange.machine.isConditional, let stored = exchange.stored {
            writeConditions(stored, into: &buffer)
        }
        if exchange.machine.isCompleting, let stored = exchange.stored { writeRest(of: stored, into: &buffer) }
        ForwardedFields.write(exchange, snapshot, into: &buffer)
        writeVia(head, snapshot, into: &buffer)
        writeFraming(exchange, into: &buffer)
        buffer.append("\r\n")
    }

    private static func writeHost(
        _ exchange: Exchange, _ head: borrowing RequestHead, into buffer: inout ByteBuffer
    ) {
        let driver = exchange.driver
        buffer.append("Host: ")
        switch driver.settings.hostField {
        case .client: buffer.append(head.authority)
        case .server: buffer.append(text: driver.serverName(of: exchange.upstream))
        case .fixed(let name): buffer.append(text: name)
        }
        buffer.append("\r\n")
    }

    /// What the client sent and the origin does not get.
    private static func omittedFields(
        _ exchange: Exchange, _ present: FieldNameSet, keepsHost: Bool, _ snapshot: ProxySnapshot, recodes: Bool
    ) -> FieldNameSet {
        var omitted = HopByHop.names.with(.contentLength)
        if !keepsHost { omitted.insert(.host) }
        if snapshot.forwarded.isWritten { omitted.formUnion(ForwardedRule.names) }
        if recodes { omitted.insert(.acceptEncoding) }
        if snapshot.via.count > 0 { omitted.insert(.via) }
        // Whoever has the body, or has asked for it, expects no word from the next server; nor who has none.
        if present.contains(.expect),
            exchange.request.content != nil || !exchange.collected.isEmpty || !exchange.sendsBody
        {
            omitted.insert(.expect)
        }
        // A flight's answer is for all who wait, whatever validators or ranges its leader's client sent.
        if present.intersects(ValidationRequest.replacedFields),
            exchange.leads || exchange.machine.isConditional || exchange.machine.isCompleting
        {
            omitted.formUnion(FieldNameSet(.ifNoneMatch).with(.ifModifiedSince))
            if !exchange.sendsClientRange { omitted.formUnion(ValidationRequest.replacedFields) }
        }
        return omitted
    }

    private static func writeFields(
        _ exchange: Exchange, _ fields: borrowing Fields, keepsHost: Bool, _ snapshot: ProxySnapshot,
        _ compression: CompressionPolicy, into buffer: inout ByteBuffer
    ) {
        let recodes = !compression.isOff
        let omitted = omittedFields(exchange, fields.present, keepsHost: keepsHost, snapshot, recodes: recodes)
        var lines = FieldLineCopy()
        for index in fields.slots.indices {
            let name = fields.slots[index].name
            if omitted.contains(name) { continue }
            if recodes, name == .ifMatch {
                lines.end(of: fields, into: &buffer)
                writeStrengthened(index, of: fields, into: &buffer)
            } else {
                lines.add(index, of: fields, into: &buffer)
            }
        }
        lines.end(of: fields, into: &buffer)
        // The same for every client, so that all share one stored body.
        if recodes {
            let line = compression.upstreamAcceptEncoding
            buffer.append(line.span)
        }
    }

    /// The tag of a body that was compressed here was strong when it came (RFC 9110 §13.1.1).
    private static func writeStrengthened(_ index: Int, of fields: borrowing Fields, into buffer: inout ByteBuffer) {
        buffer.append(fields.name(at: index))
        buffer.append(": ")
        EntityTag.writeStrengthened(fields.value(at: index), into: &buffer)
        buffer.append("\r\n")
    }

    /// RFC 9111 §4.3.1: with the stored validators, byte for byte.
    private static func writeConditions(_ stored: StoredResponse, into buffer: inout ByteBuffer) {
        let conditions = ValidationRequest.conditions(for: stored.metadata)
        if conditions.contains(.ifNoneMatch) {
            buffer.append("If-None-Match: ")
            buffer.append(stored.eTag)
            buffer.append("\r\n")
        }
        if conditions.contains(.ifModifiedSince) {
            buffer.append("If-Modified-Since: ")
            buffer.append(StoredHead.value(of: .lastModified, in: stored.head).span)
            buffer.append("\r\n")
        }
    }

    /// What is missing of the stored body, or else the whole of another version (RFC 9110 §13.1.5).
    private static func writeRest(of stored: StoredResponse, into buffer: inout ByteBuffer) {
        guard let missing = stored.sharedBody?.missing,
            let validator = StrongValidator.ofIfRange(stored.metadata, eTag: stored.eTag)
        else { return }
        buffer.append("Range: bytes=")
        buffer.append(decimal: missing.lowerBound)
        buffer.append("-")
        if missing.upperBound < stored.bodyCount { buffer.append(decimal: missing.upperBound - 1) }
        buffer.append("\r\nIf-Range: ")
        buffer.append(StoredHead.value(of: validator, in: stored.head).span)
        buffer.append("\r\n")
    }

    /// RFC 9110 §7.6.3: our name behind those that were there.
    private static func writeVia(
        _ head: borrowing RequestHead, _ snapshot: ProxySnapshot, into buffer: inout ByteBuffer
    ) {
        let via = snapshot.via
        guard !via.isEmpty else { return }
        buffer.append("Via: ")
        for index in head.fields.slots.indices where head.fields.slots[index].name == .via {
            buffer.append(head.fields.value(at: index))
            buffer.append(", ")
        }
        // The version is that of the message as it was received.
        if head.version == .http10 {
            buffer.append("1.0")
            buffer.append(via.span.extracting(3..<via.count))
        } else {
            buffer.append(via.span)
        }
        buffer.append("\r\n")
    }

    /// RFC 9110 §7.8; and RFC 7540 §3.2.1, without whose field h2c cannot begin.
    private static func writeUpgrade(_ exchange: Exchange, into buffer: inout ByteBuffer) {
        let fields = exchange.head.fields
        let settings = fields.firstIndex(of: .http2Settings)
        buffer.append(settings == nil ? "Connection: upgrade\r\n" : "Connection: upgrade, HTTP2-Settings\r\n")
        exchange.request.route.upgrades.write(fields, into: &buffer)
        guard let settings else { return }
        buffer.append("HTTP2-Settings: ")
        buffer.append(fields.value(at: settings))
        buffer.append("\r\n")
    }

    private static func writeFraming(_ exchange: Exchange, into buffer: inout ByteBuffer) {
        if exchange.request.wantsUpgrade { writeUpgrade(exchange, into: &buffer) }
        if let content = exchange.request.content {
            buffer.append("Content-Length: ")
            buffer.append(decimal: content.bytes.count)
            buffer.append("\r\n")
            return
        }
        guard !exchange.isBackground, !exchange.machine.discardsBody else { return }
        switch exchange.request.framing {
        case .none, .untilClose: break
        case .length(let count):
            buffer.append("Content-Length: ")
            buffer.append(decimal: count)
            buffer.append("\r\n")
        case .chunked:
            buffer.append("Transfer-Encoding: chunked\r\n")
            RequestTrailers.writeNames(exchange.head.fields, exchange.request.route.sentTrailers, into: &buffer)
        }
    }
}
