// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Server

@Suite struct AdminJSONTests {
    private func read(_ text: String) throws(JSONError) -> JSONValue { try JSONReader.read(ContiguousArray(text.utf8)) }

    @Test func valuesOfEveryKindAreRead() throws {
        let value = try read(#" {"a":[1,-0.5e+3,true,false,null],"b":"x","c":{}} "#)
        #expect(
            value
                == .object([
                    .init(
                        name: "a",
                        value: .array([.number("1"), .number("-0.5e+3"), .boolean(true), .boolean(false), .null])),
                    .init(name: "b", value: .string("x")), .init(name: "c", value: .object([])),
                ]))
    }

    @Test(arguments: [
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\u20AC""#, "é€"), (#""\ud83d\ude00""#, "😀"),
        (#""😀""#, "😀"),
    ])
    func escapesAreUndone(text: String, expected: String) throws {
        #expect(try read(text) == .string(expected))
    }

    @Test(arguments: [
        "", "{", "[1,", "[1,]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "01", "1.", "-", "1e", "+1", ".5", "tru", "nulll",
        "\"", "\"\u{1}\"", #""\x""#, #""\u12""#, #""\ud800""#, #""\ude00""#, #""\ud800\u0041""#, "1 2", "'a'", "[1 2]",
        "NaN", "\u{FEFF}1",
    ])
    func whatIsNoJSONIsRefused(text: String) {
        #expect(throws: JSONError.self) { try read(text) }
    }

    @Test func namesThatStandTwiceAreRefused() {
        #expect(throws: JSONError(problem: .repeatedName("a"), offset: 7)) { try read(#"{"a":1,"\u0061":2}"#) }
    }

    @Test func textsMustBeUTF8() {
        #expect(throws: JSONError(problem: .notUTF8, offset: 0)) { try JSONReader.read([0x22, 0xFF, 0xFE, 0x22]) }
        #expect(throws: JSONError(problem: .notUTF8, offset: 0)) {
            try JSONReader.read([0x22, 0xED, 0xA0, 0x80, 0x22])
        }
    }

    @Test func depthHasALimit() throws {
        let limit = JSONReader.depthLimit
        _ = try read(String(repeating: "[", count: limit) + String(repeating: "]", count: limit))
        #expect(throws: JSONError(problem: .nestedTooDeep(limit: limit), offset: limit)) {
            try read(String(repeating: "[", count: 100_000))
        }
        // Side by side is not deep.
        _ = try read("[" + String(repeating: "[],", count: 1000) + "[]]")
    }

    @Test func anyBytesAreReadOrRefused() {
        var state: UInt64 = 42
        let alphabet = Array(#"{}[]",:\u0e9tfn1.-+ "#.utf8) + [0xC3, 0xA9, 0xFF]
        for _ in 0..<20_000 {
            var bytes = ContiguousArray<UInt8>()
            for _ in 0..<Int(state % 24) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            state = state &* 6_364_136_223_846_793_005 &+ 1
            do { _ = try JSONReader.read(bytes) } catch { #expect(error.offset <= bytes.count) }
        }
    }
}
