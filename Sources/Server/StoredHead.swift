// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import HTTPWire
import Storage

/// Reads the ready-to-write head of a stored response: a status line and field lines, each ended by CRLF.
enum StoredHead {
    /// The field lines, without the status line.
    @_lifetime(copy head)
    static func fieldLines(_ head: Span<UInt8>) -> Span<UInt8> {
        head.extracting(lineEnd(head, from: 0)..<head.count)
    }

    static func copyStatusLine(_ head: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        buffer.append(head.extracting(0..<lineEnd(head, from: 0)))
    }

    /// Where the value stands in a field line.
    static func valueRange(of line: borrowing Span<UInt8>) -> Range<Int>? {
        colon(line).map { line.trimmingBlanks($0 + 1..<line.count - 2) }
    }

    /// RFC 9110 §15.4.5: what a 304 repeats of the 200 it stands for. Cache-Status and Via stay, being about the
    /// way and not about the representation.
    static let fieldsOf304: FieldNameSet = [
        .cacheControl, .contentLocation, .date, .eTag, .expires, .vary, .lastModified, .cacheStatus, .via,
        .setCookie, .cdnCacheControl, .larderCacheControl,
    ]

    static func copyFieldsOf304(_ stored: StoredResponse, into buffer: inout ByteBuffer) {
        let head = stored.head
        if stored.metadata.flags.contains(.beginsLike304) {
            let end = lineEnd(head, from: stored.eTagRange.upperBound)
            return buffer.append(head.extracting(lineEnd(head, from: 0)..<end))
        }
        forEachLine(head) { name, line in
            if fieldsOf304.contains(name) { buffer.append(line) }
        }
    }

    static func copyFields(_ head: borrowing Span<UInt8>, without: FieldName, into buffer: inout ByteBuffer) {
        forEachLine(head) { name, line in
            if name != without { buffer.append(line) }
        }
    }

    static func value(of wanted: FieldName, in head: borrowing Span<UInt8>) -> ContiguousArray<UInt8> {
        var found = ContiguousArray<UInt8>()
        forEachLine(head) { name, line in
            guard name == wanted, found.isEmpty, let colon = colon(line) else { return }
            let value = line.trimmingBlanks(colon + 1..<line.count - 2)
            found = ContiguousArray(copying: line.extracting(value))
        }
        return found
    }

    /// False when it cannot be read back, which only a fault of ours could cause.
    static func parse(_ head: borrowing Span<UInt8>, into response: inout ResponseHead) -> Bool {
        var whole = ByteBuffer(capacity: head.count + 2)
        whole.append(head)
        whole.append("\r\n")
        var parser = ResponseParser()
        if case .complete = parser.parse(whole.span, into: &response) { return true }
        return false
    }

    /// Calls `body` with each field line, its CRLF included.
    static func forEachLine(
        _ head: borrowing Span<UInt8>, _ body: (FieldName, borrowing Span<UInt8>) -> Void
    ) {
        var start = lineEnd(head, from: 0)
        while start < head.count {
            let end = lineEnd(head, from: start)
            let line = head.extracting(start..<end)
            body(colon(line).map { FieldName.lookUp(line.extracting(0..<$0)) } ?? .other, line)
            start = end
        }
    }

    private static func colon(_ line: borrowing Span<UInt8>) -> Int? {
        line.firstIndex(of: ASCII.colon, in: 0..<line.count)
    }

    /// Behind the next CRLF; every line has one.
    private static func lineEnd(_ head: borrowing Span<UInt8>, from start: Int) -> Int {
        head.firstIndex(of: ASCII.lineFeed, in: start..<head.count).map { $0 + 1 } ?? head.count
    }
}
