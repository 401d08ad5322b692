// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPWire
import Testing

@testable import Server

@Suite struct UnwantedBodyTests {
    private func body(_ framing: BodyFraming) -> UnwantedBody {
        UnwantedBody(RequestBodyRelay(framing: framing, limits: WireLimits()))
    }

    private func pass(_ body: UnwantedBody, over text: String) -> UnwantedBody.Step {
        body.pass(over: ContiguousArray(text.utf8).span)
    }

    private func isShort(_ framing: BodyFraming, _ text: String = "", expects: Bool = false) -> Bool {
        UnwantedBody.isShort(
            framing, expectsContinue: expects, in: ContiguousArray(("head" + text).utf8).span, from: 4,
            limits: WireLimits())
    }

    @Test func theNextRequestBeginsBehindIt() {
        #expect(pass(body(.length(3)), over: "abcGET") == .ended(consumed: 3))
        #expect(pass(body(.chunked), over: "1\r\na\r\n0\r\n\r\nGET") == .ended(consumed: 11))
        let slow = body(.chunked)
        #expect(pass(slow, over: "1\r\n") == .needMore)
        #expect(pass(slow, over: "a\r\n0\r\n\r\n") == .ended(consumed: 8))
    }

    @Test func whatIsLongOrMalformedIsGivenUp() {
        #expect(pass(body(.chunked), over: "zz\r\n") == .lost)
        let long = body(.chunked)
        let piece = "1000\r\n" + String(repeating: "a", count: 4096) + "\r\n"
        #expect((0..<15).allSatisfy { _ in pass(long, over: piece) == .needMore })
        #expect((0..<2).contains { _ in pass(long, over: piece) == .lost })
    }

    @Test func theAnswerKnowsWhetherTheConnectionGoesOn() {
        #expect(isShort(.none, expects: true) && isShort(.length(0), expects: true))
        #expect(isShort(.length(64 << 10)) && !isShort(.length((64 << 10) + 1)))
        #expect(!isShort(.length(1), expects: true) && !isShort(.chunked, "0\r\n\r\n", expects: true))
        #expect(isShort(.chunked, "1\r\na\r\n0\r\n\r\nGET") && !isShort(.chunked, "1\r\na\r\n") && !isShort(.chunked))
    }
}
