// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import Testing

@Suite struct FieldLineCopyTests {
    /// Which lines go, and what comes of them.
    @Test(
        "Lines keep their order and text, and lose odd blanks",
        arguments: [
            ([0, 1, 2, 3, 4, 5], "A: 1\r\nB: 2\r\nC: 3\r\nD: \r\nE: 5\r\nF: 6\r\n"),
            ([0, 4, 5], "A: 1\r\nE: 5\r\nF: 6\r\n"),
            ([1, 3], "B: 2\r\nD: \r\n"), ([2], "C: 3\r\n"), ([4, 0], "E: 5\r\nA: 1\r\n"), ([], ""),
        ])
    func copies(lines: [Int], expected: String) throws {
        let head = try response("HTTP/1.1 200 OK\r\nA: 1\r\nB:2\r\nC: 3 \r\nD:\r\nE: 5\r\nF: 6\r\n\r\n")
        #expect(copy(lines, of: head.fields) == expected)
    }

    @Test("Fields that were put together by hand are spelled out")
    func handmade() {
        var fields = Fields()
        fields.append("A", "1")
        fields.append("B", "2")
        #expect(copy([0, 1], of: fields) == "A: 1\r\nB: 2\r\n")
    }

    private func copy(_ lines: [Int], of fields: borrowing Fields) -> String {
        var buffer = ByteBuffer()
        var copy = FieldLineCopy()
        for line in lines { copy.add(line, of: fields, into: &buffer) }
        copy.end(of: fields, into: &buffer)
        return buffer.span.text()
    }
}
