// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import CacheRules
import HTTPMessages

/// The form in which a response lies in the second tier: one run of bytes, numbers in little-endian order.
///
///     | fixed part | tags | key | Vary rule | secondary key | head | body | checksum |
///
/// A record names the version that wrote it, and the oldest that can read it. A reader takes what says that it can be
/// read by it, and skips what it does not know: the end of a longer fixed part, and what stands between the parts it
/// knows and the checksum. So nodes of neighbouring versions share one cache, in both directions; a change that old
/// readers would misread raises `oldestReader`, and they see a miss.
///
/// Version 2 added the records of forms. Version 3 says of which log the epoch is; older readers would take a response's
/// for one of any log. Version 4 tells a plain body's digest, by which the forms made of it are known without a look at
/// the body; of older records it is computed. And it has a proof that takes less time than the checksum, which is there
/// for older readers.
package enum StoredRecord {
    package static let version: UInt8 = 4

    enum Kind: UInt8 {
        case response = 0
        /// The key's response varies: which request fields choose it. The variants lie under keys of their own.
        case varyRule = 1
        /// A response's body in another coding, under a key of its own; see `StoredRecord+Forms`.
        case form = 2

        var oldestReader: UInt8 {
            switch self {
            case .response: 3
            case .varyRule: 1
            case .form: 2
            }
        }
        /// Before version 3.
        var leastFixedByteCount: Int {
            self == .form ? StoredRecord.formFixedByteCount : StoredRecord.commonByteCount
        }
        /// Since version 4: where the proof stands, behind the number of the log.
        var proofStart: Int { leastFixedByteCount + 8 }
        var fixedByteCount: Int { proofStart + 8 }
    }

    /// Of a response with a plain body: the two hashes of its digest are at the end.
    static let plainFixedByteCount = Kind.response.fixedByteCount + 16

    static let magic: StaticString = "LRDR"
    /// Of the fixed part of every kind and version.
    static let commonByteCount = 120
    static let checksumByteCount = 8

    /// Found by no peer's choice in mind, but by storage and software that err: no keyed hash is needed.
    static let hasher = ByteHasher(seed: 0x6C61_7264_6572_0002)

    // MARK: Writing

    package static func byteCount(of response: borrowing StoredResponse) -> Int {
        fixedByteCount(of: response) + response.tags.count * 8 + response.key.count + response.varyRule.count
            + response.secondaryKey.count + response.head.count + response.bodyCount + checksumByteCount
    }

    private static func fixedByteCount(of response: borrowing StoredResponse) -> Int {
        response.coding == .identity ? plainFixedByteCount : Kind.response.fixedByteCount
    }

    /// Exactly `byteCount(of:)` bytes.
    ///
    /// - Parameters:
    ///   - lifetimeMilliseconds: what the origin granted, of which memory may keep to less.
    ///   - epoch: how much of the shared log the fetch knew.
    package static func write(
        _ response: borrowing StoredResponse, lifetimeMilliseconds: Int64, epoch: RecordEpoch, now: Moment,
        into buffer: inout ByteBuffer
    ) {
        let start = buffer.count
        buffer.reserve(byteCount(of: response))
        var metadata = response.metadata
        metadata.freshnessLifetimeMilliseconds = lifetimeMilliseconds
        writeFixedPart(.response, metadata, epoch, now: now, into: &buffer) { fixed in
            fixed.fixed = UInt16(fixedByteCount(of: response))
            fixed.tags = UInt16(clamping: response.tags.count)
            fixed.key = UInt32(clamping: response.key.count)
            fixed.head = UInt32(clamping: response.head.count)
            fixed.eTagStart = UInt32(clamping: response.eTagRange.lowerBound)
            fixed.eTag = UInt16(clamping: response.eTagRange.count)
            fixed.varyRule = UInt16(clamping: response.varyRule.count)
            fixed.secondaryKey = UInt16(clamping: response.secondaryKey.count)
            fixed.body = UInt64(response.bodyCount)
            fixed.coding = response.coding
        }
        writeLog(epoch.generation, into: &buffer)
        if response.coding == .identity {
            let digest = response.bodyDigest
            buffer.append(littleEndian: digest.first)
            buffer.append(littleEndian: digest.second)
        }
        for index in 0..<response.tags.count { buffer.append(littleEndian: response.tags[index]) }
        buffer.append(response.key)
        buffer.append(response.varyRule)
        buffer.append(response.secondaryKey)
        buffer.append(response.head)
        writeBody(response, into: &buffer)
        seal(from: start, in: &buffer)
    }

    /// And room for the proof.
    static func writeLog(_ generation: LogGeneration, into buffer: inout ByteBuffer) {
        buffer.append(littleEndian: generation.number)
        buffer.append(littleEndian: UInt64(0))
    }

    static func writeBody(_ response: borrowing StoredResponse, into buffer: inout ByteBuffer) {
        guard let shared = response.sharedBody else { return buffer.append(response.inlineBody) }
        var written = 0
        while let run = shared.run(at: written) {
            buffer.append(run.bytes)
            written += run.count
        }
    }

    /// Under the key alone, where the responses under it vary.
    package static func writeVaryRule(
        _ rule: borrowing Span<UInt8>, under key: borrowing Span<UInt8>, _ metadata: CachedMetadata, now: Moment,
        into buffer: inout ByteBuffer
    ) {
        let start = buffer.count
        let (keyCount, ruleCount) = (key.count, rule.count)
        writeFixedPart(.varyRule, metadata, .none, now: now, into: &buffer) { fixed in
            fixed.key = UInt32(clamping: keyCount)
            fixed.varyRule = UInt16(clamping: ruleCount)
        }
        writeLog(.none, into: &buffer)
        buffer.append(key)
        buffer.append(rule)
        seal(from: start, in: &buffer)
    }

    package static func varyRuleByteCount(_ rule: borrowing Span<UInt8>, under key: borrowing Span<UInt8>) -> Int {
        Kind.varyRule.fixedByteCount + key.count + rule.count + checksumByteCount
    }

    /// What stands at the end of a record that holds `bytes` otherwise.
    static func checksum(of bytes: borrowing Span<UInt8>) -> UInt64 { hasher.hash64(bytes) }

    /// Of all but itself and the checksum.
    static func proof(of bytes: borrowing Span<UInt8>, at place: Int) -> UInt64 {
        hasher.hash64(bytes.extracting(0..<place)) &+ hasher.chainedHash64(bytes.extracting((place + 8)...))
    }

    /// The proof goes where there is room for it, the checksum to the end.
    package static func seal(from start: Int, in buffer: inout ByteBuffer) {
        if let place = proofStart(of: buffer.span.extracting(start...)) {
            let proof = proof(of: buffer.span.extracting(start...), at: place)
            buffer.overwrite(at: start + place, littleEndian: proof)
        }
        buffer.append(littleEndian: checksum(of: buffer.span.extracting(start...)))
    }

    /// nil for a record that has none.
    static func proofStart(of bytes: borrowing Span<UInt8>) -> Int? {
        guard bytes.count >= commonByteCount, bytes[4] >= 4,
            let kind = Kind(rawValue: UInt8(truncatingIfNeeded: bytes.number(UInt16.self, at: 8))),
            bytes.count >= kind.fixedByteCount
        else { return nil }
        return kind.proofStart
    }

    struct Counts {
        var fixed: UInt16
        var tags: UInt16 = 0
        var key: UInt32 = 0
        var head: UInt32 = 0
        var eTagStart: UInt32 = 0
        var eTag: UInt16 = 0
        var varyRule: UInt16 = 0
        var secondaryKey: UInt16 = 0
        var body: UInt64 = 0
        var coding = ContentCoding.identity
        /// Of a form.
        var isBest = false
    }

    /// All of it but what the kind has for itself, and the number of the log.
    static func writeFixedPart(
        _ kind: Kind, _ metadata: CachedMetadata, _ epoch: RecordEpoch, now: Moment, into buffer: inout ByteBuffer,
        counts fill: (inout Counts) -> Void
    ) {
        var counts = Counts(fixed: UInt16(kind.fixedByteCount))
        fill(&counts)
        let residentMilliseconds = now.monotonicMilliseconds - metadata.storedAtMonotonicMilliseconds
        buffer.append(magic)
        buffer.append(version)
        buffer.append(kind.oldestReader)
        buffer.append(littleEndian: counts.fixed)
        buffer.append(littleEndian: UInt16(kind.rawValue))
        buffer.append(littleEndian: metadata.status)
        buffer.append(littleEndian: metadata.flags.rawValue)
        buffer.append(littleEndian: counts.tags)
        buffer.append(littleEndian: counts.key)
        buffer.append(littleEndian: counts.head)
        buffer.append(littleEndian: counts.eTagStart)
        buffer.append(littleEndian: counts.eTag)
        buffer.append(littleEndian: counts.varyRule)
        buffer.append(littleEndian: counts.secondaryKey)
        buffer.append(littleEndian: UInt16(counts.coding.rawValue))
        buffer.append(littleEndian: UInt32(counts.isBest ? 1 : 0))
        buffer.append(littleEndian: counts.body)
        // The wall clock, since the monotonic one of another process says nothing here.
        buffer.append(littleEndian: now.wallMilliseconds - residentMilliseconds)
        buffer.append(littleEndian: metadata.initialAgeMilliseconds)
        buffer.append(littleEndian: metadata.freshnessLifetimeMilliseconds)
        buffer.append(littleEndian: metadata.staleWhileRevalidateMilliseconds)
        buffer.append(littleEndian: metadata.staleIfErrorMilliseconds)
        buffer.append(littleEndian: metadata.dateSeconds)
        buffer.append(littleEndian: metadata.lastModifiedSeconds)
        buffer.append(littleEndian: epoch.epoch.milliseconds)
        buffer.append(littleEndian: epoch.epoch.sequence)
    }
}

extension ByteBuffer {
    package mutating func append(littleEndian number: some FixedWidthInteger) {
        var rest = number
        for _ in 0..<(number.bitWidth / 8) {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }
}
