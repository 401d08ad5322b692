// SPDX-License-Identifier: Apache-2.0
package import Bytes
import CacheRules
package import HTTPMessages

/// Tells one body from another. Both are of one key, so that no peer gains by making two that look alike.
package struct BodyDigest: Equatable, Sendable {
    let byteCount: Int
    let first: UInt64
    let second: UInt64

    init(byteCount: Int, first: UInt64, second: UInt64) {
        self.byteCount = byteCount
        self.first = first
        self.second = second
    }

    init(of body: borrowing Span<UInt8>) {
        let (first, second) = ByteHasher.hashes(body, by: Self.one, and: Self.other)
        self.init(byteCount: body.count, first: first, second: second)
    }

    private static let one = ByteHasher(seed: 0x666F_726D_0000_0001)
    private static let other = ByteHasher(seed: 0x666F_726D_0000_0002)
}

extension StoredResponse {
    /// Of the body as it is stored.
    package var bodyDigest: BodyDigest {
        guard let sharedBody else { return BodyDigest(of: inlineBody) }
        var whole = ByteBuffer(capacity: sharedBody.count)
        while let run = sharedBody.run(at: whole.count) { whole.append(run.bytes) }
        return BodyDigest(of: whole.span)
    }
}

/// A form's record taken apart; ranges are within its bytes.
package struct ReadForm: Sendable {
    package let coding: ContentCoding
    /// Nothing smaller can be made of it.
    package let isBest: Bool
    /// Of the plain body that it was made of.
    package let source: BodyDigest
    package let epoch: RecordEpoch
    package let keyRange: Range<Int>
    package let bodyRange: Range<Int>
}

/// The body of a response in another coding, in a record of its own, which comes and is replaced without the
/// response's being written again. It says of which body it was made, and is of use only with a response that has that
/// body: so whatever forbids to use the response forbids to use the form. It has no head, for it goes under the
/// response's. Key, tags and epoch are those of the response, so that it is swept away with it.
///
///     | fixed part | … | source: byte count, two hashes | log | proof | tags | key | coded body | checksum |
extension StoredRecord {
    /// Without the number of the log.
    static let formFixedByteCount = commonByteCount + 24

    package static func byteCount(ofForm form: borrowing StoredResponse, of response: borrowing StoredResponse) -> Int {
        Kind.form.fixedByteCount + response.tags.count * 8 + response.key.count + form.bodyCount + checksumByteCount
    }

    /// Exactly `byteCount(ofForm:of:)` bytes. `response` has a plain body.
    package static func write(
        _ form: StoredForms.Form, of response: borrowing StoredResponse, epoch: RecordEpoch, now: Moment,
        into buffer: inout ByteBuffer
    ) {
        let start = buffer.count
        let coded = form.response
        writeFixedPart(.form, response.metadata, epoch, now: now, into: &buffer) { fixed in
            fixed.tags = UInt16(clamping: response.tags.count)
            fixed.key = UInt32(clamping: response.key.count)
            fixed.body = UInt64(coded.bodyCount)
            fixed.coding = coded.coding
            fixed.isBest = form.isBest
        }
        let source = response.bodyDigest
        buffer.append(littleEndian: UInt64(source.byteCount))
        buffer.append(littleEndian: source.first)
        buffer.append(littleEndian: source.second)
        writeLog(epoch.generation, into: &buffer)
        for index in 0..<response.tags.count { buffer.append(littleEndian: response.tags[index]) }
        buffer.append(response.key)
        writeBody(coded, into: &buffer)
        seal(from: start, in: &buffer)
    }

    package static func readForm(_ bytes: borrowing Span<UInt8>) throws(RecordError) -> ReadForm {
        let layout = try layout(of: bytes)
        let coding = layout.coding
        guard layout.kind == .form, coding != .identity,
            layout.head.isEmpty, layout.varyRule.isEmpty, layout.secondaryKey.isEmpty
        else { throw .damaged }
        return ReadForm(
            coding: coding, isBest: bytes.number(UInt32.self, at: 36) & 1 == 1,
            source: BodyDigest(
                byteCount: Int(clamping: bytes.number(UInt64.self, at: commonByteCount)),
                first: bytes.number(UInt64.self, at: commonByteCount + 8),
                second: bytes.number(UInt64.self, at: commonByteCount + 16)),
            epoch: epoch(bytes, layout.kind), keyRange: layout.key, bodyRange: layout.body)
    }
}
