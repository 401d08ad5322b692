// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import FuzzProperties
import HTTPMessages
import Testing

@testable import Storage

@Suite struct StoredRecordTests {
    private static let written = Moment(
        monotonicNanoseconds: 1_000_000_000_000, wallNanoseconds: 1_767_225_600_000_000_000)
    /// In another process, 30 s later.
    private static let read = Moment(
        monotonicNanoseconds: 7_000_000_000, wallNanoseconds: 1_767_225_630_000_000_000)
    private static let epoch = RecordEpoch(
        generation: LogGeneration(number: 0xFEDC_BA98_7654_3210),
        epoch: SharedEpoch(milliseconds: 1_767_225_599_999, sequence: 7))

    private static func response(body: [UInt8] = bytes("hello")) -> StoredResponse {
        var metadata = someMetadata
        metadata.storedAtMonotonicMilliseconds = 990_000
        metadata.initialAgeMilliseconds = 5_000
        metadata.staleWhileRevalidateMilliseconds = 1_000
        metadata.staleIfErrorMilliseconds = 2_000
        metadata.dateSeconds = 1_767_225_590
        metadata.lastModifiedSeconds = 1_700_000_000
        metadata.flags = [.hasStrongETag, .hasLastModified]
        let head = bytes("HTTP/1.1 200 OK\r\nETag: \"a\"\r\n")
        let draft = StoredDraft(
            metadata: metadata, head: ContiguousArray(head), eTagRange: 23..<26,
            varyRule: ContiguousArray(bytes("accept")), secondaryKey: ContiguousArray(bytes("accept=x")),
            tags: [1, .max])
        let key = bytes("GET shop.example/a?b=c")
        let body = GrowingBody.holding(body)
        guard
            let response = StoredResponse.seal(
                draft, key: key.span, keyHash: 9, epoch: 3, segments: body.sealed())
        else { preconditionFailure("its parts are short") }
        return response
    }

    private static func record(_ response: StoredResponse, lifetime: Int64 = 60_000) -> [UInt8] {
        var buffer = ByteBuffer()
        StoredRecord.write(response, lifetimeMilliseconds: lifetime, epoch: epoch, now: written, into: &buffer)
        #expect(StoredRecord.byteCount(of: response) == buffer.count)
        return array(buffer.span)
    }

    @Test(arguments: [0, 1, 5, 65_536, 65_537, 1_000_000])
    func whatIsWrittenIsReadByAnotherProcess(bodyCount: Int) throws {
        let body = (0..<bodyCount).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let record = Self.record(Self.response(body: body))
        let parts = try StoredRecord.read(record.span, now: Self.read)
        let found = parts.response(from: record.span, keyHash: 4, epoch: 77)
        let response = try #require(found)
        #expect(parts.epoch == Self.epoch && !parts.isVaryRule)
        #expect(response.keyText == "GET shop.example/a?b=c" && response.keyHash == 4 && response.epoch == 77)
        #expect(response.varyRuleText == "accept" && response.secondaryKeyText == "accept=x")
        #expect(response.headText == "HTTP/1.1 200 OK\r\nETag: \"a\"\r\n" && response.eTagText == "\"a\"")
        #expect(response.tagArray == [1, .max])
        #expect(wholeBody(of: response) == body)
        #expect(response.metadata.status == 200 && response.metadata.flags == [.hasStrongETag, .hasLastModified])
        #expect(parts.bodyDigest == BodyDigest(of: body.span))
        #expect(response.metadata.dateSeconds == 1_767_225_590)
        #expect(response.metadata.lastModifiedSeconds == 1_700_000_000)
    }

    @Test func itsAgeGoesOn() throws {
        let record = Self.record(Self.response())
        let metadata = try StoredRecord.read(record.span, now: Self.read).metadata
        // 5 s when it came, 10 s in memory, 30 s in Redis.
        #expect(metadata.ageMilliseconds(Self.read) == 45_000)
        #expect(metadata.freshForMilliseconds(Self.read) == 15_000)
        #expect(metadata.staleIfErrorMilliseconds == 2_000 && metadata.staleWhileRevalidateMilliseconds == 1_000)
    }

    @Test func aClockThatRunsBehindMakesNothingYounger() throws {
        let record = Self.record(Self.response())
        let early = Moment(monotonicNanoseconds: 0, wallNanoseconds: 1_767_225_000_000_000_000)
        #expect(try StoredRecord.read(record.span, now: early).metadata.ageMilliseconds(early) == 5_000)
    }

    @Test func memoryMayKeepToLessThanTheRecord() throws {
        let record = Self.record(Self.response(), lifetime: 3_600_000)
        let metadata = try StoredRecord.read(record.span, now: Self.read).metadata
        #expect(metadata.freshnessLifetimeMilliseconds == 3_600_000)
        #expect(metadata.limited(toMilliseconds: 1_000).freshForMilliseconds(Self.read) == 1_000)
    }

