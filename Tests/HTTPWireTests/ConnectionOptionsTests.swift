// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import Testing

@Suite struct ConnectionOptionsTests {
    private func fields(_ values: [String]) -> Fields {
        var fields = Fields()
        for value in values { fields.append("Connection", value) }
        return fields
    }

    @Test(arguments: [
        ([], true, false), (["close"], false, false), (["Keep-Alive"], true, true),
        (["keep-alive, CLOSE"], false, false),
        (["x", ",, keep-alive ,"], true, true), (["closed"], true, false), (["keep-alive", "close"], false, false),
    ])
    func decidesWhetherTheConnectionPersists(values: [String], http11: Bool, http10: Bool) {
        let options = ConnectionOptions.parse(fields(values))
        #expect(options.persists(.http11) == http11)
        #expect(options.persists(.http10) == http10)
    }

    @Test func knowsTheFieldsThatAreNamed() {
        let fields = fields(["close, X-One", "keep-alive,\tx-TWO ,"])
        let options = ConnectionOptions.parse(fields)
        for name in ["x-one", "X-Two", "Keep-Alive"] {
            let isNominated = options.isNominated(Array(name.utf8).span, in: fields)
            #expect(isNominated)
        }
        for name in ["x-on", "x-one2", "", "x"] {
            let isNominated = options.isNominated(Array(name.utf8).span, in: fields)
            #expect(!isNominated)
        }
    }

    @Test func anUpgradeNeedsBothFieldsAndHTTP11() {
        var fields = fields(["Upgrade"])
        #expect(!ConnectionOptions.parse(fields).asksForUpgrade(fields, .http11))
        fields.append("Upgrade", "websocket")
        #expect(ConnectionOptions.parse(fields).asksForUpgrade(fields, .http11))
        #expect(!ConnectionOptions.parse(fields).asksForUpgrade(fields, .http10))
        #expect(!ConnectionOptions().asksForUpgrade(fields, .http11))
    }

    private func expectation(_ lines: String, _ version: String = "1.1") throws -> RequestExpectation {
        try RequestExpectation.ofRequest(try request("POST / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n"))
    }

    @Test func onlyOneExpectationIsKnown() throws {
        #expect(try expectation("") == .none)
        #expect(try expectation("Expect: 100-Continue\r\n") == .continue)
        #expect(try expectation("Expect: 100-continue\r\n", "1.0") == .none)
        for value in ["x", "", "100-continue, x", "100"] {
            #expect(throws: RequestError.unknownExpectation) { try expectation("Expect: \(value)\r\n") }
        }
    }
}
