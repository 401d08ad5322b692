// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Redis
import Storage

/// What comes from a Redis server: replies, and the records in them.
extension Properties {
    private struct Replies: Equatable {
        var elements: [String] = []
        var error: RESPError?
    }

    /// The same replies and error whole and in pieces of one and of three bytes.
    package static func resp(_ input: borrowing Span<UInt8>) -> String? {
        let whole = replies(input, pieces: max(input.count, 1))
        for size in [1, 3] where replies(input, pieces: size) != whole { return "pieces of \(size) differ from whole" }
        return nil
    }

    private static func replies(_ input: borrowing Span<UInt8>, pieces size: Int) -> Replies {
        let reader = RESPReader(limits: RESPLimits(replyBytes: 1 << 20, elements: 1000))
        var replies = Replies()
        var start = 0
        do throws(RESPError) {
            while start < input.count {
                let end = min(start + size, input.count)
                try reader.feed(input.extracting(start..<end))
                while try reader.next() { describe(reader.reply, reader.reply.root, into: &replies.elements) }
                start = end
            }
        } catch { replies.error = error }
        return replies
    }

    private static func describe(
        _ reply: borrowing RESPReply, _ element: RESPElement, into texts: inout [String]
    ) {
        let text = reply.text(of: element)
        var bytes: [UInt8] = []
        for index in 0..<text.count { bytes.append(text[index]) }
        texts.append("\(reply.kind(of: element)) \(reply.integer(of: element) ?? 0) \(bytes)")
        var child = reply.child(0, of: element)
        while let found = child {
            describe(reply, found, into: &texts)
            child = reply.next(after: found, in: element)
        }
    }

    /// Bytes are refused, or are a record that means the same when it is written again. What the input lacks is the
    /// checksum and the proof, without which no change would get past it.
    package static func record(_ input: borrowing Span<UInt8>) -> String? {
        let now = Moment(monotonicNanoseconds: 5_000_000_000, wallNanoseconds: 1_767_225_600_000_000_000)
        if (try? StoredRecord.read(input, now: now)) != nil || (try? StoredRecord.readForm(input)) != nil { return nil }
        var whole = ByteBuffer()
        whole.append(input)
        StoredRecord.seal(from: 0, in: &whole)
        return response(whole.span, now: now) ?? form(whole.span, now: now)
    }

    private static func response(_ whole: borrowing Span<UInt8>, now: Moment) -> String? {
        guard let record = try? StoredRecord.read(whole, now: now), !record.isVaryRule,
            let response = record.response(from: whole, keyHash: 1, epoch: 2)
        else { return nil }
        var again = ByteBuffer()
        StoredRecord.write(
            response, lifetimeMilliseconds: response.metadata.freshnessLifetimeMilliseconds, epoch: record.epoch,
            now: now, into: &again)
        guard again.count == StoredRecord.byteCount(of: response) else { return "its length was foretold wrongly" }
        guard let second = try? StoredRecord.read(again.span, now: now) else { return "not read again" }
        guard second.metadata == record.metadata, second.epoch == record.epoch, second.tags == record.tags else {
            return "another meaning"
        }
        let sameKey = again.span.extracting(second.keyRange).elementsEqual(whole.extracting(record.keyRange))
        let sameBody = again.span.extracting(second.bodyRange).elementsEqual(whole.extracting(record.bodyRange))
        return sameKey && sameBody ? nil : "other bytes"
    }

    /// What is no response may be a form; it lies under the key it names, and is of one body.
    private static func form(_ whole: borrowing Span<UInt8>, now: Moment) -> String? {
        guard let form = try? StoredRecord.readForm(whole) else { return nil }
        if (try? StoredRecord.read(whole, now: now)) != nil { return "a form that is a response" }
        guard let subject = StoredRecord.subject(whole) else { return "a form that cannot be swept" }
        guard whole.extracting(form.keyRange).elementsEqual(subject.key.span), subject.epoch == form.epoch else {
            return "a form that is swept for another's sake"
        }
        let draft = StoredDraft(
            metadata: CachedMetadata(status: 200, storedAtMonotonicMilliseconds: 0, freshnessLifetimeMilliseconds: 1),
            head: [], coding: form.coding)
        guard let response = StoredResponse.form(draft, copying: whole.extracting(form.bodyRange)) else { return nil }
        return response.bodyCount == form.bodyRange.count ? nil : "other bytes"
    }
}
