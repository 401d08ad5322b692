// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import Settings

/// X-Forwarded-For, -Proto, -Host and Forwarded (RFC 7239): what the head has of them is a trusted proxy's, and
/// continued (`ForwardedRule`).
enum ForwardedFields {
    static func write(_ exchange: Exchange, _ snapshot: ProxySnapshot, into buffer: inout ByteBuffer) {
        guard snapshot.forwarded.isWritten, let ip = exchange.peer else { return }
        let worker = exchange.worker
        worker.scratch.clear()
        ip.write(into: &worker.scratch)
        write(
            ip, text: worker.scratch.span, exchange.head, hidesHost: exchange.request.route.hidesHost,
            into: &buffer)
    }

    private static func write(
        _ ip: IPAddress, text: borrowing Span<UInt8>, _ head: borrowing RequestHead,
        hidesHost: Bool, into buffer: inout ByteBuffer
    ) {
        buffer.append("X-Forwarded-For: ")
        writePrevious(.xForwardedFor, head.fields, into: &buffer)
        buffer.append(text)
        buffer.append("\r\nX-Forwarded-Proto: ")
        let isSecure = head.isSecure
        writeKept(.xForwardedProto, head.fields, into: &buffer) { $0.append(isSecure ? "https" : "http") }
        if !hidesHost || head.fields.contains(.xForwardedHost) {
            buffer.append("\r\nX-Forwarded-Host: ")
            let host = head.authority
            writeKept(.xForwardedHost, head.fields, into: &buffer) { $0.append(host) }
        }
        buffer.append("\r\nForwarded: ")
        writePrevious(.forwarded, head.fields, into: &buffer)
        // The first node says what its client used. A trusted proxy that writes other fields has not said so here.
        let isSecureNode = head.isSecure && !head.fields.contains(.forwarded)
        writeNode(text, isV4: ip.isV4, isSecure: isSecureNode, head: head, hidesHost: hidesHost, into: &buffer)
        buffer.append("\r\n")
    }

    private static func writePrevious(_ name: FieldName, _ fields: borrowing Fields, into buffer: inout ByteBuffer) {
        guard fields.contains(name) else { return }
        for index in fields.slots.indices where fields.slots[index].name == name {
            buffer.append(fields.value(at: index))
            buffer.append(", ")
        }
    }

    private static func writeKept(
        _ name: FieldName, _ fields: borrowing Fields, into buffer: inout ByteBuffer,
        _ own: (inout ByteBuffer) -> Void
    ) {
        if let index = fields.firstIndex(of: name) {
            buffer.append(fields.value(at: index))
        } else {
            own(&buffer)
        }
    }

    private static func writeNode(
        _ address: borrowing Span<UInt8>, isV4: Bool, isSecure: Bool, head: borrowing RequestHead,
        hidesHost: Bool, into buffer: inout ByteBuffer
    ) {
        buffer.append("for=")
        if isV4 {
            buffer.append(address)
        } else {
            buffer.append("\"[")
            buffer.append(address)
            buffer.append("]\"")
        }
        buffer.append(isSecure ? ";proto=https" : ";proto=http")
        guard head.authority.count > 0, !hidesHost else { return }
        // A host may hold a colon, which a token may not.
        buffer.append(";host=\"")
        buffer.append(head.authority)
        buffer.append("\"")
    }
}
