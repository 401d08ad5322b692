// SPDX-License-Identifier: Apache-2.0
import HTTPMessages
import HTTPWire
import Testing

@Suite struct KeepAliveFieldTests {
    @Test(arguments: [
        ("timeout=5", 5), ("timeout=5, max=100", 5), ("max=100, Timeout=15", 15), ("max=5", nil), ("timeout", nil),
        ("timeout=", nil), ("timeout=x", nil), ("timeout=-1", nil), ("", nil), ("timeouts=5", nil),
        ("timeout=99999999999999999999", nil),
    ])
    func theTimeoutIsRead(value: String, seconds: Int?) {
        var fields = Fields()
        fields.append("Keep-Alive", value)
        #expect(KeepAliveField.timeoutSeconds(fields) == seconds)
    }

    @Test func withoutTheFieldThereIsNone() { #expect(KeepAliveField.timeoutSeconds(Fields()) == nil) }
}
