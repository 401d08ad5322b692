// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

struct StructuredFieldParserTests {
    /// The members as text, or nil when the value is malformed.
    private func dictionary(_ value: String) -> [String]? {
        let bytes = Array(value.utf8)
        var parser = StructuredFieldParser()
        var members: [String] = []
        do {
            while let member = try parser.nextDictionaryMember(in: bytes.span) {
                members.append(bytes.span.extracting(member.key).text() + "=" + describe(member.value, bytes))
            }
        } catch { return nil }
        return members
    }

    private func list(_ value: String) -> [String]? {
        let bytes = Array(value.utf8)
        var parser = StructuredFieldParser()
        var members: [String] = []
        do {
            while let member = try parser.nextListMember(in: bytes.span) { members.append(describe(member, bytes)) }
        } catch { return nil }
        return members
    }

    private func describe(_ value: StructuredFieldParser.Value, _ bytes: [UInt8]) -> String {
        switch value {
        case .integer(let number): "\(number)"
        case .string(let range): "'" + bytes.span.extracting(range).text() + "'"
        case .token(let range): bytes.span.extracting(range).text()
        case .boolean(let flag): flag ? "yes" : "no"
        case .other: "other"
        }
    }

    @Test(
        "Dictionaries are read as RFC 9651 says",
        arguments: [
            ("", []), ("a", ["a=yes"]), ("a, b=?0", ["a=yes", "b=no"]), ("max-age=60", ["max-age=60"]),
            ("a=-5 ,\tb=x/y:z", ["a=-5", "b=x/y:z"]), ("a=\"x\\\"y\"", ["a='x\\\"y'"]),
            ("a=1;p;q=\"x\", b", ["a=1", "b=yes"]),
            ("a;p=1", ["a=yes"]), ("a=1.5", ["a=other"]), ("a=:YWJj:", ["a=other"]), ("a=@1659578233", ["a=other"]),
            ("a=%\"f%c3%bc\"", ["a=other"]), ("a=(1 \"b\" c);x", ["a=other"]), ("a=()", ["a=other"]),
            ("*a=1", ["*a=1"]),
            ("a=1, a=2", ["a=1", "a=2"]), ("a=999999999999999", ["a=999999999999999"]), ("  a  ", ["a=yes"]),
        ])
    func dictionaries(value: String, expected: [String]) {
        #expect(dictionary(value) == expected)
    }

    @Test(
        "A malformed Dictionary is malformed as a whole",
        arguments: [
            "A=1", "a=1,", "a,,b", ",a", "a =1", "a= 1", "a=", "a=1 b=2", "a=&&", "&&&&&", "a=1000000000000000", "a=1.",
            "a=1.2345", "a=1234567890123.1", "a=\"x", "a=\"x\\y\"", "a=\"\u{7f}\"", "a=?2", "a=?", "a=:a", "a=:!:",
            "a=(1",
            "a=(1,2)", "a=@1.5", "a=@", "a=%x", "a=1;", "a=1;P=2", "a=--1", "a=-", "-a=1", "a;p=", "a=(1;)",
        ])
    func malformed(value: String) {
        #expect(dictionary(value) == nil)
    }

    @Test(
        "Lists are read as RFC 9651 says",
        arguments: [
            ("\"a\", \"b\"", ["'a'", "'b'"]), ("a, 1;x", ["a", "1"]), ("", []), ("a,", nil), ("a b", nil),
            ("(a b), c", ["other", "c"]),
        ] as [(String, [String]?)])
    func lists(value: String, expected: [String]?) {
        #expect(list(value) == expected)
    }
}
