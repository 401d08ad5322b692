// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
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
}
