// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import CacheRules
import HTTPMessages

/// Why bytes are no record.
package enum RecordError: Error, Sendable, Equatable {
    /// They do not begin as one does.
    case foreign
    /// Written by a version that this one does not understand.
    case tooNew
    /// Shorter or longer than it says, changed on the way, or saying what cannot be.
    case damaged
}

/// A record taken apart; ranges are within its bytes.
package struct ReadRecord: Sendable {
    /// On this process's clock, as of `now` when it was read: nothing of its age is lost.
    package var metadata: CachedMetadata
    package let epoch: RecordEpoch
    package let tags: ContiguousArray<UInt64>
    package let keyRange: Range<Int>
    package let varyRuleRange: Range<Int>
    package let secondaryKeyRange: Range<Int>
    let headRange: Range<Int>
    let eTagRange: Range<Int>
    package let bodyRange: Range<Int>
    let coding: ContentCoding
    /// Of a plain body; nil before version 4.
    package let bodyDigest: BodyDigest?
    /// It only tells which request fields choose the response.
    package let isVaryRule: Bool
}

extension StoredRecord {
    /// A response, or the rule of its variants.
    package static func read(_ bytes: borrowing Span<UInt8>, now: Moment) throws(RecordError) -> ReadRecord {
        let layout = try layout(of: bytes)
        guard layout.kind != .form else { throw .damaged }
        let head = layout.head
        let eTagStart = Int(bytes.number(UInt32.self, at: 24))
        let eTag = eTagStart..<eTagStart + Int(bytes.number(UInt16.self, at: 28))
        guard eTag.upperBound <= head.count else { throw .damaged }
        if layout.kind == .response, !isHead(bytes.extracting(head)) { throw .damaged }
        return ReadRecord(
            metadata: try metadata(bytes, now: now),
            epoch: epoch(bytes, layout.kind), tags: readTags(bytes, layout.tags), keyRange: layout.key,
            varyRuleRange: layout.varyRule,
            secondaryKeyRange: layout.secondaryKey, headRange: head, eTagRange: eTag, bodyRange: layout.body,
            coding: layout.coding, bodyDigest: bodyDigest(bytes, layout),
            isVaryRule: layout.kind == .varyRule)
    }

    private static let magicBytes: [UInt8] = Array("\(magic)".utf8)

    /// Where the parts of a record lie.
    struct Layout {
        let kind: Kind
        let tags: Range<Int>
        let key: Range<Int>
        let varyRule: Range<Int>
        let secondaryKey: Range<Int>
        let head: Range<Int>
        let body: Range<Int>
        /// Of the body; identity for a rule.
        let coding: ContentCoding
    }

    static func layout(of bytes: borrowing Span<UInt8>) throws(RecordError) -> Layout {
        guard bytes.count >= magic.utf8CodeUnitCount, bytes.extracting(0..<4).elementsEqual(magicBytes.span) else {
            throw .foreign
        }
        guard bytes.count >= commonByteCount + checksumByteCount else { throw .damaged }
        let end = bytes.count - checksumByteCount
        // First of all, so that a damaged version is not taken for a new one.
        guard isWhole(bytes, end: end) else { throw .damaged }
        guard bytes[5] <= version else { throw .tooNew }
        return try layout(of: bytes, end: end, isOwnVersion: bytes[4] == version)
    }

    private static func isWhole(_ bytes: borrowing Span<UInt8>, end: Int) -> Bool {
        let content = bytes.extracting(0..<end)
        guard let place = proofStart(of: content) else {
            return checksum(of: content) == bytes.number(UInt64.self, at: end)
        }
        return proof(of: content, at: place) == bytes.number(UInt64.self, at: place)
    }

