// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

struct FieldListParserTests {
    @Test(
        "Members are parted by commas outside quoted strings",
        arguments: [
            ("a, b", ["a", "b"]), ("", []), (" , ,", []), (",a,,\tb ,", ["a", "b"]), ("\"a,b\", c", ["\"a,b\"", "c"]),
            ("a=\"x\\\",y\", b", ["a=\"x\\\",y\"", "b"]), ("a=\"never ends, b", ["a=\"never ends", "b"]),
            ("a=\"ends in \\", ["a=\"ends in \\"]), ("a b", ["a b"]),
        ])
    func members(value: String, expected: [String]) {
        let bytes = Array(value.utf8)
        var parser = FieldListParser()
        var found: [String] = []
        while let member = parser.next(in: bytes.span) { found.append(bytes.span.extracting(member).text()) }
        #expect(found == expected)
    }

    @Test(
        "A member is a name with at most one argument",
        arguments: [
            ("a", "a", .absent), ("a=b", "a", .token(2..<3)), ("a=\"b c\"", "a", .quoted(3..<6)),
            ("a=\"\"", "a", .quoted(3..<3)), ("a=", "a", .malformed), ("a =b", "a", .malformed),
            ("a= b", "a", .malformed), ("a=\"b", "a", .malformed), ("a=\"", "a", .malformed),
            ("a=b;c", "a", .malformed),
            ("a b", "a", .malformed), ("=b", "", .token(1..<2)),
        ] as [(String, String, FieldListMember.Argument)])
    func split(text: String, name: String, argument: FieldListMember.Argument) {
        let bytes = Array(text.utf8)
        let member = FieldListMember.split(0..<bytes.count, of: bytes.span)
        #expect(bytes.span.extracting(member.name).text() == name)
        #expect(member.argument == argument)
    }

    @Test(
        "delta-seconds are digits only and have a ceiling",
        arguments: [
            ("0", 0), ("007", 7), ("2147483647", 2_147_483_647), ("2147483648", 2_147_483_648),
            ("99999999999999999999999", 2_147_483_648), ("", nil), ("-1", nil), ("1.0", nil), ("1 ", nil), ("+1", nil),
        ] as [(String, Int64?)])
    func deltaSeconds(text: String, expected: Int64?) {
        let bytes = Array(text.utf8)
        #expect(DeltaSeconds.parse(bytes.span, 0..<bytes.count) == expected)
    }

    @Test(
        "Weights have three places and default to one",
        arguments: [
            ("de", "de", 1000), ("de;q=0.5", "de", 500), ("de ; Q=0.123", "de", 123), ("de;q=1.000", "de", 1000),
            ("de;q=0", "de", 0), ("de;q=0.", "de", 0), ("de;level=1;q=0.3", "de", 300), ("de;q=1.001", nil, 0),
            ("de;q=2", nil, 0), ("de;q=", nil, 0), ("de;q=0.1234", nil, 0), ("de;q=.5", nil, 0), (";q=1", nil, 0),
            ("de;q=0x1", nil, 0), ("de;quality=0", "de", 1000),
        ] as [(String, String?, UInt16)])
    func weights(text: String, value: String?, weight: UInt16) {
        let bytes = Array(text.utf8)
        let member = WeightedMember.split(0..<bytes.count, of: bytes.span)
        #expect(member.map { bytes.span.extracting($0.value).text() } == value)
        if value != nil { #expect(member?.weight == weight) }
    }
}
