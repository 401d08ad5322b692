// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import FuzzProperties
import HTTPMessages
import Testing

@testable import Storage

@Suite struct StoredFormRecordTests {
    private static let now = Moment(
        monotonicNanoseconds: 1_000_000_000_000, wallNanoseconds: 1_767_225_600_000_000_000)
    private static let epoch = RecordEpoch(
        generation: LogGeneration(number: 0xFEDC_BA98_7654_3210),
        epoch: SharedEpoch(milliseconds: 1_767_225_599_999, sequence: 7))

    private static func response(_ body: String = "hello, hello, hello") -> StoredResponse {
        makeResponse("GET shop.example/a?b=c", tags: ["t"], body: bytes(body))
    }

    private static func record(_ coded: [UInt8], isBest: Bool = true) throws -> [UInt8] {
        let draft = StoredDraft(
            metadata: someMetadata, head: ContiguousArray(bytes("HTTP/1.1 200 OK\r\n")), coding: .brotli)
        let made = StoredResponse.form(draft, copying: coded.span)
        let form = StoredForms.Form(try #require(made), isBest: isBest)
        var buffer = ByteBuffer()
        StoredRecord.write(form, of: response(), epoch: epoch, now: now, into: &buffer)
        #expect(StoredRecord.byteCount(ofForm: form.response, of: response()) == buffer.count)
        return array(buffer.span)
    }

    @Test(arguments: [0, 1, 5, 65_536, 65_537, 300_000])
    func whatIsWrittenIsReadByAnotherProcess(count: Int) throws {
        let coded = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let record = try Self.record(coded, isBest: count % 2 == 0)
        let read = try StoredRecord.readForm(record.span)
        #expect(read.coding == .brotli && read.isBest == (count % 2 == 0) && read.epoch == Self.epoch)
        #expect(read.source == Self.response().bodyDigest)
        #expect(Array(record[read.keyRange]) == bytes("GET shop.example/a?b=c"))
        #expect(Array(record[read.bodyRange]) == coded)
    }

    @Test func aBodyIsToldFromOthersWhereverItLies() {
        let text = String(repeating: "0123456789", count: 10_000)
        let body = GrowingBody(expectedCount: nil)
        for piece in 0..<10 { body.append(Array(bytes(text)[piece * 10_000..<(piece + 1) * 10_000]).span) }
        let draft = StoredDraft(metadata: someMetadata, head: [])
        let key = bytes("k")
        let response = StoredResponse.seal(draft, key: key.span, keyHash: 1, epoch: 1, segments: body.sealed())
        #expect(response?.bodyDigest == BodyDigest(of: bytes(text).span))
        #expect(Self.response("a").bodyDigest != Self.response("b").bodyDigest)
        #expect(Self.response("").bodyDigest != Self.response("\0").bodyDigest)
    }

    @Test func theSweepKnowsItByItsResponse() throws {
        let record = try Self.record(bytes("coded"))
        let found = StoredRecord.subject(record.span)
        let subject = try #require(found)
        #expect(subject.key == bytes("GET shop.example/a?b=c") && subject.epoch == Self.epoch)
        #expect(subject.tags == [testHash("t")])
    }

    // MARK: What is none

    private static func error(of record: [UInt8]) -> RecordError? {
        do throws(RecordError) {
            _ = try StoredRecord.readForm(record.span)  // only the error matters
            return nil
        } catch { return error }
    }

    @Test func everyTruncationAndEveryChangedByteIsDamage() throws {
        let record = try Self.record(bytes("coded"))
        for count in 4..<record.count { #expect(Self.error(of: Array(record.prefix(count))) == .damaged) }
        for index in 4..<record.count - StoredRecord.checksumByteCount {
            var changed = record
            changed[index] ^= 8
            #expect(Self.error(of: changed) == .damaged, "byte \(index)")
        }
    }

    @Test func aFormIsNoResponseAndTheOtherWayRound() throws {
        let form = try Self.record(bytes("coded"))
        #expect(throws: RecordError.damaged) {
            _ = try StoredRecord.read(form.span, now: Self.now)  // only the error matters
        }
        var buffer = ByteBuffer()
        StoredRecord.write(
            Self.response(), lifetimeMilliseconds: 1000, epoch: Self.epoch, now: Self.now, into: &buffer)
        #expect(Self.error(of: array(buffer.span)) == .damaged)
    }

    // MARK: Versions

    /// Version 1 knows of no forms, and no version before 3 of logs: they take such a record for too new, and leave it.
    @Test func whatVersionOneCannotReadSaysSo() throws {
        let record = try Self.record(bytes("coded"))
        #expect(record[4] == 4 && record[5] == 2)
        var buffer = ByteBuffer()
        StoredRecord.write(
            Self.response(), lifetimeMilliseconds: 1000, epoch: Self.epoch, now: Self.now, into: &buffer)
        #expect(buffer.span[4] == 4 && buffer.span[5] == 3)
    }

    /// Written by version 2, for good: every later version reads it.
    private static let writtenByVersionTwo =
        "4c524452020290000200c80000000100160000000000000000000000000000000000030001000000"
        + "0500000000000000c065cb769b010000000000000000000060ea0000000000000000000000000000"
        + "00000000000000000000000000000000ffffffffffffffffffa7da769b0100000700000000000000"
        + "130000000000000097a04784570d3ed1951ab28b8fb75476f532def8e81923a14745542073686f70"
        + "2e6578616d706c652f613f623d63636f6465648a45a50b0e28fd54"

    @Test func whatVersionTwoWroteIsRead() throws {
        let digits = Array(Self.writtenByVersionTwo.utf8)
        let record = stride(from: 0, to: digits.count, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16)
        }
        let read = try StoredRecord.readForm(record.span)
        #expect(read.coding == .brotli && read.isBest && read.source == Self.response().bodyDigest)
        #expect(Array(record[read.bodyRange]) == bytes("coded"))
        #expect(read.epoch == RecordEpoch(generation: .none, epoch: Self.epoch.epoch))
    }

    @Test func noFormCrashesItsReader() throws {
        let record = try Array(Self.record(bytes("coded")).dropLast(8))
        var random = SeededGenerator(state: 2)
        #expect(Properties.record(record.span) == nil)
        for _ in 0..<20_000 {
            var changed = record
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<changed.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: changed[place] = UInt8.random(in: .min ... .max, using: &random)
                case 1: changed.remove(at: place)
                default: changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
            }
            #expect(Properties.record(changed.span) == nil)
        }
    }
}