    private static func layout(
        of bytes: borrowing Span<UInt8>, end: Int, isOwnVersion: Bool
    ) throws(RecordError) -> Layout {
        let fixedCount = Int(bytes.number(UInt16.self, at: 6))
        guard let number = UInt8(exactly: bytes.number(UInt16.self, at: 8)), let kind = Kind(rawValue: number),
            fixedCount >= kind.leastFixedByteCount, fixedCount <= end
        else { throw .damaged }
        var parts = Parts(start: fixedCount, end: end)
        let tags = try parts.take(8 * Int(bytes.number(UInt16.self, at: 14)))
        let key = try parts.take(Int(bytes.number(UInt32.self, at: 16)))
        let varyRule = try parts.take(Int(bytes.number(UInt16.self, at: 30)))
        let secondaryKey = try parts.take(Int(bytes.number(UInt16.self, at: 32)))
        let head = try parts.take(Int(bytes.number(UInt32.self, at: 20)))
        let body = try parts.take(Int(clamping: bytes.number(UInt64.self, at: 40)))
        guard parts.start == end || !isOwnVersion else { throw .damaged }
        return Layout(
            kind: kind, tags: tags, key: key, varyRule: varyRule, secondaryKey: secondaryKey, head: head, body: body,
            coding: kind == .varyRule ? .identity : try coding(bytes.number(UInt16.self, at: 34)))
    }

    /// Records of a version that codes otherwise may carry this version's number.
    private static func coding(_ number: UInt16) throws(RecordError) -> ContentCoding {
        guard let number = UInt8(exactly: number), let coding = ContentCoding(rawValue: number), isRead(coding) else {
            throw .tooNew
        }
        return coding
    }

    /// Whether a stored body in it can be made use of; others can be told apart, and nothing more.
    private static func isRead(_ coding: ContentCoding) -> Bool {
        switch coding {
        case .identity, .gzip, .deflate, .brotli: true
        case .zstd: false
        }
    }

    /// Of the fixed part, which is known to be there.
    static func epoch(_ bytes: borrowing Span<UInt8>, _ kind: Kind) -> RecordEpoch {
        // Since version 3.
        let isNamed = Int(bytes.number(UInt16.self, at: 6)) >= kind.proofStart
        return RecordEpoch(
            generation: isNamed
                ? LogGeneration(number: bytes.number(UInt64.self, at: kind.leastFixedByteCount)) : .none,
            epoch: SharedEpoch(
                milliseconds: bytes.number(UInt64.self, at: 104), sequence: bytes.number(UInt64.self, at: 112)))
    }

    /// As the record says; its checksum speaks for that as for the body.
    private static func bodyDigest(_ bytes: borrowing Span<UInt8>, _ layout: Layout) -> BodyDigest? {
        let start = Kind.response.fixedByteCount
        guard layout.kind == .response, layout.coding == .identity,
            Int(bytes.number(UInt16.self, at: 6)) >= plainFixedByteCount
        else { return nil }
        return BodyDigest(
            byteCount: layout.body.count, first: bytes.number(UInt64.self, at: start),
            second: bytes.number(UInt64.self, at: start + 8))
    }

    /// The parts that lie behind one another.
    private struct Parts {
        var start: Int
        let end: Int

        mutating func take(_ count: Int) throws(RecordError) -> Range<Int> {
            guard count <= end - start else { throw .damaged }
            defer { start += count }
            return start..<start + count
        }
    }

    private static func readTags(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> ContiguousArray<UInt64> {
        var tags = ContiguousArray<UInt64>()
        guard !range.isEmpty else { return tags }
        tags.reserveCapacity(range.count / 8)
        for start in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
            tags.append(bytes.number(UInt64.self, at: start))
        }
        return tags
    }

    /// A status line and field lines, each ended by CRLF, and no empty line that would end it for a client.
    private static func isHead(_ head: borrowing Span<UInt8>) -> Bool {
        guard head.count >= 14, head[head.count - 1] == ASCII.lineFeed, head[head.count - 2] == ASCII.carriageReturn
        else { return false }
        var lineStart = 0
        while let index = head.firstIndex(of: ASCII.lineFeed, in: lineStart..<head.count) {
            guard index > lineStart + 1, head[index - 1] == ASCII.carriageReturn else { return false }
            lineStart = index + 1
        }
        return true
    }

