// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@Suite struct DecimalTextTests {
    @Test(arguments: [("0", 0), ("007", 7), ("9223372036854775807", Int.max), ("000000000000000000000000001", 1)])
    func reads(text: String, number: Int) {
        #expect(DecimalText.parse(Array(text.utf8).span) == number)
        #expect(DecimalText.parseClamped(Array(text.utf8).span) == number)
    }

    @Test(arguments: ["", "+1", "-1", " 1", "1 ", "0x5", "1.0", "1,1", "٣"])
    func refuses(text: String) {
        #expect(DecimalText.parse(Array(text.utf8).span) == nil)
        #expect(DecimalText.parseClamped(Array(text.utf8).span) == nil)
    }

    @Test(arguments: ["9223372036854775808", "92233720368547758070", "99999999999999999999999"])
    func overflowIsNilOrTheLimit(text: String) {
        #expect(DecimalText.parse(Array(text.utf8).span) == nil)
        #expect(DecimalText.parseClamped(Array(text.utf8).span, to: 2_147_483_648) == 2_147_483_648)
    }

    @Test(arguments: [(0, "0"), (15, "f"), (16, "10"), (255, "ff"), (4096, "1000"), (Int.max, "7fffffffffffffff")])
    func writesHexadecimal(number: Int, text: String) {
        var buffer = ByteBuffer()
        buffer.append(hex: number)
        #expect(buffer.span.text() == text)
    }
}
