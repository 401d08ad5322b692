// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

struct ContentEncodingTests {
    @Test(
        "The one coding of a body is known; several, or a strange one, are not undone",
        arguments: [
            ([], ContentEncodingField.none), (["gzip"], .one(.gzip)), (["BR"], .one(.brotli)),
            (["x-gzip"], .one(.gzip)), (["identity"], .none), ([""], .none), (["identity, gzip"], .one(.gzip)),
            (["gzip, br"], .other), (["gzip", "br"], .other), (["compress"], .other), (["gzip, compress"], .other),
        ] as [([String], ContentEncodingField)])
    func contentEncoding(values: [String], expected: ContentEncodingField) {
        var fields = Fields()
        for value in values { fields.append("Content-Encoding", value) }
        #expect(ContentEncodingField.read(fields) == expected)
    }

    @Test(
        "A weak tag is found among others",
        arguments: [
            ("W/\"a\"", true), ("\"a\"", false), ("\"b\", W/\"a\"", true), ("W/\"b\"", false), ("*", false),
            ("", false),
            ("W/\"a", false),
        ])
    func weakTags(list: String, isFound: Bool) {
        let (value, tag) = (Array(list.utf8), Array("\"a\"".utf8))
        #expect(EntityTag.list(value.span, hasWeak: tag.span) == isFound)
    }

    @Test(
        "Tags that were weakened here become strong again",
        arguments: [
            ("W/\"a\"", "\"a\""), ("\"a\", W/\"b,c\"", "\"a\", \"b,c\""), ("*", "*"), ("W/\"a", "W/\"a"),
            ("\"W/\"", "\"W/\""),
        ])
    func strengthened(list: String, expected: String) {
        let value = Array(list.utf8)
        var buffer = ByteBuffer()
        EntityTag.writeStrengthened(value.span, into: &buffer)
        #expect((0..<buffer.count).map { buffer.span[$0] } == Array(expected.utf8))
    }
}
