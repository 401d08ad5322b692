// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import Testing

/// Promise 7, for heads: each limit is met exactly, and slowness costs nothing.
@Suite struct RequestLimitTests {
    private var limits: WireLimits {
        var limits = WireLimits()
        limits.requestLineBytes = 600
        limits.fieldLineBytes = 700
        limits.headBytes = 2_000
        limits.fieldCount = 5
        return limits
    }

    private func completes(_ text: String) -> Bool {
        let bytes = latin(text)
        var parser = RequestParser(limits: limits)
        var head = RequestHead()
        let whole = parser.parse(bytes.span, into: &head) == .complete(length: bytes.count)
        for count in 1..<bytes.count where parser.parse(bytes.span.extracting(0..<count), into: &head) != .incomplete {
            return false
        }
        return whole && parser.parse(bytes.span, into: &head) == .complete(length: bytes.count)
    }

    private func fill(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test func theRequestLineMayFillItsLimit() {
        let rest = "Host: a\r\n\r\n"
        #expect(completes("GET /\(fill(600 - 14)) HTTP/1.1\r\n" + rest))
        #expect(failure("GET /\(fill(601 - 14)) HTTP/1.1\r\n" + rest, limits: limits) == .requestLineTooLong)
        #expect(failure("GET /" + fill(3_000), limits: limits) == .requestLineTooLong)
        #expect(failure(fill(3_000), limits: limits) == .requestLineTooLong)
    }

    @Test func aFieldLineMayFillItsLimit() {
        let start = "GET / HTTP/1.1\r\nHost: a\r\n"
        #expect(completes(start + "A: \(fill(697))\r\n\r\n"))
        #expect(failure(start + "A: \(fill(698))\r\n\r\n", limits: limits) == .fieldLine(.lineTooLong))
        #expect(failure(start + fill(3_000), limits: limits) == .fieldLine(.lineTooLong))
        #expect(
            failure(start + "A:" + String(repeating: " ", count: 3_000), limits: limits) == .fieldLine(.lineTooLong))
        #expect(
            failure(start + "A:b" + String(repeating: "\t", count: 3_000), limits: limits) == .fieldLine(.lineTooLong))
    }

    @Test func theHeadMayFillItsLimit() {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nA: \(fill(690))\r\nB: \(fill(690))\r\n"
        let room = 2_000 - start.utf8.count - 7
        #expect(completes(start + "C: \(fill(room))\r\n\r\n"))
        #expect(failure(start + "C: \(fill(room + 1))\r\n\r\n", limits: limits) == .fieldLine(.headTooLarge))
    }

    @Test func theLastFieldMayBeTheLimit() {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\nD:\r\n"
        #expect(completes(start + "\r\n"))
        #expect(failure(start + "E:\r\n\r\n", limits: limits) == .fieldLine(.tooManyLines))
    }

    @Test func aLongFirstReadIsLookedAtAtOnce() {
        #expect(failure("GET /\u{E9}" + fill(1_000)) == .malformedTarget)
        #expect(failure("\u{16}\u{3}" + fill(1_000)) == .malformedMethod)
    }

    @Test func aLongHeadByteByByteIsReadOnce() {
        // A parser that began again with each byte would look at two thousand million bytes here.
        let text = "GET / HTTP/1.1\r\nHost: a\r\n" + (0..<4).map { "A\($0): \(fill(15_000))\r\n" }.joined() + "\r\n"
        let bytes = latin(text)
        var parser = RequestParser()
        var head = RequestHead()
        for count in 1..<bytes.count {
            guard parser.parse(bytes.span.extracting(0..<count), into: &head) == .incomplete else {
                Issue.record("ended early")
                return
            }
        }
        #expect(parser.parse(bytes.span, into: &head) == .complete(length: bytes.count))
        #expect(head.fields.count == 5)
    }
}
