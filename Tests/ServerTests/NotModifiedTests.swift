// SPDX-License-Identifier: Apache-2.0
import EventIO
import TestKit
import Testing

@testable import Server

/// What a 304 from memory repeats of the response that it stands for (RFC 9110 §15.4.5).
@Suite struct NotModifiedTests {
    private static let origin =
        "HTTP/1.1 200 OK\r\nServer: s\r\nETag: \"v\"\r\nContent-Type: text/plain\r\nVary: Accept\r\n"
        + "Content-Language: de\r\nCache-Control: max-age=60\r\n"

    private func answer(fields: String, moreOfOrigin: String = "", length: Int = 1) throws -> ScriptedWorld.Answer {
        let larder = try ScriptedWorld("route /* { upstream api }") { _ in
            Self.origin + moreOfOrigin + "Content-Length: \(length)\r\n\r\n" + String(repeating: "a", count: length)
        }
        #expect(larder.ask("GET /", fields: "Accept-Encoding: br\r\n").status == 200)
        let answer = larder.ask("GET /", fields: "Accept-Encoding: br\r\n" + fields)
        #expect(larder.requests.count == 1)
        return answer
    }

    @Test(
        arguments: [
            ("If-None-Match: \"v\"\r\n", "", 1), ("If-None-Match: \"x\", W/\"v\"\r\n", "", 1),
            // Two tags, of which the first counts.
            ("If-None-Match: \"v\"\r\n", "ETag: \"w\"\r\n", 1),
            ("If-None-Match: *\r\n", "Expires: 0\r\n", 1),
            // Compressed for this client.
            ("If-None-Match: \"v\"\r\n", "", 5000), ("If-None-Match: W/\"v\"\r\n", "", 5000),
        ])
    func itRepeatsWhatMayHaveChangedAndNothingElse(_ fields: String, _ moreOfOrigin: String, _ length: Int) throws {
        let answer = try answer(fields: fields, moreOfOrigin: moreOfOrigin, length: length)
        #expect(answer.status == 304)
        #expect(answer.body == "")
        let head = answer.head.lowercased()
        for name in ["etag: ", "vary: accept\r\n", "cache-control: max-age=60\r\n", "date: ", "via: ", "age: "] {
            #expect(head.contains("\r\n" + name), "\(name) in \(head)")
        }
        for name in ["server: ", "content-type: ", "content-language: ", "content-length: ", "content-encoding: "] {
            #expect(!head.contains("\r\n" + name), "\(name) in \(head)")
        }
    }

    @Test func aTagThatIsNotTheStoredOneBringsTheWhole() throws {
        #expect(try answer(fields: "If-None-Match: \"vv\"\r\n").status == 200)
        #expect(try answer(fields: "If-None-Match: \"v\r\n").status == 200)
    }
}
