// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import HTTPWire
import Storage

/// Turns what the origin sent into the form that is stored and written again and again.
enum StoredResponseMaker {
    /// nil when the response carries more tags than are kept: an entry that could not be purged by each of them
    /// must not exist.
    static func draft(
        _ response: borrowing ResponseHead, _ metadata: CachedMetadata, contentLength: Int?, for exchange: Exchange
    ) -> StoredDraft? {
        guard
            let tags = ResponseTags.hashes(
                response.fields, authority: exchange.head.authority, policy: exchange.request.route.policy)
        else { return nil }
        return draft(response, metadata, contentLength: contentLength, tags: tags, for: exchange)
    }

    static func draft(
        _ response: borrowing ResponseHead, _ metadata: CachedMetadata, contentLength: Int?,
        tags: ContiguousArray<UInt64>, for exchange: Exchange
    ) -> StoredDraft {
        let worker = exchange.worker
        let route = exchange.request.route
        var varyRule = ContiguousArray<UInt8>()
        if case .names(let names) = VaryRule.parse(response.fields) { varyRule = names }
        if !route.compression.isOff { varyRule = VaryField.withoutAcceptEncoding(varyRule) }
        exchange.grantedLifetimeMilliseconds = metadata.freshnessLifetimeMilliseconds
        var head = ByteBuffer(capacity: 512)
        var metadata = metadata.limited(toMilliseconds: route.policy.maximumTTLMilliseconds)
        let coding = ResponseCoding(
            response, to: exchange.head, route.compression, contentLength: contentLength,
            types: &exchange.worker.mediaTypes)
        if coding.isCompressible { metadata.flags.insert(.isCompressible) }
        let fields = StoredFields.select(from: response, policy: route.policy)
        if fields.count(of: .eTag) == 1 { metadata.flags.insert(.beginsLike304) }
        let eTagRange = writeHead(fields, of: response, worker, route, coding, into: &head)
        return StoredDraft(
            metadata: metadata, head: ContiguousArray(copying: head.span),
            eTagRange: eTagRange, varyRule: varyRule,
            secondaryKey: storedKeys(rule: varyRule, of: exchange.head.fields, response.fields), tags: tags,
            contentLength: contentLength, coding: coding.stored)
    }

    private static func storedKeys(
        rule: ContiguousArray<UInt8>, of request: Fields, _ response: borrowing Fields
    ) -> ContiguousArray<UInt8> {
        guard !rule.isEmpty else { return [] }
        var keys = ByteBuffer(capacity: 64)
        if let index = response.firstIndex(of: .contentLanguage) {
            Variance.writeStoredKeys(rule.span, request, contentLanguage: response.value(at: index), into: &keys)
        } else {
            Variance.writeSecondaryKey(rule.span, request, into: &keys)
        }
        return ContiguousArray(copying: keys.span)
    }

    /// First what a 304 repeats, and of that the entity tag last. Answers where that stands in `buffer`.
    private static func writeHead(
        _ fields: borrowing Fields, of response: borrowing ResponseHead, _ worker: Worker, _ route: CompiledRoute,
        _ coding: ResponseCoding, into buffer: inout ByteBuffer
    ) -> Range<Int> {
        ResponseHeadWriter.writeStatusLine(response, into: &buffer)
        let tag = fields.firstIndex(of: .eTag)
        writeLines(of: fields, route, into: &buffer) { index, name in
            index != tag && StoredHead.fieldsOf304.contains(name)
        }
        coding.writeVary(into: &buffer)
        if !fields.contains(.date) { worker.dates.append(to: &buffer, wallSeconds: worker.loop.now.wallSeconds) }
        ResponseHeadWriter.writeVia(response, worker.snapshot, into: &buffer)
        var eTagRange = 0..<0
        if let tag {
            buffer.append("ETag: ")
            eTagRange = buffer.count..<buffer.count + fields.value(at: tag).count
            buffer.append(fields.value(at: tag))
            buffer.append("\r\n")
        }
        writeLines(of: fields, route, into: &buffer) { index, name in
            index != tag && !StoredHead.fieldsOf304.contains(name)
        }
        return eTagRange
    }

    private static func writeLines(
        of fields: borrowing Fields, _ route: CompiledRoute, into buffer: inout ByteBuffer,
        where isMeant: (Int, FieldName) -> Bool
    ) {
        var lines = FieldLineCopy()
        let hasTags = route.policy.mayHaveTags(fields)
        for index in fields.slots.indices {
            let name = fields.slots[index].name
            // The length is written anew for each answer; tags are ours.
            if name == .contentLength || name == .larderCacheControl || !isMeant(index, name) { continue }
            if hasTags, route.policy.isTagField(at: index, of: fields) { continue }
            lines.add(index, of: fields, into: &buffer)
        }
        lines.end(of: fields, into: &buffer)
    }
}
