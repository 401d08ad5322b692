// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import Testing

/// RFC 9112 §4 and §5; promise 6: what cannot be understood is no response.
@Suite struct ResponseParserTests {
    @Test func readsEveryPartOfAResponse() throws {
        let head = try response("HTTP/1.1 404 Not  Found\u{E9}\t!\r\nServer : x\r\nETag\t:\"a\"\r\nX:\r\n\r\n")
        #expect(head.status == Status(404))
        #expect(head.version == .http11)
        #expect(head.reasonRange.count == 13)
        #expect(head.fields.text(of: .server) == "x")
        #expect(slice(head, head.fields.slots[0].nameRange) == "Server")
        #expect(head.fields.text(of: .eTag) == "\"a\"")
        #expect(head.fields.count == 3)
    }

    @Test(arguments: [
        ("HTTP/1.0 200 OK", 200, HTTPVersion.http10), ("HTTP/1.1 200 ", 200, .http11), ("HTTP/1.1 200", 200, .http11),
        ("HTTP/1.1 100 Continue", 100, .http11), ("HTTP/1.1 999 x", 999, .http11), ("HTTP/1.3 599 x", 599, .http11),
    ])
    func accepts(line: String, code: Int, version: HTTPVersion) throws {
        let head = try response(line + "\r\n\r\n")
        #expect(head.status.code == UInt16(code))
        #expect(head.version == version)
    }

    @Test(arguments: [
        ("\r\nHTTP/1.1 200 OK\r\n", ResponseError.malformedVersion), ("HTTP/2.0 200 OK\r\n", .unsupportedVersion),
        ("ICY 200 OK\r\n", .malformedVersion), ("HTTP/1.1200 OK\r\n", .malformedVersion),
        ("HTTP/1.1  200 OK\r\n", .malformedStatus), ("HTTP/1.1 20 OK\r\n", .malformedStatus),
        ("HTTP/1.1 2000 OK\r\n", .malformedStatus), ("HTTP/1.1 099 OK\r\n", .malformedStatus),
        ("HTTP/1.1 +20 OK\r\n", .malformedStatus), ("HTTP/1.1 200\tOK\r\n", .malformedStatus),
        ("HTTP/1.1 200 O\u{0}K\r\n", .malformedReason), ("HTTP/1.1 200 OK\n", .fieldLine(.bareLineFeed)),
        ("HTTP/1.1 200\n", .fieldLine(.bareLineFeed)), ("HTTP/1.1 200 OK\rx", .fieldLine(.bareCarriageReturn)),
        ("HTTP/1.1 200 OK\r\nA: b\n", .fieldLine(.bareLineFeed)),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", .fieldLine(.folded)),
        ("HTTP/1.1 200 OK\r\nA b: c\r\n", .fieldLine(.malformedName)),
        ("HTTP/1.1 200 OK\r\nA: b\u{0}\r\n", .fieldLine(.controlInValue)),
    ])
    func refuses(text: String, error: ResponseError) {
        let bytes = latin(text + "\r\n")
        var parser = ResponseParser()
        var head = ResponseHead()
        #expect(parser.parse(bytes.span, into: &head) == .failed(error))
        var last = HeadParse<ResponseError>.incomplete
        for count in 1...bytes.count where last == .incomplete {
            last = parser.parse(bytes.span.extracting(0..<count), into: &head)
        }
        #expect(last == .failed(error))
        #expect(error.reason.utf8CodeUnitCount > 0)
    }

    @Test func limitsTheHeadAndItsFields() {
        var limits = WireLimits()
        limits.responseHeadBytes = 200
        limits.responseFieldCount = 2
        var head = ResponseHead()
        func verdict(_ text: String) -> HeadParse<ResponseError> {
            var parser = ResponseParser(limits: limits)
            return parser.parse(Array(text.utf8).span, into: &head)
        }
        let fill = String(repeating: "x", count: 300)
        #expect(verdict("HTTP/1.1 200 " + fill) == .failed(.statusLineTooLong))
        #expect(verdict("HTTP/1.1 200 OK\r\nA: " + fill) == .failed(.fieldLine(.headTooLarge)))
        #expect(verdict("HTTP/1.1 200 OK\r\nA:\r\nB:\r\nC:\r\n") == .failed(.fieldLine(.tooManyLines)))
    }
}
