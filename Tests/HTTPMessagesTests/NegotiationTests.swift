// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

struct NegotiationTests {
    @Test(
        "Entity tags are compared weakly and strongly",
        arguments: [
            ("\"a\"", "\"a\"", true, true), ("W/\"a\"", "\"a\"", true, false), ("\"a\"", "W/\"a\"", true, false),
            ("W/\"a\"", "W/\"a\"", true, false), ("\"a\"", "\"b\"", false, false), ("a", "a", false, false),
            ("\"\"", "\"\"", true, true), ("", "", false, false), ("w/\"a\"", "w/\"a\"", false, false),
            ("\"\u{fc}\"", "\"\u{fc}\"", true, true), ("\"a b\"", "\"a b\"", false, false), ("\"", "\"", false, false),
            ("W/", "W/", false, false), ("\"a\"b\"", "\"a\"b\"", false, false),
        ])
    func entityTags(one: String, other: String, weakly: Bool, strongly: Bool) {
        let (first, second) = (Array(one.utf8), Array(other.utf8))
        #expect(EntityTag.weaklyEqual(first.span, second.span) == weakly)
        #expect(EntityTag.stronglyEqual(first.span, second.span) == strongly)
    }

    @Test(
        "A list of entity tags matches weakly, and a star anything",
        arguments: [
            ("\"a\"", "\"a\"", true), ("\"x\", \"a\", \"y\"", "\"a\"", true), ("\"x\",\"a\"", "W/\"a\"", true),
            ("*", "", true),
            (" * ", "\"a\"", true), ("\"x\"", "\"a\"", false), ("", "\"a\"", false), ("\"a", "\"a\"", false),
            ("\"x,\"a\"", "\"a\"", false), ("\"a,b\"", "\"a,b\"", true), ("\"a\\\", \"b\"", "\"b\"", true),
            ("\"a\", junk", "\"a\"", true), ("\"*\"", "\"a\"", false), ("\"a\"", "", false),
        ])
    func entityTagLists(list: String, tag: String, matches: Bool) {
        let (value, tag) = (Array(list.utf8), Array(tag.utf8))
        #expect(EntityTag.list(value.span, matches: tag.span) == matches)
    }

    @Test(
        "The coding that the client likes best is chosen, and the earlier of equals",
        arguments: [
            (nil, .identity), ("", .identity), ("gzip", .gzip), ("gzip, br", .brotli), ("br;q=0.5, gzip", .gzip),
            ("x-gzip", .gzip), ("GZIP", .gzip), ("*", .brotli), ("*;q=0.5, gzip", .gzip), ("br;q=0", .identity),
            ("identity;q=0", nil), ("*;q=0", nil), ("*;q=0, gzip", .gzip), ("identity, gzip;q=0.5", .identity),
            ("deflate", .identity), ("compress", .identity), ("identity;q=0, *", .brotli), ("gzip;q=junk", .identity),
            ("identity;q=0.5, gzip;q=0.5", .gzip),
        ] as [(String?, ContentCoding?)])
    func codings(value: String?, expected: ContentCoding?) {
        var fields = Fields()
        if let value { fields.append("Accept-Encoding", value) }
        #expect(CodingPreferences(fields).best(of: [.brotli, .gzip, .identity]) == expected)
    }

    @Test("Lines of Accept-Encoding are one list")
    func codingLines() {
        var fields = Fields()
        fields.append("Accept-Encoding", "gzip")
        fields.append("Accept-Encoding", "br;q=0.5")
        let preferences = CodingPreferences(fields)
        #expect(preferences.accepts(.gzip) && preferences.accepts(.brotli) && preferences.accepts(.identity))
        #expect(!preferences.accepts(.zstd))
    }
}

struct ByteRangeTests {
    private func select(
        _ range: String, ifRange: String? = nil, eTag: String = "", lastModified: Int64 = -1, length: Int = 10
    ) -> RangeSelection {
        let (range, tag, condition) = (Array(range.utf8), Array(eTag.utf8), Array((ifRange ?? "").utf8))
        return RangeRequest.select(
            range.span, ifRange: ifRange == nil ? nil : condition.span, eTag: tag.span,
            lastModifiedSeconds: lastModified, dateSeconds: 784_111_777 + 60, completeLength: length)
    }

