// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ConfigLanguage

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
        dump((name: "token", token: Optional(secret)), to: &shown)
        #expect(!shown.contains("hush"))
    }

    @Test(arguments: [("hush", true), ("husH", false), ("hus", false), ("hush!", false), ("", false)])
    func aSecretMatchesItselfAlone(_ text: String, _ expected: Bool) {
        #expect(Secret("hush").matches(Array(text.utf8).span) == expected)
    }
}
