// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import Testing

/// RFC 9112 §6; what smuggles requests is refused (promise 2).
@Suite struct MessageFramingTests {
    private func framing(_ lines: String, _ version: String = "1.1") throws -> BodyFraming {
        try MessageFraming.ofRequest(try request("POST / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n"))
    }

    @Test(arguments: [
        ("", BodyFraming.none), ("Content-Length: 0\r\n", .length(0)), ("Content-Length: 5\r\n", .length(5)),
        ("Content-Length: 9223372036854775807\r\n", .length(.max)), ("Content-Length: 5, 5\r\n", .length(5)),
        ("Content-Length: 5\r\ncontent-length: 05\r\n", .length(5)), ("Transfer-Encoding: chunked\r\n", .chunked),
        ("transfer-encoding:\tCHUNKED \r\n", .chunked),
    ])
    func framesRequests(lines: String, expected: BodyFraming) throws {
        #expect(try framing(lines) == expected)
    }

    @Test(arguments: [
        // Both ways at once: CL.TE and TE.CL.
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", RequestError.transferEncodingWithLength),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", .transferEncodingWithLength),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", .transferEncodingWithLength),
        ("Transfer-Encoding: chunked\r\nContent-Length: x\r\n", .transferEncodingWithLength),
        // TE.TE: codings that one of two servers might overlook.
        ("Transfer-Encoding: xchunked\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: chunked, identity\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: identity, chunked\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: identity\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: gzip, chunked\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: gzip\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: x\r\nContent-Length: 5\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chunked, chunked\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chunked,\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: ,chunked\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding:\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: \"chunked\"\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chunked;q=1\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chunked x\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chunked\u{A0}\r\n", .malformedTransferEncoding),
        // Lengths that one of two servers might read otherwise.
        ("Content-Length: 5\r\nContent-Length: 6\r\n", .differingContentLengths),
        ("Content-Length: 5, 6\r\n", .differingContentLengths),
        ("Content-Length: 5,5,0\r\n", .differingContentLengths),
        ("Content-Length:\r\n", .malformedContentLength), ("Content-Length: +5\r\n", .malformedContentLength),
        ("Content-Length: -5\r\n", .malformedContentLength), ("Content-Length: 0x5\r\n", .malformedContentLength),
        ("Content-Length: 5 5\r\n", .malformedContentLength), ("Content-Length: 5,\r\n", .malformedContentLength),
        ("Content-Length: ,5\r\n", .malformedContentLength), ("Content-Length: 5.0\r\n", .malformedContentLength),
        ("Content-Length: 5;\r\n", .malformedContentLength), ("Content-Length: \"5\"\r\n", .malformedContentLength),
        ("Content-Length: 9223372036854775808\r\n", .malformedContentLength),
        ("Content-Length: 18446744073709551621\r\n", .malformedContentLength),
        ("Content-Length: \u{B2}\r\n", .malformedContentLength),
    ])
    func refusesRequests(lines: String, error: RequestError) {
        #expect(throws: error) { try framing(lines) }
        #expect(error.status == Status(error == .unknownTransferCoding ? 501 : 400))
    }

    /// Spellings that hide the field from one of two servers never reach the framing rules.
    @Test(arguments: [
        "Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", " Transfer-Encoding: chunked",
        "X: y\r\n\tTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\n , identity",
        "Transfer-Encoding: \u{B}chunked", "Transfer-Encoding: chunked\u{0}", "Transfer\u{0}-Encoding: chunked",
        "Transfer-Encoding\n: chunked", "X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked",
        "Content-Length : 5", "Content Length: 5", "Content-Length\u{0}: 5",
    ])
    func refusesHiddenFields(line: String) {
        #expect(failure("POST / HTTP/1.1\r\nHost: a\r\n\(line)\r\n\r\n")?.status == Status(400))
    }

    @Test func olderRequestsHaveNoTransferCoding() {
        #expect(throws: RequestError.transferEncodingInHTTP10) { try framing("Transfer-Encoding: chunked\r\n", "1.0") }
    }

    struct Response: Sendable {
        var start: String
        var method = Method.get
        var expected: BodyFraming
    }

    @Test(arguments: [
        Response(start: "1.1 200 OK\r\n", expected: .untilClose),
        Response(start: "1.1 200 OK\r\nContent-Length: 5\r\n", expected: .length(5)),
        Response(start: "1.1 200 OK\r\nContent-Length: 5, 5\r\n", expected: .length(5)),
        Response(start: "1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n", expected: .chunked),
        Response(start: "1.1 200 OK\r\nTransfer-Encoding: identity\r\n", expected: .untilClose),
        Response(start: "1.0 200 OK\r\nContent-Length: 5\r\n", expected: .length(5)),
        Response(start: "1.1 200 OK\r\nContent-Length: 5\r\n", method: .head, expected: .none),
        Response(start: "1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", method: .head, expected: .none),
        Response(start: "1.1 204 No\r\nContent-Length: 5\r\n", expected: .none),
        Response(start: "1.1 304 No\r\nContent-Length: 5\r\n", expected: .none),
        Response(start: "1.1 101 Up\r\nTransfer-Encoding: chunked\r\n", expected: .none),
        Response(start: "1.1 200 OK\r\nContent-Length: 5\r\n", method: .connect, expected: .none),
        Response(start: "1.1 407 No\r\nContent-Length: 5\r\n", method: .connect, expected: .length(5)),
    ])
    func framesResponses(response: Response) throws {
        let head = try HTTPWireTests.response("HTTP/\(response.start)\r\n")
        #expect(try MessageFraming.ofResponse(head, requestMethod: response.method) == response.expected)
    }

    @Test(arguments: [
        ("1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", ResponseError.transferEncodingWithLength),
        ("1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", .transferEncodingInHTTP10),
        ("1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: X-Gzip\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: deflate\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: binary\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: UTF-8\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: br\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: binary, chunked\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: chunked, binary\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: binary, binary\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: Xchunkedx\r\n", .unknownTransferCoding),
        ("1.1 200 OK\r\nTransfer-Encoding: binary\r\nContent-Length: 5\r\n", .transferEncodingWithLength),
        ("1.1 200 OK\r\nTransfer-Encoding: bin ary\r\n", .malformedTransferEncoding),
        ("1.0 200 OK\r\nTransfer-Encoding: binary\r\n", .transferEncodingInHTTP10),
        ("1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n", .malformedTransferEncoding),
        ("1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n", .differingContentLengths),
        ("1.1 200 OK\r\nContent-Length: five\r\n", .malformedContentLength),
    ])
    func refusesResponses(start: String, error: ResponseError) throws {
        let head = try response("HTTP/\(start)\r\n")
        #expect(throws: error) { try MessageFraming.ofResponse(head, requestMethod: .get) }
    }

    @Test(
        "One coding that nobody has registered counts as none where that is wanted",
        arguments: [
            ("binary", BodyFraming.untilClose), ("UTF-8", .untilClose), ("identity", .untilClose),
            ("chunked", .chunked),
            ("br", nil), ("X-Gzip", nil), ("xchunked", nil), ("binary, binary", nil), ("binary, chunked", nil),
            ("chunked, binary", nil), ("bin ary", nil), ("", nil),
        ])
    func ignoresUnregisteredCodings(coding: String, expected: BodyFraming?) throws {
        let head = try response("HTTP/1.1 200 OK\r\nTransfer-Encoding: \(coding)\r\n\r\n")
        let framing = try? MessageFraming.ofResponse(head, requestMethod: .get, ignoresUnregisteredCoding: true)
        #expect(framing == expected)
    }
}
