// SPDX-License-Identifier: Apache-2.0
import Bytes
package import CacheRules

extension StoredResponse {
    /// Bodies up to here lie in the response's own allocation; longer ones are shared by reference.
    package static let maximumInlineBodyBytes = 64 << 10

    /// A response with its whole body, which is copied.
    ///
    /// - Parameters:
    ///   - varyRule, secondaryKey: from `Variance`; both empty when the response does not vary.
    ///   - head: status line and field lines, each ended by CRLF.
    ///   - eTagRange: the entity tag's value within `head`.
    ///   - epoch: the store's `currentEpoch` when the fetch began.
    /// - Returns: nil when a part is longer than the record can say; such a response is not stored.
    package static func seal(
        metadata: CachedMetadata, key: borrowing Span<UInt8>, keyHash: UInt64, varyRule: borrowing Span<UInt8>,
        secondaryKey: borrowing Span<UInt8>, head: borrowing Span<UInt8>, eTagRange: Range<Int>,
        tags: borrowing Span<UInt64>, epoch: UInt64, body: borrowing Span<UInt8>
    ) -> StoredResponse? {
        make(
            metadata: metadata, key: key, keyHash: keyHash, varyRule: varyRule, secondaryKey: secondaryKey,
            head: head, eTagRange: eTagRange, tags: tags, epoch: epoch, inlineBody: body, sharedBody: nil)
    }

    /// The same for a body that arrived in segments: a short one is copied, a longer one is shared.
    package static func seal(
        metadata: CachedMetadata, key: borrowing Span<UInt8>, keyHash: UInt64, varyRule: borrowing Span<UInt8>,
        secondaryKey: borrowing Span<UInt8>, head: borrowing Span<UInt8>, eTagRange: Range<Int>,
        tags: borrowing Span<UInt64>, epoch: UInt64, body: StoredBody
    ) -> StoredResponse? {
        guard body.count <= maximumInlineBodyBytes else {
            return make(
                metadata: metadata, key: key, keyHash: keyHash, varyRule: varyRule, secondaryKey: secondaryKey,
                head: head, eTagRange: eTagRange, tags: tags, epoch: epoch, inlineBody: Span(), sharedBody: body)
        }
        var whole = ByteBuffer(capacity: body.count)
        while let run = body.run(at: whole.count) { whole.append(run.bytes) }
        return make(
            metadata: metadata, key: key, keyHash: keyHash, varyRule: varyRule, secondaryKey: secondaryKey,
            head: head, eTagRange: eTagRange, tags: tags, epoch: epoch, inlineBody: whole.span, sharedBody: nil)
    }

    /// The same body under a new head, after the origin answered 304 (RFC 9111 §4.3.4). Key and variant stay.
    package func refreshed(
        metadata: CachedMetadata, head: borrowing Span<UInt8>, eTagRange: Range<Int>, tags: borrowing Span<UInt64>,
        epoch: UInt64
    ) -> StoredResponse? {
        Self.make(
            metadata: metadata, key: key, keyHash: keyHash, varyRule: varyRule, secondaryKey: secondaryKey,
            head: head, eTagRange: eTagRange, tags: tags, epoch: epoch, inlineBody: inlineBody,
            sharedBody: sharedBody)
    }

    private static func make(
        metadata: CachedMetadata, key: borrowing Span<UInt8>, keyHash: UInt64, varyRule: borrowing Span<UInt8>,
        secondaryKey: borrowing Span<UInt8>, head: borrowing Span<UInt8>, eTagRange: Range<Int>,
        tags: borrowing Span<UInt64>, epoch: UInt64, inlineBody: borrowing Span<UInt8>, sharedBody: StoredBody?
    ) -> StoredResponse? {
        precondition(eTagRange.lowerBound >= 0 && eTagRange.upperBound <= head.count)
        guard let keyCount = UInt32(exactly: key.count), let headCount = UInt32(exactly: head.count),
            let inlineBodyCount = UInt32(exactly: inlineBody.count), let eTagCount = UInt16(exactly: eTagRange.count),
            let varyRuleCount = UInt16(exactly: varyRule.count), let tagCount = UInt16(exactly: tags.count),
            let secondaryKeyCount = UInt16(exactly: secondaryKey.count)
        else { return nil }
        let layout = StoredResponseLayout(
            metadata: metadata, keyHash: keyHash, epoch: epoch, sharedBody: sharedBody, keyCount: keyCount,
            headCount: headCount, inlineBodyCount: inlineBodyCount, eTagStart: UInt32(eTagRange.lowerBound),
            eTagCount: eTagCount, varyRuleCount: varyRuleCount, secondaryKeyCount: secondaryKeyCount,
            tagCount: tagCount)
        let made = StoredResponseMemory.create(minimumCapacity: (layout.totalCount + 7) / 8) { _ in layout }
        let memory = unsafe unsafeDowncast(made, to: StoredResponseMemory.self)
        for index in 0..<tags.count {
            unsafe memory.withUnsafeMutablePointerToElements { unsafe $0[index] = tags[index] }
        }
        memory.write(key, at: layout.keyStart)
        memory.write(varyRule, at: layout.varyRuleStart)
        memory.write(secondaryKey, at: layout.secondaryKeyStart)
        memory.write(head, at: layout.headStart)
        memory.write(inlineBody, at: layout.bodyStart)
        return StoredResponse(memory)
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
