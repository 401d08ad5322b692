// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Settings

@Suite struct IncludeTests {
    @Test func anIncludeStandsForWhatItsFileSays() throws {
        let all = try settings(
            "include sub/up.conf\nroute /a { include sub/ttl.conf }",
            files: [
                "sub/up.conf": "upstream a {\n include servers\n}", "sub/servers": "server a:1",
                "sub/ttl.conf": "ttl 5m",
            ])
        #expect(all.upstreams[0].servers[0].address.host == "a")
        #expect(all.routes[0].lifetime.defaultMilliseconds == 300_000)
    }

    @Test func pathsStartAtTheFileThatNamesThem() {
        let report = parse(
            "include x.conf\ninclude /abs", file: "/etc/larder/proxy.conf",
            files: ["/etc/larder/x.conf": "workers 1", "/abs": "x_cache on"])
        #expect(report.settings?.workers == 1)
        #expect(report.settings?.sendsXCache == true)
    }

    @Test func aStarTakesAllThatMatchInOrderOfName() {
        let report = parse(
            "include d/*.conf",
            files: ["d/b.conf": "workers b", "d/a.conf": "workers a", "d/.c.conf": "x", "d/no": "x"])
        #expect(report.diagnostics.map { "\($0.file):\($0.line)" } == ["d/a.conf:1", "d/b.conf:1"])
        #expect(parse("include d/*.conf").settings != nil)
    }

    @Test(arguments: [
        ("a.conf", "a.conf", true), ("a.conf", "*.conf", true), ("a.conf", "*", true), ("a.conf", "a*f", true),
        ("a.conf", "*b*", false), ("ab", "a*b", true), ("a", "a*a", false), ("axbyc", "a*b*c", true),
        ("aXbYb", "*b*b", true), ("ab", "*b*b", false), ("", "*", true),
    ])
    func starsMatchWithinAName(_ name: String, _ pattern: String, _ expected: Bool) {
        #expect(StatementReader.matches(Array(name.utf8), Array(pattern.utf8)) == expected)
    }

    @Test func anErrorIsShownInItsOwnFile() {
        let report = parse("include a.conf", files: ["a.conf": "workers 2\nworkers many"])
        #expect(report.diagnostics.first?.description.hasPrefix("a.conf:2:1: error: \"workers\" is said twice") == true)
        #expect(report.diagnostics.first?.sourceLine == "workers many")
    }

    @Test func aSecondSayingNamesTheOtherFile() {
        let report = parse("workers 2\ninclude a.conf", files: ["a.conf": "workers 3"])
        #expect(
            report.diagnostics.map(\.description).first
                == "a.conf:1:1: error: \"workers\" is said twice; first at proxy.conf:1")
    }

    @Test(arguments: [
        ("include none", "1:9: error: cannot read \"none\": no such file"),
        ("include", "1:1: error: \"include\" needs one PATH; expected: include PATH"),
        ("include a b", "1:1: error: \"include\" needs one PATH; expected: include PATH"),
        ("include ok { }", "1:12: error: \"include\" takes no block"),
        ("include */x", "1:9: error: \"include\" takes * in the last part of its path alone"),
        ("include proxy.conf", "1:9: error: \"include\" goes in a circle: proxy.conf -> proxy.conf"),
        ("include ./d/../proxy.conf", "1:9: error: \"include\" goes in a circle: proxy.conf -> ./d/../proxy.conf"),
        ("include one", "two:1:9: error: \"include\" goes in a circle: one -> two -> one"),
        ("include deep0", "deep7:1:9: error: \"include\" nests deeper than 8 files"),
    ])
    func everyMistakeHasItsMessage(_ text: String, _ expected: String) {
        var files = ["ok": "", "one": "include two", "two": "include one", "proxy.conf": text]
        for index in 0...9 { files["deep\(index)"] = "include deep\(index + 1)" }
        #expect(findings(parse(text, files: files)).contains(expected), "\(findings(parse(text, files: files)))")
    }

    @Test func includesThatMultiplyEnd() {
        var files: [String: String] = [:]
        for index in 0..<8 { files["f\(index)"] = String(repeating: "include f\(index + 1)\n", count: 10) }
        files["f8"] = ""
        let report = parse("include f0", files: files)
        #expect(findings(report).contains { $0.contains("reads more than 1000 files") })
    }

    @Test func aFileMayNotBeHuge() {
        let report = parse(String(repeating: "#", count: (1 << 20) + 1))
        #expect(findings(report).first == "1:1: error: the file is larger than 1MB")
    }
}