    /// Longer than anything is kept, and short enough that sums of a few do not overflow.
    private static let durationLimit: Int64 = 1 << 50
    /// No date of HTTP has more than four digits for its year.
    private static let secondsLimit: UInt64 = 1 << 40

    private static func metadata(_ bytes: borrowing Span<UInt8>, now: Moment) throws(RecordError) -> CachedMetadata {
        let received = bytes.number(Int64.self, at: 48)
        let initialAge = bytes.number(Int64.self, at: 56)
        let lifetime = bytes.number(Int64.self, at: 64)
        let staleWhileRevalidate = bytes.number(Int64.self, at: 72)
        let staleIfError = bytes.number(Int64.self, at: 80)
        for duration in [initialAge, lifetime, staleWhileRevalidate, staleIfError] {
            guard duration.magnitude <= durationLimit.magnitude else { throw .damaged }
        }
        guard received.magnitude <= durationLimit.magnitude, lifetime >= 0, staleWhileRevalidate >= 0, staleIfError >= 0
        else { throw .damaged }
        let flags = CachedMetadata.Flags(rawValue: bytes.number(UInt16.self, at: 12))
        guard !flags.contains(.isPartial), (200...999).contains(bytes.number(UInt16.self, at: 10)) else {
            throw .damaged
        }
        let (date, lastModified) = (bytes.number(Int64.self, at: 88), bytes.number(Int64.self, at: 96))
        guard date.magnitude <= secondsLimit, lastModified.magnitude <= secondsLimit else { throw .damaged }
        // Another node's clock may run ahead; nothing grows younger by that.
        let age = initialAge + max(0, now.wallMilliseconds - received)
        guard age <= durationLimit else { throw .damaged }
        return CachedMetadata(
            status: bytes.number(UInt16.self, at: 10),
            flags: flags,
            storedAtMonotonicMilliseconds: now.monotonicMilliseconds, initialAgeMilliseconds: age,
            freshnessLifetimeMilliseconds: lifetime, staleWhileRevalidateMilliseconds: staleWhileRevalidate,
            staleIfErrorMilliseconds: staleIfError, dateSeconds: date, lastModifiedSeconds: lastModified)
    }
}

extension ReadRecord {
    /// The response for memory; nil when a part is longer than an entry can say.
    ///
    /// - Parameters:
    ///   - bytes: those it was read from.
    ///   - epoch: the process's own, from `MemoryStore.judge`.
    package func response(
        from bytes: borrowing Span<UInt8>, keyHash: UInt64, epoch: UInt64
    ) -> StoredResponse? {
        let draft = StoredDraft(
            metadata: metadata, head: Self.copy(bytes, headRange), eTagRange: eTagRange,
            varyRule: Self.copy(bytes, varyRuleRange), secondaryKey: Self.copy(bytes, secondaryKeyRange), tags: tags,
            coding: coding)
        return StoredResponse.seal(
            draft, key: bytes.extracting(keyRange), keyHash: keyHash, epoch: epoch, copying: bytes.extracting(bodyRange)
        )
    }

    private static func copy(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> ContiguousArray<UInt8> {
        var copy = ContiguousArray<UInt8>()
        guard !range.isEmpty else { return copy }
        copy.reserveCapacity(range.count)
        unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe copy.append(contentsOf: $0) }
        return copy
    }
}

extension CachedMetadata {
    /// How long the response may be of use: its lifetime, and while it may be served stale.
    package func usableForMilliseconds(_ now: Moment, lifetimeMilliseconds: Int64) -> Int64 {
        lifetimeMilliseconds - ageMilliseconds(now) + max(staleWhileRevalidateMilliseconds, staleIfErrorMilliseconds)
    }
}

extension Span where Element == UInt8 {
    /// Little-endian.
    func number<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type, at offset: Int) -> Number {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Number>.size)
        // Within the bytes, as was just seen.
        return Number(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Number.self))
    }
}
