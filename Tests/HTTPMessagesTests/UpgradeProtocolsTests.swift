// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import HTTPMessages

@Suite struct UpgradeProtocolsTests {
    private func fields(_ values: [String]) -> Fields {
        var fields = Fields()
        for value in values { fields.append("Upgrade", value) }
        return fields
    }

    private func sent(_ allowed: [String], _ asked: [String]) -> String {
        var buffer = ByteBuffer()
        UpgradeProtocols(allowed).write(fields(asked), into: &buffer)
        return buffer.span.text()
    }

    @Test(arguments: [
        (["websocket"], ["WebSocket"], "Upgrade: WebSocket\r\n"), (["websocket"], ["h2c"], ""),
        (["websocket"], ["h2c, websocket/13"], "Upgrade: websocket/13\r\n"), (["websocket"], ["websocketx"], ""),
        (["a", "b/2"], ["b, a/1,, x", "b/2"], "Upgrade: a/1, b/2\r\n"), ([], ["websocket"], ""),
        (["a"], ["\"a", "a"], "Upgrade: a\r\n"), (["a"], [""], ""), (["a"], [], ""),
    ])
    func onlyAllowedOnesAreSent(_ allowed: [String], _ asked: [String], _ line: String) {
        #expect(sent(allowed, asked) == line)
        #expect(UpgradeProtocols(allowed).allowsAny(of: fields(asked)) == !line.isEmpty)
    }

    @Test(arguments: [
        (["a, b"], ["A"], true), (["a", "b"], ["b", "a"], true), (["a"], ["b"], false), (["a"], ["a, b"], false),
        (["a"], [], false), (["a"], [""], false), (["a/1"], ["a"], false), (["x"], ["x"], false),
    ])
    func anAnswerMayOnlyChangeToWhatWasAsked(_ asked: [String], _ answered: [String], _ isRight: Bool) {
        let protocols = UpgradeProtocols(["a", "b"])
        #expect(protocols.permits(fields(answered), askedBy: fields(asked)) == isRight)
    }
}
