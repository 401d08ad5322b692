// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Settings

@Suite struct ValueTests {
    @Test(arguments: [
        ("0", 0), ("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("7d", 604_800_000),
        ("0s", 0), ("007s", 7000),
    ])
    func durationsAreRead(_ text: String, _ milliseconds: Int) {
        #expect(Units.milliseconds(text) == .success(milliseconds))
    }

    @Test(arguments: [
        ("0", 0), ("512B", 512), ("64KB", 65_536), ("64kb", 65_536), ("64KiB", 65_536), ("256MB", 1 << 28),
        ("1GB", 1 << 30), ("2TB", 2 << 40),
    ])
    func sizesAreRead(_ text: String, _ bytes: Int) {
        #expect(Units.bytes(text) == .success(bytes))
    }

    @Test(arguments: [
        ("", Units.Problem.noNumber), ("s", .noNumber), ("-5s", .noNumber), ("5", .noUnit), ("5 s", .unknownUnit(" s")),
        ("1.5s", .unknownUnit(".5s")), ("1h30m", .unknownUnit("h30m")), ("5S", .unknownUnit("S")),
        ("9223372036854775807d", .tooLarge), ("99999999999999999999s", .tooLarge), ("٣s", .noNumber),
    ])
    func wrongDurationsHaveTheirReason(_ text: String, _ problem: Units.Problem) {
        #expect(Units.milliseconds(text) == .failure(problem))
    }

    @Test(arguments: [0, 1, 999, 1000, 60_000, 90_000, 3_600_000, 86_400_000, 172_800_001])
    func durationsReadBackAsWritten(_ milliseconds: Int) {
        #expect(Units.milliseconds(Units.durationText(milliseconds)) == .success(milliseconds))
        #expect(Units.bytes(Units.sizeText(milliseconds)) == .success(milliseconds))
    }

    @Test(arguments: [
        ("ttl", "tll"), ("upstream", "upsteam"), ("workers", "wrokers"), ("coalesce", "coalese"), ("warning", "warn"),
    ])
    func aNearNameIsFound(_ name: String, _ written: String) {
        #expect(NearestName.find(written, among: ["listen", "memory", name, "x_cache"]) == name)
    }

    @Test(arguments: ["xyz", "", "q", "listener_of_everything", String(repeating: "a", count: 1000)])
    func aFarNameIsNot(_ written: String) {
        #expect(NearestName.find(written, among: ["listen", "memory", "ttl"]) == nil)
    }

    // MARK: Addresses

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("192.0.2.1", "192.0.2.1", true),
        ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false), ("::/0", "1.2.3.4", true),
        ("2001:db8::/32", "2001:db8:1::5", true), ("2001:db8::/32", "2001:db9::", false),
        ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
        ("::ffff:10.0.0.0/104", "10.1.1.1", true), ("fe80::1", "fe80:0:0:0:0:0:0:1", true),
    ])
    func aNetworkContainsItsAddresses(_ network: String, _ address: String, _ expected: Bool) throws {
        let range = try #require(AddressRange(network))
        let other = try #require(AddressRange(address))
        #expect(range.contains(high: other.high, low: other.low) == expected)
        if !address.contains(":") {
            #expect(range.contains(ipv4: UInt32(truncatingIfNeeded: other.low)) == expected)
        }
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4/33", "1.2.3.4/8", "1.2.3.4/", "1.2.3.4/x", ":",
        ":::",
        "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::g", "::/129", "::1/64", "1:2:3:4:5:6:7:8::",
        "+1::", "::-1", "1:", "::1.2.3", "fe80::1%eth0",
    ])
    func whatIsNoNetworkIsRefused(_ text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1:1", true), ("127.9.9.9:1", true), ("[::1]:1", true), ("[::ffff:127.0.0.1]:1", true),
        ("unix:/run/x", true), ("0.0.0.0:1", false), ("[::]:1", false), ("10.0.0.1:1", false),
    ])
    func localAddressesAreKnown(_ text: String, _ expected: Bool) throws {
        let address = try TextCheck.address(text, allowsNames: false).get()
        #expect(address.isLocal == expected)
        #expect(address.description == text)
    }

    // MARK: Secrets

    @Test func aSecretNeverShows() {
        let secret = Secret("hush")
        var shown = "\(secret) \(String(reflecting: secret)) "
        dump(AdminSettings(address: ListenSettings().address, token: secret), to: &shown)
        #expect(!shown.contains("hush"))
    }

    @Test(arguments: [("hush", true), ("husH", false), ("hus", false), ("hush!", false), ("", false)])
    func aSecretMatchesItselfAlone(_ text: String, _ expected: Bool) {
        #expect(Secret("hush").matches(Array(text.utf8).span) == expected)
    }
}
