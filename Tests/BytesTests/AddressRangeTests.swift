// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("127.0.0.1", true), ("127.255.0.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("128.0.0.1", false),
        ("::2", false), ("10.0.0.1", false),
    ])
    func loopbackIsKnown(text: String, isLoopback: Bool) { #expect(IPAddress(text)?.isLoopback == isLoopback) }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "2001:db8::1", false), ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false),
        ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.128/25", "::ffff:192.0.2.129", true),
        ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8:0:8000::/49", "2001:db8:0:7fff::1", false), ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
        ("::/0", "10.0.0.1", true), ("::1", "::1", true), ("::ffff:10.0.0.0/104", "10.1.1.1", true),
        ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("fe80::1", "fe80:0:0:0:0:0:0:1", true),
    ])
    func rangesContainWhatTheirPrefixSays(range: String, address: String, isContained: Bool) throws {
        let range = try #require(AddressRange(range))
        #expect(range.contains(try #require(IPAddress(address))) == isContained)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4/33", "1.2.3.4/8", "1.2.3.4/", "1.2.3.4/x", "x/8",
        "1.2.3.4/-1", "1.2.3.4/1000", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::g",
        "::/129", "::1/64", "1:2:3:4:5:6:7:8::", "+1::", "::-1", "1:", "::1.2.3", "fe80::1%eth0",
    ])
    func whatIsNoRangeIsRefused(text: String) { #expect(AddressRange(text) == nil) }

    @Test(arguments: [
        "10.0.0.0/8", "192.0.2.1", "0.0.0.0/0", "2001:db8::/32", "::1", "::/0",
    ])
    func aRangeIsWrittenAsItIsRead(text: String) { #expect(AddressRange(text)?.description == text) }

    @Test(arguments: [("0.0.0.0/0", true), ("::/0", true), ("0.0.0.0/1", false), ("::/1", false), ("10.0.0.1", false)])
    func rangesOfEverybodyAreKnown(text: String, isEverybody: Bool) {
        #expect(AddressRange(text)?.isEverybody == isEverybody)
    }
}