    @Test(
        "Ranges are selected from a length of ten",
        arguments: [
            ("bytes=0-1", .single(0..<2)), ("bytes=1-", .single(1..<10)), ("bytes=-1", .single(9..<10)),
            ("bytes=-20", .single(0..<10)), ("bytes=0-99", .single(0..<10)), ("bytes=9-9", .single(9..<10)),
            ("BYTES=0-0", .single(0..<1)), ("bytes=10-", .unsatisfiable), ("bytes=-0", .unsatisfiable),
            ("bytes=20-30, 40-", .unsatisfiable), ("bytes=20-, 1-2", .single(1..<3)),
            ("bytes=0-1, 4-5", .multiple([0..<2, 4..<6])), ("bytes=8-9,0-1", .multiple([8..<10, 0..<2])),
            ("bytes=0-5,3-8", .whole), ("bytes=0-,0-,0-", .whole), ("bytes=5-2", .whole), ("bytes=a-b", .whole),
            ("bytes=", .whole), ("bytes=-", .whole), ("bytes=1", .whole), ("items=0-1", .whole), ("bytes 0-1", .whole),
            ("", .whole), ("bytes=0-1,x", .whole), ("bytes=99999999999999999999-", .unsatisfiable),
            ("bytes=0-99999999999999999999", .single(0..<10)), ("bytes=-99999999999999999999", .single(0..<10)),
            ("bytes=0-1, , 4-5", .multiple([0..<2, 4..<6])),
        ] as [(String, RangeSelection)])
    func ranges(value: String, expected: RangeSelection) {
        #expect(select(value) == expected)
    }

    @Test("Too many ranges, and ranges of nothing, bring the whole")
    func limits() {
        let many = "bytes=" + (0..<40).map { "\($0 * 2)-\($0 * 2)" }.joined(separator: ",")
        #expect(select(many, length: 100) == .whole)
        #expect(select("bytes=-5", length: 0) == .whole)
        #expect(select("bytes=0-", length: 0) == .whole)
    }

    @Test(
        "If-Range holds for the same strong tag or the same date",
        arguments: [
            ("\"a\"", "\"a\"", -1, true), ("W/\"a\"", "W/\"a\"", -1, false), ("\"a\"", "\"b\"", -1, false),
            ("\"a\"", "", -1, false), ("Sun, 06 Nov 1994 08:49:37 GMT", "", 784_111_777, true),
            ("Sun, 06 Nov 1994 08:49:37 GMT", "", 784_111_776, false), ("Sun, 06 Nov 1994 08:49:37 GMT", "", -1, false),
            ("Sun, 06 Nov 1994 08:50:37 GMT", "", 784_111_837, false), ("junk", "\"a\"", 784_111_777, false),
        ] as [(String, String, Int64, Bool)])
    func ifRange(condition: String, eTag: String, lastModified: Int64, holds: Bool) {
        let selection = select("bytes=0-1", ifRange: condition, eTag: eTag, lastModified: lastModified)
        #expect(selection == (holds ? .single(0..<2) : .whole))
    }

    @Test(
        "Content-Range is read when it does not contradict itself",
        arguments: [
            ("bytes 4-9/10", 4..<10, 10), ("bytes 0-0/*", 0..<1, nil), ("bytes */10", nil, 10),
        ] as [(String, Range<Int>?, Int?)])
    func contentRange(value: String, range: Range<Int>?, length: Int?) {
        let parsed = ContentRange(Array(value.utf8).span)
        #expect(parsed?.range == range)
        #expect(parsed?.completeLength == length)
    }

    @Test(
        "A Content-Range that contradicts itself is none",
        arguments: [
            "bytes 9-4/10", "bytes 4-10/10", "bytes */*", "bytes 4/10", "bytes 4-9", "items 4-9/10", "bytes -5/10", "",
            "bytes=4-9/10",
        ])
    func malformedContentRange(value: String) {
        #expect(ContentRange(Array(value.utf8).span) == nil)
    }
}
