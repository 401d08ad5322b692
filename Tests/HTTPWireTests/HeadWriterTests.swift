// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import Testing

@Suite struct HeadWriterTests {
    private func written(_ write: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer()
        write(&buffer)
        return buffer.span.text()
    }

    @Test func everyStatusLineAgreesWithItsStatus() {
        for code in UInt16(100)...999 {
            let status = Status(code)
            #expect(written { HeadWriter.statusLine(status, into: &$0) } == "HTTP/1.1 \(code) \(status.reason)\r\n")
        }
    }

    @Test func keepsThePhraseOfAnUnknownStatus() {
        let phrase = Array("Enhance Your Calm".utf8)
        #expect(
            written { HeadWriter.statusLine(Status(420), reason: phrase.span, into: &$0) }
                == "HTTP/1.1 420 Enhance Your Calm\r\n")
        #expect(written { HeadWriter.statusLine(Status(200), reason: phrase.span, into: &$0) } == "HTTP/1.1 200 OK\r\n")
    }

    @Test func writesAHeadThatTheParserReadsBack() throws {
        let text = written {
            HeadWriter.requestLine(Array("PUT".utf8).span, Array("/a?b".utf8).span, into: &$0)
            HeadWriter.field("Host", Array("h".utf8).span, into: &$0)
            HeadWriter.field(Array("X-A".utf8).span, Array("v w".utf8).span, into: &$0)
            HeadWriter.field("Content-Length", decimal: 42, into: &$0)
            HeadWriter.field("Date", dateSeconds: 784_111_777, into: &$0)
            HeadWriter.field("Via", "1.1 larder", into: &$0)
            HeadWriter.endOfHead(into: &$0)
        }
        #expect(
            text == "PUT /a?b HTTP/1.1\r\nHost: h\r\nX-A: v w\r\nContent-Length: 42\r\n"
                + "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nVia: 1.1 larder\r\n\r\n")
        #expect(try request(text).fields.count == 5)
    }

    @Test func writesChunksThatTheDecoderReadsBack() {
        let content = String(repeating: "0123456789", count: 30)
        var trailers = Fields()
        trailers.append("X-Sum", "7")
        let text = written {
            HeadWriter.chunkHeader(300, into: &$0)
            $0.append(text: content)
            HeadWriter.endOfChunk(into: &$0)
            HeadWriter.lastChunk(trailers: trailers, into: &$0)
        }
        #expect(text.hasPrefix("12c\r\n"))
        let outcome = BodyDecoderTests.decode(text, pieces: 11)
        #expect(outcome.content == latin(content))
        #expect(outcome.trailers == ["X-Sum=7"])
        #expect(written { HeadWriter.lastChunk(into: &$0) } == "0\r\n\r\n")
    }
}
