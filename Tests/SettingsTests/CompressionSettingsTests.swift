// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Settings

struct CompressionSettingsTests {
    private func compression(_ text: String, defaults: String = "") throws -> CompressionSettings {
        let defaults = defaults.isEmpty ? "" : "\ndefaults { \(defaults) }"
        return try settings(inRoute(text) + defaults).routes[0].compression
    }

    @Test("Codings are in the order of the file, and take the place of those in defaults")
    func codings() throws {
        #expect(try compression("").codings == [.brotli, .gzip, .deflate])
        #expect(try compression("compress gzip br").codings == [.gzip, .brotli])
        #expect(try compression("compress gzip", defaults: "compress br deflate min=9KB").codings == [.gzip])
        #expect(try compression("compress gzip", defaults: "compress br deflate min=9KB").minimumBytes == 9 << 10)
        #expect(try compression("compress off").codings.isEmpty)
        #expect(try compression("compress br", defaults: "compress off").codings == [.brotli])
    }

    @Test("Everything else can be said too")
    func keys() throws {
        let all = try compression(
            "compress br types=Text/*,application/json exclude=/a/*,*.zip opt_out=X-Plain upstream=coded climb=off")
        #expect(all.types == ["text/*", "application/json"])
        #expect(all.excluded == ["/a/*", "*.zip"])
        #expect(all.optOutField == "X-Plain")
        #expect(all.upstream == .coded)
        #expect(all.climbsAfter == 0)
        #expect(try compression("compress br opt_out=none").optOutField == nil)
    }

    @Test(
        "Mistakes are named",
        arguments: [
            ("compress", "\"compress\" needs"), ("compress brotli", "unknown word \"brotli\""),
            ("compress br br", "br is said twice"), ("compress off br", "off stands alone"),
            ("compress br off", "off stands alone"), ("compress br types=json", "expected a media type"),
            ("compress br opt_out=a,b", "\"a,b\" is no field name"), ("compress br climb=0", "climb"),
            ("compress br min=1", "needs a unit"),
        ])
    func mistakes(text: String, message: String) {
        let found = findings(parse(inRoute(text)))
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }
}
