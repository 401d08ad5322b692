// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Storage

/// The head of a body that was brought into another coding.
enum CodedHead {
    /// - Parameters:
    ///   - head: as in `StoredResponse.head`.
    ///   - coding: of the body that follows.
    /// - Returns: where the entity tag stands in `buffer`.
    static func write(
        _ head: borrowing Span<UInt8>, coding: ContentCoding, into buffer: inout ByteBuffer
    ) -> Range<Int> {
        var eTag = 0..<0
        StoredHead.copyStatusLine(head, into: &buffer)
        StoredHead.forEachLine(head) { name, line in
            switch name {
            // Parts are cut from the plain body, which has another tag.
            case .contentEncoding, .acceptRanges: break
            case .eTag where eTag.isEmpty: eTag = writeWeakened(line, into: &buffer)
            default: buffer.append(line)
            }
        }
        writeContentEncoding(coding, into: &buffer)
        return eTag
    }

    static func writeContentEncoding(_ coding: ContentCoding, into buffer: inout ByteBuffer) {
        guard coding != .identity else { return }
        buffer.append("Content-Encoding: ")
        buffer.append(coding.name)
        buffer.append("\r\n")
    }

    /// RFC 9110 §8.8.1: the same content in other bytes has a weak validator at most. If-None-Match compares weakly,
    /// and so finds it again; If-Range does not, and so gets the whole.
    private static func writeWeakened(_ line: borrowing Span<UInt8>, into buffer: inout ByteBuffer) -> Range<Int> {
        guard let value = StoredHead.valueRange(of: line) else { return 0..<0 }
        buffer.append("ETag: ")
        let start = buffer.count
        writeWeakened(value: line.extracting(value), into: &buffer)
        let range = start..<buffer.count
        buffer.append("\r\n")
        return range
    }

    static func writeWeakened(value: borrowing Span<UInt8>, into buffer: inout ByteBuffer) {
        if EntityTag.isStrong(value) { buffer.append("W/") }
        buffer.append(value)
    }

    /// All but the body of a form of `stored` in `coding`.
    static func draft(_ stored: StoredResponse, coding: ContentCoding) -> StoredDraft {
        draft(head: stored.head, metadata: stored.metadata, coding: coding)
    }

    static func draft(
        head: borrowing Span<UInt8>, metadata: CachedMetadata, coding: ContentCoding
    ) -> StoredDraft {
        var buffer = ByteBuffer(capacity: head.count + 64)
        let eTag = write(head, coding: coding, into: &buffer)
        var metadata = metadata
        metadata.flags.insert(.isTransformed)
        return StoredDraft(
            metadata: metadata, head: ContiguousArray(copying: buffer), eTagRange: eTag, coding: coding)
    }
}

extension CodedHead {
    /// The forms of `stored` under the head of the response that has taken its place with the same body.
    static func renewed(_ stored: StoredResponse, under refreshed: StoredResponse) -> StoredForms? {
        var forms: StoredForms?
        for coding in ContentCoding.allCases {
            guard let form = stored.forms?[coding],
                let renewed = form.response.reheaded(by: draft(refreshed, coding: coding))
            else { continue }
            forms = .adding(.init(renewed, isBest: form.isBest), coding, to: forms)
        }
        return forms
    }
}
