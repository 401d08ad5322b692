// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import Testing

@testable import Settings

/// What those write who come from nginx, HAProxy or a word processor, and what they are told.
@Suite struct NewcomerTests {
    private static let full = "upstream a { server 127.0.0.1:1 }\n"

    @Test(arguments: [
        (
            "listen 80",
            "1:8: error: \"listen\": \"80\" is a port alone: write 127.0.0.1:80, or 0.0.0.0:80 for all addresses"
        ),
        (
            "listen 8080;",
            "1:8: error: \"listen\": \"8080\" is a port alone: write 127.0.0.1:8080, or 0.0.0.0:8080 for all addresses"
        ),
        (
            "admin 9900",
            "1:7: error: \"admin\": \"9900\" is a port alone: write 127.0.0.1:9900, or 0.0.0.0:9900 for all addresses"
        ),
        ("upstream a { server 3000 }", "1:21: error: \"server\": \"3000\" is a port alone: write HOST:3000"),
        (
            "upstream a { server http://10.0.0.1:3000/api }",
            "1:21: error: \"server\": an address has no scheme and no path here: write \"10.0.0.1:3000\""
        ),
        (
            full + "server {\n  listen 127.0.0.1:80\n}",
            "2:1: error: \"server\" does not belong at the top level; it belongs in upstream; `listen` and `route` need no block around them"
        ),
        (
            full + "location / { }",
            "2:1: error: unknown directive \"location\" at the top level; here it is `route PATTERN { … }`"
        ),
        (
            full + "route /x {\n  proxy_pass http://127.0.0.1:3000;\n}",
            "3:3: error: unknown directive \"proxy_pass\" in route; here it is `upstream http://HOST:PORT`"
        ),
        (
            full + "worker_processes 4",
            "2:1: error: unknown directive \"worker_processes\" at the top level; here it is `workers N`"
        ),
        (
            full + "frontend web { }",
            "2:1: error: unknown directive \"frontend\" at the top level; here it is `listen` and `route`"
        ),
        (
            full + "maxconn 100",
            "2:1: error: unknown directive \"maxconn\" at the top level; here it is `limits connections=N`"
        ),
        (
            full + "route /x {\n  ttl=5m\n}",
            "3:3: error: unknown directive \"ttl=5m\" in route; write \"ttl 5m\", with a blank"
        ),
        (full + "route /x {\n  ttl 5 m\n}", "3:9: error: \"ttl\": write \"5m\", without a blank"),
        (full + "client keep_alive=5 m", "2:21: error: \"client\": write \"5m\", without a blank"),
        (full + "memory 10 MB", "2:11: error: \"memory\": write \"10MB\", without a blank"),
        (
            full + "memory 10MBytes",
            "2:8: error: \"memory\": unknown unit \"MBYTES\" in \"10MBytes\" (did you mean \"10MB\"?); expected one of B, KB, MB, GB, TB"
        ),
        (
            full + "memory 64m",
            "2:8: error: \"memory\": unknown unit \"M\" in \"64m\" (did you mean \"64MB\"?); expected one of B, KB, MB, GB, TB"
        ),
        (
            full + "route /x { ttl 5min }",
            "2:16: error: \"ttl\": unknown unit \"min\" in \"5min\" (did you mean \"5m\"?); expected one of ms, s, m, h, d"
        ),
        (full + "route /x\n", "2:1: error: \"route\" needs a block: { … }"),
        (
            full + "route ~ ^/api { }",
            "2:7: error: \"route\": a pattern is no regular expression: * stands for any text, got \"~\""
        ),
        (full + "route /x {\n  ttl 5m\n", "2:10: error: the block of \"route\" is not closed: missing \"}\""),
        (full + "Workers 2", "2:1: error: unknown directive \"Workers\" at the top level (did you mean \"workers\"?)"),
        (full + "workers\u{A0}2", "2:8: error: this is a no-break space (U+00A0): write a plain blank"),
        (full + "\u{A0}workers 2", "2:1: error: this is a no-break space (U+00A0): write a plain blank"),
        (full + "via \u{201C}edge\u{201D}", "2:5: error: this is a typographic quote (U+201C): write \" or '"),
        (full + "key \u{2013}x", "2:5: error: this is a typographic dash (U+2013): write -"),
        (full + "workers \u{FEFF}2", "2:9: error: there is an invisible character (U+FEFF) here: take it away"),
    ])
    func aMistakeIsExplained(_ text: String, _ expected: String) {
        let found = findings(parse(text))
        #expect(found.contains { $0.hasPrefix(expected) }, "\(found)")
    }

