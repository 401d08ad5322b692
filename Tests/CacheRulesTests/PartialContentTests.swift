// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@testable import CacheRules

/// RFC 9111 §3.3 and §3.4.
struct PartialContentTests {
    private static func part(_ lines: [(String, String)], status: UInt16 = 206) -> RepresentationPart? {
        RepresentationPart(Exchange.response(status, lines))
    }

    @Test(
        "A part is one range of a known whole (RFC 9110 §15.3.7.1)",
        arguments: [
            ("bytes 0-4/10", RepresentationPart(range: 0..<5, completeLength: 10)),
            ("bytes 9-9/10", RepresentationPart(range: 9..<10, completeLength: 10)),
            ("BYTES 0-9/10", RepresentationPart(range: 0..<10, completeLength: 10)),
            ("bytes 0-4/*", nil), ("bytes */10", nil), ("bytes 5-4/10", nil), ("bytes 0-10/10", nil),
            ("bytes 0-4", nil), ("items 0-4/10", nil), ("bytes=0-4/10", nil), ("", nil), ("bytes -4/10", nil),
            ("bytes 0-4/10, bytes 5-9/10", nil), ("bytes 0-4/99999999999999999999", nil),
        ] as [(String, RepresentationPart?)])
    func parts(value: String, expected: RepresentationPart?) {
        #expect(Self.part([("Content-Range", value)]) == expected)
        #expect(Self.part([("Content-Range", value)], status: 200) == nil)
    }

