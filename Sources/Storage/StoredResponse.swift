// SPDX-License-Identifier: Apache-2.0
public import CacheRules
import Glibc
public import HTTPMessages

/// What a stored response is besides its bytes: 96 of them, in an order that leaves no gaps.
@usableFromInline
struct StoredResponseLayout {
    @usableFromInline var metadata: CachedMetadata
    @usableFromInline var keyHash: UInt64
    @usableFromInline var epoch: UInt64
    /// The body when it is not inline.
    @usableFromInline var sharedBody: StoredBody?
    @usableFromInline var keyCount: UInt32
    @usableFromInline var headCount: UInt32
    @usableFromInline var eTagStart: UInt32
    /// Lower three quarters: the length of an inline body; uppermost: its coding.
    @usableFromInline var inlineBodyCountAndCoding: UInt32
    @usableFromInline var eTagCount: UInt16
    @usableFromInline var varyRuleCount: UInt16
    @usableFromInline var secondaryKeyCount: UInt16
    @usableFromInline var tagCount: UInt16

    @usableFromInline static let inlineBodyMask: UInt32 = 0xFF_FFFF

    @inlinable var inlineBodyCount: Int { Int(inlineBodyCountAndCoding & Self.inlineBodyMask) }
    @inlinable var coding: ContentCoding {
        ContentCoding(rawValue: UInt8(truncatingIfNeeded: inlineBodyCountAndCoding >> 24)) ?? .identity
    }
    @inlinable var keyStart: Int { Int(tagCount) * MemoryLayout<UInt64>.size }
    @inlinable var varyRuleStart: Int { keyStart + Int(keyCount) }
    @inlinable var secondaryKeyStart: Int { varyRuleStart + Int(varyRuleCount) }
    @inlinable var headStart: Int { secondaryKeyStart + Int(secondaryKeyCount) }
    @inlinable var bodyStart: Int { headStart + Int(headCount) }
    @inlinable var totalCount: Int { bodyStart + inlineBodyCount }
}

/// A stored response in one allocation:
///
///     | object header | layout | tags | key | Vary rule | secondary key | head | body |
@usableFromInline
final class StoredResponseMemory: ManagedBuffer<StoredResponseLayout, UInt64> {}

/// Sendable without a check, because nothing of it changes once `seal` has returned.
@usableFromInline
struct StoredContent: @unchecked Sendable {
    @usableFromInline let memory: StoredResponseMemory
}

/// A response in ready-to-write form. Copying the value copies a reference.
@usableFromInline
package struct StoredResponse: Sendable {
    @usableFromInline let content: StoredContent
    @inlinable var memory: StoredResponseMemory { content.memory }
    /// Its body in other codings, as far as they were made when this value was looked up.
    package internal(set) var forms: StoredForms?

    init(_ content: StoredContent, forms: StoredForms? = nil) {
        self.content = content
        self.forms = forms
    }

    @inlinable package var metadata: CachedMetadata { memory.header.metadata }
    @inlinable package var keyHash: UInt64 { memory.header.keyHash }
    /// The newest invalidation that was known when its fetch began.
    @inlinable package var epoch: UInt64 { memory.header.epoch }
    /// The coding of `body`, as in `StoredDraft`.
    @inlinable package var coding: ContentCoding { memory.header.coding }

    package var identity: ObjectIdentifier { ObjectIdentifier(memory) }

    /// Whether both are the same memory, whatever forms were made of it.
    package func isSame(as other: StoredResponse) -> Bool { memory === other.memory }

    /// The whole primary key.
    @inlinable
    package var key: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes(from: memory.header.keyStart, count: Int(memory.header.keyCount)) }
    }

    /// How its secondary key is made from a request; empty when the response does not vary.
    @inlinable
    package var varyRule: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes(from: memory.header.varyRuleStart, count: Int(memory.header.varyRuleCount)) }
    }

    @inlinable
    package var secondaryKey: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes(from: memory.header.secondaryKeyStart, count: Int(memory.header.secondaryKeyCount)) }
    }

    /// Status line and field lines, each ended by CRLF, without the empty line and without the fields that are
    /// written anew for each answer.
    @inlinable
    package var head: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes(from: memory.header.headStart, count: Int(memory.header.headCount)) }
    }

    /// The entity tag's value within `head`, quotes included; empty when there is none.
    @inlinable package var eTagRange: Range<Int> {
        let start = Int(memory.header.eTagStart)
        return start..<start + Int(memory.header.eTagCount)
    }

    @inlinable
    package var eTag: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            bytes(from: memory.header.headStart + Int(memory.header.eTagStart), count: Int(memory.header.eTagCount))
        }
    }

    /// The hashes of its tags.
    package var tags: Span<UInt64> {
        @_lifetime(borrow self)
        borrowing get {
            let pointer = unsafe memory.withUnsafeMutablePointerToElements { unsafe $0 }
            let span = unsafe Span(_unsafeStart: UnsafePointer(pointer), count: Int(memory.header.tagCount))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// It as invalidations see it.
    var subject: InvalidationSubject {
        @_lifetime(borrow self)
        borrowing get { InvalidationSubject(key: key, keyHash: keyHash, tags: tags, epoch: epoch) }
    }

    @inlinable
    @_lifetime(borrow self)
    func bytes(from start: Int, count: Int) -> Span<UInt8> {
        let pointer = unsafe memory.withUnsafeMutablePointerToElements { unsafe UnsafeRawPointer($0) + start }
        let typed = unsafe pointer.assumingMemoryBound(to: UInt8.self)
        let span = unsafe Span(_unsafeStart: typed, count: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    // MARK: Body

    @inlinable package var bodyCount: Int { memory.header.sharedBody?.count ?? memory.header.inlineBodyCount }

    /// The whole body when it lies in one run with the head, which is the case up to `maximumInlineBodyBytes`;
    /// empty when it is in segments.
    @inlinable
    package var inlineBody: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes(from: memory.header.bodyStart, count: memory.header.inlineBodyCount) }
    }

    /// The body in segments; nil when it is inline.
    @inlinable package var sharedBody: StoredBody? { memory.header.sharedBody }

    // MARK: Comparing

    /// Whether `other` is the same variant of the same primary key, byte for byte.
    package func isSameVariant(as other: borrowing StoredResponse) -> Bool {
        Self.equal(varyRule, other.varyRule) && Self.equal(secondaryKey, other.secondaryKey)
    }

    static func equal(_ one: borrowing Span<UInt8>, _ other: borrowing Span<UInt8>) -> Bool {
        let count = one.count
        guard count == other.count else { return false }
        return unsafe one.withUnsafeBufferPointer { left in
            unsafe other.withUnsafeBufferPointer { right in
                guard let left = left.baseAddress, let right = right.baseAddress else { return count == 0 }
                return unsafe memcmp(left, right, count) == 0
            }
        }
    }

    // MARK: Accounting

    /// All the memory it holds, as the allocator rounds it.
    package var allocatedBytes: Int {
        ownAllocatedBytes + (forms?.allocatedBytes ?? 0)
    }

    /// The same without its forms.
    var ownAllocatedBytes: Int {
        ProcessMemory.allocatedBytes(of: memory) + (memory.header.sharedBody?.allocatedBytes ?? 0)
    }
}