    @Test func aByteOrderMarkCarriageReturnsAndTabsAreTaken() throws {
        let text = "\u{FEFF}workers\t2\r\nupstream a {\r\n\tserver 127.0.0.1:1\r\n}\r\n"
        #expect(findings(parse(text)).isEmpty)
        #expect(try settings(text).workers == 2)
    }

    @Test func aWordWithLettersBeyondASCIIIsAWord() {
        let found = findings(parse(Self.full + "route /caf\u{E9} { }"))
        #expect(found.count == 1 && found[0].contains("write \"/caf%C3%A9\""), "\(found)")
    }

    // MARK: Files that are not whole

    private func report(_ text: String) -> [String] {
        let report = SettingsParser.parse(
            text: text, file: "proxy.conf", environment: { _ in nil },
            files: ConfigFiles(readFile: { _ in .failure(.notFound) }))
        return findings(report)
    }

    @Test(arguments: ["", "\n", "# nothing\n", "workers 2\n"])
    func aFileWithoutUpstreamIsRefused(_ text: String) {
        let found = report(text)
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("1:1: error: the file "))
        #expect(found[0].contains("every request would be answered with 404"))
    }

    @Test(arguments: ["drain_timeout 1", "drain_timeout 10s", "workers 1", "x_cache on  "])
    func aLastLineThatMayBeCutIsRefused(_ last: String) {
        let found = report(Self.full + last)
        #expect(
            found.contains {
                $0.hasPrefix("2:1: error: the last line has no line end: the file may have been cut off")
            })
    }

    @Test(arguments: ["upstream a { server 127.0.0.1:1 }", full + "# end", full + "  ", full])
    func aFileThatEndsWithABraceOrACommentIsWhole(_ text: String) { #expect(report(text).isEmpty) }

    // MARK: Defaults that follow

    @Test func defaultsGiveWayToWhatIsSaid() throws {
        #expect(findings(parse("memory 8MB")).isEmpty)
        #expect(try settings("memory 8MB").memory.maxObjectBytes == 1536 << 10)
        #expect(try settings("memory 1GB").memory.maxObjectBytes == 16 << 20)
        #expect(findings(parse("limits head=8KB")).isEmpty)
        #expect(try settings("limits head=8KB").limits.fieldLineBytes == 8 << 10)
        #expect(try settings("redis a:1 write_queue=64KB").redis?.maxObjectBytes == 64 << 10)
    }

    @Test func whatHasNoEffectIsWarnedOf() {
        #expect(
            findings(parse("memory 8MB max_object=4MB"))
                == [
                    "1:1: warning: \"memory\": max_object has no effect above a quarter of what is for stored responses, 1536KB"
                ])
        #expect(
            findings(parse("redis a:1 write_queue=64KB max_object=1MB"))
                == ["1:1: warning: \"redis\": max_object has no effect above write_queue"])
    }

    // MARK: PURGE

    @Test(arguments: [
        ("listen 127.0.0.1:80\npurge_method on", "PURGE is taken from this machine, and only this machine can connect"),
        ("listen 0.0.0.0:80\npurge_method on", nil),
        ("listen 127.0.0.1:80\npurge_method on token=long-enough", nil),
        ("listen 127.0.0.1:80\npurge_method on allow=10.0.0.0/8", nil),
        (
            "trusted_proxies 127.0.0.1\npurge_method on",
            "PURGE is taken from 127.0.0.1, where trusted_proxies has a proxy"
        ),
        ("trusted_proxies 10.1.0.0/16\npurge_method on allow=10.0.0.0/8", "PURGE is taken from 10.1.0.0/16"),
    ])
    func purgeFromBehindAProxyIsWarnedOf(_ text: String, _ warning: String?) {
        let found = findings(parse(text)).filter { $0.contains("PURGE") }
        if let warning {
            #expect(found.count == 1 && found[0].contains(": warning: \(warning)"), "\(found)")
        } else {
            #expect(found.isEmpty)
        }
    }
}