    @Test("Several parts in one message, or two places for one, are no part")
    func severalParts() {
        #expect(Self.part([]) == nil)
        #expect(
            Self.part([("Content-Range", "bytes 0-4/10"), ("Content-Type", "Multipart/ByteRanges; boundary=x")]) == nil)
        #expect(Self.part([("Content-Range", "bytes 0-4/10"), ("Content-Range", "bytes 0-4/10")]) == nil)
    }

    private static func exchange(_ lines: [(String, String)]) -> Exchange {
        Exchange.dated([("Content-Range", "bytes 0-4/10")] + lines, status: 206)
    }

    @Test(
        "A part is stored when its whole would be (RFC 9111 §3.3)",
        arguments: [
            ("max-age=60", nil), ("no-store", .noStore), ("private, max-age=60", .private), ("", .noLifetime),
            ("max-age=0", .expired),
        ] as [(String, NotStoredReason?)])
    func storability(cacheControl: String, reason: NotStoredReason?) throws {
        let exchange = Self.exchange([("Cache-Control", cacheControl)])
        #expect(exchange.refusal() == reason)
        #expect(exchange.refusal(CachePolicy(storesPartial: false)) == .partial)
        guard reason == nil else { return }
        let metadata = try #require(exchange.metadata())
        #expect(metadata.status == 200)
        #expect(metadata.flags.contains(.isPartial))
    }

    @Test("The route's lifetime for 200 is that of its parts; a heuristic applies to them as well")
    func lifetimes() throws {
        let route = CachePolicy(ttlByStatus: [.init(status: 200, milliseconds: 7000)])
        #expect(try #require(Self.exchange([]).metadata(route)).freshnessLifetimeMilliseconds == 7000)
        let modified = Self.exchange([("Last-Modified", Exchange.date(-1000))])
        #expect(try #require(modified.metadata()).freshnessLifetimeMilliseconds == 100_000)
    }

    @Test("Only the answer to GET is a part worth storing")
    func methods() {
        var exchange = Self.exchange([("Cache-Control", "max-age=60")])
        exchange.method = "HEAD"
        #expect(exchange.refusal() == .partial)
    }

    private static let old = Exchange.date(-10)
    private static let now = Exchange.date(0)

    @Test(
        "Bytes belong together by a strong validator alone (RFC 9110 §8.8.1)",
        arguments: [
            ([("ETag", "\"a\"")], [("ETag", "\"a\"")], true), ([("ETag", "\"a\"")], [("ETag", "\"b\"")], false),
            ([("ETag", "W/\"a\"")], [("ETag", "W/\"a\"")], false), ([("ETag", "\"a\"")], [], false),
            ([("ETag", "a")], [("ETag", "a")], false), ([], [], false),
            ([("Last-Modified", old), ("Date", now)], [("Last-Modified", old), ("Date", now)], true),
            ([("Last-Modified", old), ("Date", now)], [("Last-Modified", now), ("Date", now)], false),
            ([("Last-Modified", now), ("Date", now)], [("Last-Modified", now), ("Date", now)], false),
            ([("Last-Modified", old)], [("Last-Modified", old), ("Date", now)], false),
            (
                [("ETag", "\"a\""), ("Last-Modified", old), ("Date", now)], [("Last-Modified", old), ("Date", now)],
                false
            ),
            (
                [("ETag", "W/\"a\""), ("Last-Modified", old), ("Date", now)],
                [("ETag", "W/\"a\""), ("Last-Modified", old), ("Date", now)], false
            ),
        ] as [([(String, String)], [(String, String)], Bool)])
    func sharedValidators(one: [(String, String)], other: [(String, String)], isShared: Bool) {
        #expect(StrongValidator.isShared(Exchange.fields(one), Exchange.fields(other)) == isShared)
        #expect(StrongValidator.isShared(Exchange.fields(other), Exchange.fields(one)) == isShared)
    }

    @Test(
        "If-Range carries a strong tag, or a strong date where there is no tag (RFC 9110 §13.1.5)",
        arguments: [
            ([("ETag", "\"a\"")], .eTag), ([("ETag", "\"a\""), ("Last-Modified", old)], .eTag),
            ([("ETag", "W/\"a\""), ("Last-Modified", old)], nil), ([("Last-Modified", old)], .lastModified),
            ([("Last-Modified", now)], nil), ([("ETag", "a"), ("Last-Modified", old)], nil), ([], nil),
        ] as [([(String, String)], FieldName?)])
    func ifRange(lines: [(String, String)], expected: FieldName?) throws {
        let metadata = try #require(Exchange.dated(lines + [("Cache-Control", "max-age=60")]).metadata())
        let fields = Exchange.fields(lines)
        #expect(StrongValidator.ofIfRange(metadata, eTag: fields.firstValue(of: .eTag)) == expected)
    }

    struct Update: Sendable {
        var stored = "\"a\""
        var storedIsPartial = true
        var storedLength = 10
        /// After the request for the part was sent.
        var storedMilliseconds: Int64 = -1000
        var tag = "\"a\""
        var expected: PartialUpdate
    }

    @Test(
        "A part joins those of its version, and replaces those of another that is older",
        arguments: [
            Update(expected: .combine), Update(storedMilliseconds: 5, expected: .combine),
            Update(storedIsPartial: false, expected: .keep), Update(storedLength: 11, expected: .replace),
            Update(tag: "\"b\"", expected: .replace),
            Update(storedMilliseconds: 5, tag: "\"b\"", expected: .keep),
            Update(storedIsPartial: false, tag: "\"b\"", expected: .replace),
            Update(stored: "W/\"a\"", tag: "W/\"a\"", expected: .replace),
        ])
    func updates(update: Update) throws {
        var metadata = try #require(
            Exchange.dated([("ETag", update.stored), ("Cache-Control", "max-age=60")]).metadata())
        if update.storedIsPartial { metadata.flags.insert(.isPartial) }
        let sent = metadata.storedAtMonotonicMilliseconds - update.storedMilliseconds
        let response = Exchange.response(206, [("ETag", update.tag), ("Content-Range", "bytes 0-4/10")])
        let part = try #require(RepresentationPart(response))
        #expect(
            PartialUpdate.effect(
                of: response, part, on: Exchange.fields([("ETag", update.stored)]), metadata,
                storedLength: update.storedLength, requestSentAtMonotonicMilliseconds: sent) == update.expected)
    }
}
