// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages

extension StoredResponse {
    /// Bodies up to here lie in the response's own allocation, since copying them is the cheapest way to send them;
    /// longer ones are shared by reference, and lie in pages.
    package static let maximumInlineBodyBytes = PageArena.minimum - 1

    /// A response with its whole body, which is copied, or came in segments: short ones are copied, longer ones
    /// shared. One whose body is not complete is marked so.
    ///
    /// - Parameter epoch: the store's `currentEpoch` when the fetch began.
    /// - Returns: nil when a part is longer than the record can say; such a response is not stored.
    package static func seal(
        _ draft: StoredDraft, key: borrowing Span<UInt8>, keyHash: UInt64, epoch: UInt64,
        body: Span<UInt8> = Span(), segments: StoredBody? = nil
    ) -> StoredResponse? {
        let (rule, secondary) = (draft.varyRule, draft.secondaryKey)
        guard let segments, segments.count <= maximumInlineBodyBytes, segments.isComplete else {
            return make(
                draft, key: key, keyHash: keyHash, varyRule: rule.span, secondaryKey: secondary.span, epoch: epoch,
                inlineBody: body, sharedBody: segments)
        }
        var whole = ByteBuffer(capacity: segments.count)
        while let run = segments.run(at: whole.count) { whole.append(run.bytes) }
        return make(
            draft, key: key, keyHash: keyHash, varyRule: rule.span, secondaryKey: secondary.span, epoch: epoch,
            inlineBody: whole.span, sharedBody: nil)
    }

    /// The same with a body of any length that lies in one run.
    static func seal(
        _ draft: StoredDraft, key: borrowing Span<UInt8>, keyHash: UInt64, epoch: UInt64,
        copying body: borrowing Span<UInt8>
    ) -> StoredResponse? {
        guard body.count > maximumInlineBodyBytes else {
            return make(
                draft, key: key, keyHash: keyHash, varyRule: draft.varyRule.span, secondaryKey: draft.secondaryKey.span,
                epoch: epoch, inlineBody: body, sharedBody: nil)
        }
        let segments = GrowingBody(expectedCount: body.count)
        segments.append(body)
        return seal(draft, key: key, keyHash: keyHash, epoch: epoch, segments: segments.sealed())
    }

    /// The same body under a new head, after the origin answered 304 (RFC 9111 §4.3.4). The variant stays unless what
    /// it depends on has changed: then it is that of the request whose fields the draft was made of.
    package func refreshed(by draft: StoredDraft, epoch: UInt64) -> StoredResponse? {
        let (rule, secondary) = (draft.varyRule, draft.secondaryKey)
        let isSameRule = Self.equal(varyRule, rule.span)
        return Self.make(
            draft, key: key, keyHash: keyHash, varyRule: rule.span,
            secondaryKey: isSameRule ? secondaryKey : secondary.span, epoch: epoch, inlineBody: inlineBody,
            sharedBody: sharedBody)
    }

    /// A body in another coding under a head of its own. It is reached through the response it belongs to, and
    /// has no key.
    package static func form(
        _ draft: StoredDraft, body: Span<UInt8> = Span(), segments: StoredBody? = nil
    ) -> StoredResponse? {
        seal(draft, key: Span(), keyHash: 0, epoch: 0, body: body, segments: segments)
    }

    /// The same of a coded body that lies in one run.
    package static func form(_ draft: StoredDraft, copying body: borrowing Span<UInt8>) -> StoredResponse? {
        seal(draft, key: Span(), keyHash: 0, epoch: 0, copying: body)
    }

    /// The same form under a new head.
    package func reheaded(by draft: StoredDraft) -> StoredResponse? {
        Self.make(
            draft, key: Span(), keyHash: 0, varyRule: Span(), secondaryKey: Span(), epoch: 0, inlineBody: inlineBody,
            sharedBody: sharedBody)
    }

    /// With the forms that were made before it is stored.
    package func with(_ forms: StoredForms?) -> StoredResponse { StoredResponse(content, forms: forms) }

    private static func make(
        _ draft: StoredDraft, key: borrowing Span<UInt8>, keyHash: UInt64, varyRule: borrowing Span<UInt8>,
        secondaryKey: borrowing Span<UInt8>, epoch: UInt64, inlineBody: borrowing Span<UInt8>, sharedBody: StoredBody?
    ) -> StoredResponse? {
        let (head, eTagRange, tags) = (draft.head, draft.eTagRange, draft.tags)
        precondition(eTagRange.lowerBound >= 0 && eTagRange.upperBound <= head.count)
        guard let keyCount = UInt32(exactly: key.count), let headCount = UInt32(exactly: head.count),
            let inlineBodyCount = UInt32(exactly: inlineBody.count),
            inlineBodyCount <= StoredResponseLayout.inlineBodyMask, let eTagCount = UInt16(exactly: eTagRange.count),
            let varyRuleCount = UInt16(exactly: varyRule.count), let tagCount = UInt16(exactly: tags.count),
            let secondaryKeyCount = UInt16(exactly: secondaryKey.count)
        else { return nil }
        var metadata = draft.metadata
        metadata.flags.remove(.isPartial)
        if let sharedBody, !sharedBody.isComplete { metadata.flags.insert(.isPartial) }
        let layout = StoredResponseLayout(
            metadata: metadata, keyHash: keyHash, epoch: epoch, sharedBody: sharedBody, keyCount: keyCount,
            headCount: headCount, eTagStart: UInt32(eTagRange.lowerBound),
            inlineBodyCountAndCoding: inlineBodyCount | UInt32(draft.coding.rawValue) << 24, eTagCount: eTagCount,
            varyRuleCount: varyRuleCount, secondaryKeyCount: secondaryKeyCount, tagCount: tagCount)
        let made = StoredResponseMemory.create(minimumCapacity: (layout.totalCount + 7) / 8) { _ in layout }
        let memory = unsafe unsafeDowncast(made, to: StoredResponseMemory.self)
        for index in 0..<tags.count {
            unsafe memory.withUnsafeMutablePointerToElements { unsafe $0[index] = tags[index] }
        }
        memory.write(key, at: layout.keyStart)
        memory.write(varyRule, at: layout.varyRuleStart)
        memory.write(secondaryKey, at: layout.secondaryKeyStart)
        memory.write(head.span, at: layout.headStart)
        memory.write(inlineBody, at: layout.bodyStart)
        return StoredResponse(StoredContent(memory: memory))
    }
}

extension StoredResponseMemory {
    fileprivate func write(_ bytes: borrowing Span<UInt8>, at offset: Int) {
        let count = bytes.count
        unsafe bytes.withUnsafeBufferPointer { from in
            guard let base = from.baseAddress else { return }
            unsafe withUnsafeMutablePointerToElements {
                unsafe (UnsafeMutableRawPointer($0) + offset).copyMemory(from: base, byteCount: count)
            }
        }
    }
}
