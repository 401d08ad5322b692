// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

/// RFC 9110 §7.6.2.
@Suite struct MaxForwardsTests {
    private static func head(_ method: String, _ values: [String]) -> RequestHead {
        var head = RequestHead()
        head.method = Method(Array(method.utf8).span)
        for value in values { head.fields.append("Max-Forwards", value) }
        return head
    }

    @Test(arguments: [
        (["0"], true, ["0"]), (["000"], true, ["000"]), (["1"], false, ["0"]), (["10"], false, ["9"]),
        (["99999999999999999999999"], false, ["2147483646"]), (["-1"], false, ["-1"]), (["1x"], false, ["1x"]),
        ([""], false, [""]), (["0, 0"], false, ["0, 0"]), (["0", "5"], false, ["0", "5"]), ([], false, []),
    ])
    func countsTheServersThatMayStillFollow(values: [String], isLast: Bool, next: [String]) {
        for method in ["OPTIONS", "TRACE", "GET"] {
            var head = Self.head(method, values)
            let isAtItsLastStop = head.isAtItsLastStop
            #expect(isAtItsLastStop == (isLast && method != "GET"))
            head.countForward()
            var found: [String] = []
            head.fields.forEachValue(of: .maxForwards) { found.append($0.text()) }
            #expect(found == (method == "GET" ? values : next), "\(method)")
        }
    }
}

/// RFC 9110 §7.6.3.
@Suite struct ViaFieldTests {
    @Test(arguments: [
        (["1.1 larder"], true), (["1.0 fred, 1.1 LARDER"], true), (["HTTP/1.1 larder (a comment)"], true),
        (["1.1 a", "1.1 larder"], true), (["1.1\tlarder"], true), (["1.1 larder(x), 1.1 b"], true),
        (["1.1 a (never closed, 1.1 larder"], true), (["1.1 a (b \\) c), 1.1 larder"], true), ([",, 1.1 larder"], true),
        (["1.1 (why) larder"], true),
        (["1.1 a (by, 1.1 larder)"], false), (["1.1 a (b (c), 1.1 larder)"], false), (["1.1 larder2"], false),
        (["1.1 edge.larder"], false), (["larder"], false), (["1.1 a larder"], false), (["1.1 larder:80"], false),
        (["1.1 a"], false), ([""], false), ([], false),
    ])
    func saysWhoHadTheMessageBefore(values: [String], isNamed: Bool) {
        var fields = Fields()
        for value in values { fields.append("Via", value) }
        #expect(ViaField.names(Array("larder".utf8).span, in: fields) == isNamed)
    }
}
