// SPDX-License-Identifier: Apache-2.0
import Bytes
import Foundation
import Testing

@testable import Telemetry

@Suite struct JSONWriterTests {
    @Test func valuesNestWithCommasBetweenThem() {
        let text = written { buffer in
            JSONWriter.write(into: &buffer) { json in
                json.object { json in
                    json.field("a", 1)
                    json.field("b", true)
                    json.object("empty") { _ in }
                    json.array("list") { json in
                        json.number(-1)
                        json.null()
                        json.array { _ in }
                        json.object { $0.field("x", "y") }
                    }
                    json.field("none", nil as Double?)
                    json.field("text", nil as String?)
                    json.field("ratio", 0.25)
                    json.field("time_ms", milliseconds: 1_234_567)
                    json.field("huge", UInt64.max)
                    json.key("say \"hi\"")
                    json.boolean(false)
                }
            }
        }
        let expected =
            #"{"a":1,"b":true,"empty":{},"list":[-1,null,[],{"x":"y"}],"none":null,"text":null,"ratio":0.25,"#
            + #""time_ms":1.234,"huge":9223372036854775807,"say \"hi\"":false}"#
        #expect(text == expected)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func whatIsNotFiniteIsNull(value: Double) {
        #expect(written { JSONWriter.write(into: &$0) { json in json.number(value) } } == "null")
    }

    @Test(arguments: [0, 1, -1.5, 1e-9, 1e300, 0.1, 123_456_789.125] as [Double])
    func numbersReadBackAsTheyWere(value: Double) throws {
        let data = bytesWritten { JSONWriter.write(into: &$0) { json in json.object { $0.field("v", value) } } }
        #expect(try jsonObject(data)["v"] as? Double == value)
    }

    @Test func theTextIsAppendedToWhatTheBufferHeld() {
        let text = written { buffer in
            buffer.append("before ")
            JSONWriter.write(into: &buffer) { json in json.string([0x61, 0x0A].span) }
        }
        #expect(text == "before \"a\\n\"")
    }
}
