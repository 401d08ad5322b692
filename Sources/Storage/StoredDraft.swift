// SPDX-License-Identifier: Apache-2.0
package import CacheRules
package import HTTPMessages

/// All of a response that is to be stored but its key and its body.
package struct StoredDraft: Sendable {
    package let metadata: CachedMetadata
    /// Status line and field lines, each ended by CRLF, without the fields that are written anew for each answer.
    package let head: ContiguousArray<UInt8>
    /// The entity tag's value within `head`.
    package let eTagRange: Range<Int>
    /// From `Variance`, as the secondary key; both are empty when the response does not vary.
    package let varyRule: ContiguousArray<UInt8>
    package let secondaryKey: ContiguousArray<UInt8>
    /// The hashes of its tags.
    package let tags: ContiguousArray<UInt64>
    /// The body's, in bytes; nil when the origin did not tell.
    package let contentLength: Int?
    /// The coding in which the origin sent the body, if it is one that is decoded here; else identity.
    package let coding: ContentCoding

    package init(
        metadata: CachedMetadata, head: ContiguousArray<UInt8>, eTagRange: Range<Int> = 0..<0,
        varyRule: ContiguousArray<UInt8> = [], secondaryKey: ContiguousArray<UInt8> = [],
        tags: ContiguousArray<UInt64> = [], contentLength: Int? = nil, coding: ContentCoding = .identity
    ) {
        self.metadata = metadata
        self.head = head
        self.eTagRange = eTagRange
        self.varyRule = varyRule
        self.secondaryKey = secondaryKey
        self.tags = tags
        self.contentLength = contentLength
        self.coding = coding
    }
}
