// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import HTTPMessages

@Suite struct ClientAddressTests {
    private static let trusted = ["10.0.0.0/8", "2001:db8::/32", "127.0.0.1"].compactMap { AddressRange($0) }

    private func client(
        _ fields: [(String, String)], peer: String = "10.0.0.1", trusted: [AddressRange] = Self.trusted,
        written: ForwardingFields = .both
    ) -> String {
        var head = Fields()
        for (name, value) in fields { head.append(name, value) }
        guard let peer = IPAddress(peer) else { return "no peer" }
        return "\(ClientAddress.find(peer: peer, fields: head, trusted: trusted, written: written).address)"
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("192.0.2.1:4711", "192.0.2.1"), ("[2001:db9::1]:80", "2001:db9::1"),
        ("2001:db9::1", "2001:db9::1"), ("[2001:db9::1]", "2001:db9::1"), ("\"192.0.2.1\"", "192.0.2.1"),
        ("198.51.100.9, 192.0.2.1", "192.0.2.1"), ("192.0.2.1, 10.1.1.1, 10.2.2.2", "192.0.2.1"),
        ("1.1.1.1, 192.0.2.1 ,10.1.1.1", "192.0.2.1"), ("192.0.2.1,,10.1.1.1,", "192.0.2.1"),
        ("10.3.3.3, 10.1.1.1", "10.3.3.3"), ("unknown", "10.0.0.1"), ("192.0.2.1, unknown", "10.0.0.1"),
        ("192.0.2.1, _hidden, 10.1.1.1", "10.1.1.1"), ("192.0.2.1, 10.1.1.1:x", "10.0.0.1"), ("", "10.0.0.1"),
        ("192.0.2.300", "10.0.0.1"), ("[192.0.2.1]", "10.0.0.1"), ("[2001:db9::1", "10.0.0.1"),
        ("192.0.2.1:", "10.0.0.1"), ("192.0.2.1:123456", "10.0.0.1"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("\"192.0.2.1", "10.0.0.1"), ("[2001:db8::2]:443", "2001:db8::2"), ("192.0.2.1 x", "10.0.0.1"),
    ])
    func walksFromTheRight(_ value: String, _ expected: String) {
        #expect(client([("X-Forwarded-For", value)]) == expected)
    }

    @Test(arguments: [
        ("for=192.0.2.1", "192.0.2.1"), ("For=\"192.0.2.1:80\";proto=http", "192.0.2.1"),
        ("proto=https; for=\"[2001:db9::1]:4711\"", "2001:db9::1"), ("for=192.0.2.1, for=10.1.1.1", "192.0.2.1"),
        ("for=192.0.2.1;for=192.0.2.2", "10.0.0.1"), ("proto=http", "10.0.0.1"), ("for=unknown", "10.0.0.1"),
        ("for=_x", "10.0.0.1"), ("for=\"a;for=192.0.2.1\"", "10.0.0.1"), ("for=192.0.2.1:_port", "192.0.2.1"),
        ("by=192.0.2.9;for=\"192.0.2.1\";host=\"a,b;c\"", "192.0.2.1"),
    ])
    func readsForwarded(_ value: String, _ expected: String) {
        #expect(client([("Forwarded", value)]) == expected)
    }

    @Test func onlyTrustedPeersAreBelieved() {
        let fields = [("X-Forwarded-For", "192.0.2.1")]
        #expect(client(fields, peer: "203.0.113.1") == "203.0.113.1")
        #expect(client(fields, trusted: []) == "10.0.0.1")
        #expect(client([], peer: "10.0.0.1") == "10.0.0.1")
    }

    @Test func linesAreOneList() {
        let lines = [("X-Forwarded-For", "192.0.2.1"), ("A", "b"), ("x-forwarded-for", "10.9.9.9, 10.1.1.1")]
        #expect(client(lines) == "192.0.2.1")
        #expect(client(lines + [("X-Forwarded-For", "192.0.2.7")]) == "192.0.2.7")
    }

    /// What a client says of itself in the field that its proxy does not write counts for nothing.
    @Test(arguments: [
        (ForwardingFields.xForwarded, "192.0.2.1", "10.0.0.1"), (.forwarded, "198.51.100.1", "198.51.100.1"),
        (.both, "192.0.2.1", "198.51.100.1"),
    ])
    func onlyTheFieldThatProxiesWriteCounts(written: ForwardingFields, both: String, forwardedAlone: String) {
        let forwarded = ("Forwarded", "for=198.51.100.1")
        #expect(client([forwarded, ("X-Forwarded-For", "192.0.2.1")], written: written) == both)
        #expect(client([("X-Forwarded-For", "192.0.2.1"), forwarded], written: written) == both)
        #expect(client([forwarded], written: written) == forwardedAlone)
    }

    @Test(arguments: [
        ("unknown", true), ("192.0.2.1, _hidden, 10.1.1.1", true), ("192.0.2.1, unix:", true), ("192.0.2.1", false),
        ("unknown, 192.0.2.1", false), ("10.3.3.3", false), ("", false),
    ])
    func aClientThatATrustedProxyDoesNotNameIsHidden(value: String, isHidden: Bool) throws {
        var head = Fields()
        head.append("X-Forwarded-For", value)
        let peer = try #require(IPAddress("10.0.0.1"))
        let found = ClientAddress.find(peer: peer, fields: head, trusted: Self.trusted, written: .xForwarded)
        #expect(found.isHidden == isHidden)
    }
}