    @Test func theRuleOfVariantsIsARecordToo() throws {
        let response = Self.response()
        var buffer = ByteBuffer()
        StoredRecord.writeVaryRule(
            response.varyRule, under: response.key, response.metadata, now: Self.written, into: &buffer)
        let record = array(buffer.span)
        #expect(StoredRecord.varyRuleByteCount(response.varyRule, under: response.key) == record.count)
        let parts = try StoredRecord.read(record.span, now: Self.read)
        #expect(parts.isVaryRule)
        #expect(String(decoding: record[parts.varyRuleRange], as: UTF8.self) == "accept")
        #expect(String(decoding: record[parts.keyRange], as: UTF8.self) == "GET shop.example/a?b=c")
    }

    // MARK: What is none

    private static func error(of record: [UInt8]) -> RecordError? {
        do throws(RecordError) {
            _ = try StoredRecord.read(record.span, now: read)  // only the error matters
            return nil
        } catch { return error }
    }

    @Test(arguments: ["", "L", "<html>", "{\"a\":1}", "LRD"])
    func whatOthersWroteIsForeign(text: String) { #expect(Self.error(of: bytes(text)) == .foreign) }

    @Test func everyTruncationIsDamage() {
        let record = Self.record(Self.response())
        for count in 4..<record.count { #expect(Self.error(of: Array(record.prefix(count))) == .damaged) }
        #expect(Self.error(of: record + [0]) == .damaged)
    }

    @Test func everyChangedByteIsDamage() {
        let record = Self.record(Self.response())
        for index in 4..<record.count - StoredRecord.checksumByteCount {
            for bit in [0, 3, 7] {
                var changed = record
                changed[index] ^= 1 << bit
                #expect(Self.error(of: changed) == .damaged, "bit \(bit) of byte \(index)")
            }
        }
    }

    /// Readers of versions before 4 know nothing else, and look at it first.
    @Test func theChecksumStandsAtTheEnd() {
        let record = Self.record(Self.response())
        let content = Array(record.dropLast(8))
        var checksum = ByteBuffer()
        checksum.append(littleEndian: StoredRecord.checksum(of: content.span))
        #expect(array(checksum.span) == Array(record.suffix(8)))
    }

    /// The record with a change, and the proof and checksum that belong to it.
    private static func changed(_ record: [UInt8], _ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var content = Array(record.dropLast(8))
        change(&content)
        var whole = ByteBuffer()
        whole.append(content.span)
        StoredRecord.seal(from: 0, in: &whole)
        return array(whole.span)
    }

    @Test func whatCannotBeIsDamage() {
        let record = Self.record(Self.response())
        let changes: [(inout [UInt8]) -> Void] = [
            { $0[8] = 9 },  // no such kind
            { $0[28] = 200 },  // an entity tag beyond the head
            { $0[16] = 255 },  // a key beyond the end
            { $0[47] = 255 },  // a body of 2^63 bytes
            { $0[71] = 255 },  // a lifetime before the beginning
            { $0.replaceSubrange(54..<56, with: [0xFC, 0xFF]) },  // older than what is kept for any time
            { $0.append(0) },  // more than it says
            { $0[6] = 4 },  // a fixed part that is too short
            { $0[$0.count - 7] = 32 },  // a head without its last line end
        ]
        for (index, change) in changes.enumerated() {
            #expect(Self.error(of: Self.changed(record, change)) == .damaged, "change \(index)")
        }
    }

    @Test func noRecordCrashesItsReader() {
        let record = Array(Self.record(Self.response()).dropLast(8))
        var random = SeededGenerator(state: 1)
        #expect(Properties.record(record.span) == nil)
        for _ in 0..<20_000 {
            var changed = record
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<changed.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: changed[place] = UInt8.random(in: .min ... .max, using: &random)
                case 1: changed.remove(at: place)
                case 2: changed.insert(0xFF, at: place)
                default: changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
            }
            #expect(Properties.record(changed.span) == nil)
        }
    }

    // MARK: Versions

    private static func fromHex(_ text: String) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16)
        }
    }

    /// Written by version 1, for good: every later version reads it.
    private static let writtenByVersionOne =
        "4c524452010178000000c80014000200160000001c00000017000000030006000800000000000000"
        + "0500000000000000f080da769b010000881300000000000060ea000000000000e803000000000000"
        + "d007000000000000f6b855690000000000f1536500000000ffa7da769b0100000700000000000000"
        + "0100000000000000ffffffffffffffff4745542073686f702e6578616d706c652f613f623d636163"
        + "636570746163636570743d78485454502f312e3120323030204f4b0d0a455461673a202261220d0a"
        + "68656c6c6f792c394c9e64ec49"

    @Test func whatVersionOneWroteIsRead() throws {
        let record = Self.fromHex(Self.writtenByVersionOne)
        let parts = try StoredRecord.read(record.span, now: Self.read)
        let found = parts.response(from: record.span, keyHash: 4, epoch: 77)
        let response = try #require(found)
        #expect(parts.epoch == RecordEpoch(generation: .none, epoch: Self.epoch.epoch))
        #expect(response.tagArray == [1, .max])
        #expect(response.headText == Self.response().headText && wholeBody(of: response) == bytes("hello"))
        #expect(parts.metadata.freshForMilliseconds(Self.read) == 15_000)
    }

    /// Written by version 3, for good: it tells its log, and no digest.
    private static let writtenByVersionThree =
        "4c524452030380000000c80014000200160000001c00000017000000030006000800000000000000"
        + "0500000000000000f080da769b010000881300000000000060ea000000000000e803000000000000"
        + "d007000000000000f6b855690000000000f1536500000000ffa7da769b0100000700000000000000"
        + "1032547698badcfe0100000000000000ffffffffffffffff4745542073686f702e6578616d706c65"
        + "2f613f623d636163636570746163636570743d78485454502f312e3120323030204f4b0d0a455461"
        + "673a202261220d0a68656c6c6f88f22c774db94742"

    @Test func whatVersionThreeWroteIsRead() throws {
        let record = Self.fromHex(Self.writtenByVersionThree)
        let parts = try StoredRecord.read(record.span, now: Self.read)
        let found = parts.response(from: record.span, keyHash: 4, epoch: 77)
        let response = try #require(found)
        #expect(parts.epoch == Self.epoch && parts.bodyDigest == nil)
        #expect(response.headText == Self.response().headText && wholeBody(of: response) == bytes("hello"))
        #expect(response.bodyDigest == Self.response().bodyDigest)
    }

    /// Written by version 4, for good, and by this one to the byte.
    private static let writtenByVersionFour =
        "4c524452040398000000c80014000200160000001c00000017000000030006000800000000000000"
        + "0500000000000000f080da769b010000881300000000000060ea000000000000e803000000000000"
        + "d007000000000000f6b855690000000000f1536500000000ffa7da769b0100000700000000000000"
        + "1032547698badcfeba44b9a1e3228fefbc955d3071f96def909f540fa54416210100000000000000"
        + "ffffffffffffffff4745542073686f702e6578616d706c652f613f623d6361636365707461636365"
        + "70743d78485454502f312e3120323030204f4b0d0a455461673a202261220d0a68656c6c6fa86ff2"
        + "9a17ef641a"

    @Test func whatVersionFourWroteIsRead() throws {
        let record = Self.fromHex(Self.writtenByVersionFour)
        #expect(record == Self.record(Self.response()))
        let parts = try StoredRecord.read(record.span, now: Self.read)
        #expect(parts.epoch == Self.epoch && parts.bodyDigest == Self.response().bodyDigest)
        #expect(Array(record[parts.bodyRange]) == bytes("hello"))
    }

    /// No forms are made of a body that came coded: nobody asks for its digest.
    @Test func aCodedBodyHasNoDigest() throws {
        let draft = StoredDraft(
            metadata: someMetadata, head: ContiguousArray(bytes("HTTP/1.1 200 OK\r\n")), coding: .gzip)
        let made = StoredResponse.form(draft, copying: bytes("coded").span)
        let record = Self.record(try #require(made))
        let parts = try StoredRecord.read(record.span, now: Self.read)
        #expect(parts.bodyDigest == nil && Array(record[parts.bodyRange]) == bytes("coded"))
    }

    @Test func theNextVersionMayAddToWhatThisOneReads() throws {
        let record = Self.record(Self.response())
        let next = Self.changed(record) { content in
            content[4] = StoredRecord.version + 1
            content[6] += 8
            content.insert(contentsOf: [1, 2, 3, 4, 5, 6, 7, 8], at: StoredRecord.plainFixedByteCount)
            content += bytes("a part of its own")
        }
        let parts = try StoredRecord.read(next.span, now: Self.read)
        let found = parts.response(from: next.span, keyHash: 4, epoch: 77)
        let response = try #require(found)
        #expect(response.headText == Self.response().headText && wholeBody(of: response) == bytes("hello"))
    }

    /// zstd can be told apart and not decoded; the rest nobody has named yet.
    @Test(arguments: [4, 5, 255, 256, 257, 65_535] as [UInt16])
    func aCodingOfAnotherBuildIsTooNew(_ coding: UInt16) {
        let other = Self.changed(Self.record(Self.response())) { content in
            content[34] = UInt8(truncatingIfNeeded: coding)
            content[35] = UInt8(coding >> 8)
        }
        #expect(Self.error(of: other) == .tooNew)
    }

    @Test(arguments: [(10, [0, 0]), (10, [101, 0]), (9, [1]), (95, [127]), (95, [128]), (103, [64])])
    func aStatusOrADateThatIsNoneIsDamage(_ place: Int, _ values: [UInt8]) {
        let other = Self.changed(Self.record(Self.response())) { content in
            for (index, value) in values.enumerated() { content[place + index] = value }
        }
        #expect(Self.error(of: other) == .damaged)
    }

    @Test func whatANewerVersionKeepsToItselfIsTooNew() {
        let next = Self.changed(Self.record(Self.response())) { content in
            content[4] = StoredRecord.version + 1
            content[5] = StoredRecord.version + 1
        }
        #expect(Self.error(of: next) == .tooNew)
    }
}

extension GrowingBody {
    fileprivate static func holding(_ bytes: [UInt8]) -> GrowingBody {
        let body = GrowingBody(expectedCount: bytes.count)
        body.append(bytes.span)
        return body
    }
}
