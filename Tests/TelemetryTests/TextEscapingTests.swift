// SPDX-License-Identifier: Apache-2.0
import Bytes
import Foundation
import Testing

@testable import Telemetry

@Suite struct TextEscapingTests {
    @Test(arguments: [
        ("plain", "plain"), ("a\"b\\c", "a\\\"b\\\\c"), ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\u{0}\u{1b}[31m", "\\u0000\\u001b[31m"), ("\u{7f}\u{85}\u{9b}", "\\u007f\\u0085\\u009b"),
        ("\u{2028}\u{2029}", "\\u2028\\u2029"), ("Grüße 東京 🚀", "Grüße 東京 🚀"), ("", ""),
    ])
    func jsonStringsCarryNoControl(text: String, escaped: String) {
        #expect(written { $0.append(jsonEscaped: text) } == escaped)
    }

    @Test(
        arguments: [
            [0xFF], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8],
            [0xC3], [0xE2, 0x82], [0x80], [0xC3, 0x28],
        ] as [[UInt8]])
    func whatIsNotUTF8IsReplaced(bytes: [UInt8]) throws {
        let data = bytesWritten { buffer in
            buffer.append("{\"a\":\"")
            buffer.append(jsonEscaped: bytes.span)
            buffer.append("\"}")
        }
        let text = try #require(try jsonObject(data)["a"] as? String)
        #expect(text.unicodeScalars.first == "\u{FFFD}")
    }

    @Test(arguments: 0..<50)
    func anyBytesMakeAValidJSONStringOnOneLine(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let bytes = (0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let data = bytesWritten { buffer in
            buffer.append("{\"a\":\"")
            buffer.append(jsonEscaped: bytes.span)
            buffer.append("\"}")
        }
        #expect(data.allSatisfy { $0 >= 0x20 })
        let text = try #require(try jsonObject(data)["a"] as? String)
        if String(validating: bytes, as: UTF8.self) != nil { #expect(Array(text.utf8) == bytes) }
    }

    @Test func ncsaFieldsArePrintableASCII() {
        let bytes = Array("a\"\\\n\u{7f}é ".utf8)
        #expect(written { $0.append(logEscaped: bytes.span) } == "a\\x22\\x5c\\x0a\\x7f\\xc3\\xa9 ")
    }

    @Test(
        arguments: [
            (0, 3, "0.000"), (5, 3, "0.005"), (1_234, 3, "1.234"), (10_000, 3, "10.000"), (7, 0, "7"),
            (.max, 6, "18446744073709.551615"),
        ] as [(UInt64, Int, String)])
    func decimalFractionsAreExact(units: UInt64, decimals: Int, text: String) {
        #expect(written { $0.append(units: units, decimals: decimals) } == text)
    }

    @Test(arguments: [(0, 2, "00"), (7, 3, "007"), (10, 2, "10"), (123, 3, "123"), (2026, 4, "2026"), (99, 3, "099")])
    func numbersArePadded(number: Int, digits: Int, text: String) {
        #expect(written { $0.append(padded: number, digits: digits) } == text)
    }
}
