// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import Testing

@testable import Settings

@Suite struct SettingsParserErrorTests {
    @Test(arguments: [
        // Names
        ("worker 4", ["1:1: error: unknown directive \"worker\" at the top level (did you mean \"workers\"?)"]),
        ("frobnicate 4", ["1:1: error: unknown directive \"frobnicate\" at the top level"]),
        ("server 1.2.3.4:5", ["1:1: error: \"server\" does not belong at the top level; it belongs in upstream"]),
        (
            "ttl 5m",
            ["1:1: error: \"ttl\" does not belong at the top level; it belongs in route or in defaults"]
        ),
        // Shapes
        ("workers", ["1:1: error: \"workers\" needs N|auto; expected: workers N|auto"]),
        ("workers 4 5", ["1:11: error: unexpected \"5\"; expected: workers N|auto"]),
        ("workers many", ["1:9: error: \"workers\": expected a number from 1 to 1024 or auto, got \"many\""]),
        ("workers 0", ["1:9: error: \"workers\": \"0\" is out of range: 1 to 1024"]),
        (
            "workers 99999999999999999999",
            [
                "1:9: error: \"workers\": \"99999999999999999999\" is out of range: 1 to 1024"
            ]
        ),
        ("workers 2 { }", ["1:11: error: \"workers\" takes no block"]),
        ("workers 2\n\nworkers 3", ["3:1: error: \"workers\" is said twice; first in line 1"]),
        ("memory 5", ["1:8: error: \"memory\": \"5\" needs a unit: B, KB, MB, GB, TB"]),
        ("memory 5XB", ["1:8: error: \"memory\": unknown unit \"XB\" in \"5XB\"; expected one of B, KB, MB, GB, TB"]),
        (
            "memory lots",
            [
                "1:8: error: \"memory\": expected a size such as 64KB, 256MB or 1GB, got \"lots\""
            ]
        ),
        ("memory 1KB", ["1:8: error: \"memory\": \"1KB\" is out of range: 1MB to 16TB"]),
        (
            "memory 64MB max_objct=1MB",
            [
                "1:13: error: unknown key \"max_objct\" of \"memory\" (did you mean \"max_object\"?)"
            ]
        ),
        (
            "memory 64MB size=1MB",
            [
                "1:13: error: unknown key \"size\" of \"memory\"; it takes connections, max_object and max_ttl"
            ]
        ),
        ("memory 64MB max_ttl=1m max_ttl=2m", ["1:24: error: key \"max_ttl\" of \"memory\" is given twice"]),
        (
            "memory 64MB max_ttl=5x",
            [
                "1:21: error: \"max_ttl\" of \"memory\": unknown unit \"x\" in \"5x\"; expected one of ms, s, m, h, d"
            ]
        ),
        ("memory 4MB max_object=8MB", ["1:1: error: \"memory\": max_object=8MB is more than the whole of 4MB"]),
        (
            "timeout connect=soon",
            [
                "1:17: error: \"connect\" of \"timeout\": expected a duration such as 500ms, 10s, 5m, 1h or 7d, got \"soon\""
            ]
        ),
        (
            "timeout idle=soon",
            [
                "1:14: error: \"idle\" of \"timeout\": expected a duration such as 500ms, 10s, 5m, 1h or 7d or off, "
                    + "got \"soon\""
            ]
        ),
        (
            "timeout",
            [
                "1:1: error: \"timeout\" says nothing; expected: timeout [connect=DURATION] [first_byte=DURATION|off] "
                    + "[idle=DURATION|off]"
            ]
        ),
        ("x_cache yes", ["1:9: error: \"x_cache\": expected on or off, got \"yes\""]),
        (
            "log_level warn",
            [
                "1:11: error: \"log_level\": unknown word \"warn\" (did you mean \"warning\"?); it can be debug, info, warning or error"
            ]
        ),
        (
            "forwarded apend",
            [
                "1:11: error: \"forwarded\": unknown word \"apend\" (did you mean \"append\"?); it can be append, replace or off"
            ]
        ),
        (
            "event_log events",
            [
                "1:11: error: \"event_log\": expected stdout, stderr or a PATH with a /, got \"events\""
            ]
        ),
        ("cache_name 9a", ["1:12: error: \"cache_name\": expected a token that begins with a letter, got \"9a\""]),
        ("via a/b", ["1:5: error: \"via\": \"a/b\" is no token"]),
        (
            "trusted_proxies",
            [
                "1:1: error: \"trusted_proxies\" needs CIDR; expected: trusted_proxies CIDR… [fields=x_forwarded|forwarded|both]"
            ]
        ),
        (
            "trusted_proxies 10.0.0.0/8 10.0.0.1/8",
            [
                "1:28: error: \"trusted_proxies\": expected a network such as 10.0.0.0/8 or 2001:db8::/32, got \"10.0.0.1/8\""
            ]
        ),
    ])
    func everyMistakeAtTheTopLevelHasItsMessage(_ text: String, _ expected: [String]) {
        #expect(findings(parse(text)).filter { !$0.contains(": warning: ") } == expected)
    }

    @Test(arguments: [
        (
            "listen 8080",
            "1:8: error: \"listen\": \"8080\" is a port alone: write 127.0.0.1:8080, or 0.0.0.0:8080 for all addresses"
        ),
        ("listen api:80", "1:8: error: \"listen\": expected ADDRESS:PORT, [IPV6]:PORT or unix:PATH, got \"api:80\""),
        ("listen 1.2.3.4:70000", "1:8: error: \"listen\": \"70000\" is no port from 0 to 65535"),
        ("listen ::1:80", "1:8: error: \"listen\": an IPv6 address goes in brackets: [::1:80]"),
        ("listen [::x]:80", "1:8: error: \"listen\": \"::x\" is no IPv6 address"),
        (
            "listen unix:x",
            "1:8: error: \"listen\": a unix: path begins with / and is shorter than 108 bytes, got \"x\""
        ),
        ("listen :80\nlisten *:80", "2:1: error: \"listen\": 0.0.0.0:80 is listened on already"),
        (
            "admin 0.0.0.0:9900",
            "1:1: error: \"admin\": 0.0.0.0:9900 can be reached from other machines and needs token_file= or token="
        ),
        ("admin 127.0.0.1:8080", "1:1: error: \"admin\": 127.0.0.1:8080 is listened on for clients already"),
        (
            "admin 127.0.0.1:1 token=long-enough token_file=t",
            "1:48: error: \"token_file\" of \"admin\": the token is given already"
        ),
        (
            "admin 127.0.0.1:1 token_file=none",
            "1:30: error: \"token_file\" of \"admin\": cannot read \"none\": no such file"
        ),
        ("admin 127.0.0.1:1 token_file=empty", "1:30: error: \"token_file\" of \"admin\": \"empty\" is empty"),
        ("admin 127.0.0.1:1 token=", "1:25: error: \"token\" of \"admin\": expected TEXT, got nothing"),
    ])
    func everyWrongAddressHasItsMessage(_ text: String, _ expected: String) {
        #expect(findings(parse(text, files: ["t": "secret\n", "empty": "\n"])).first == expected)
    }

    @Test(arguments: [
        ("upstream { server a }", "1:1: error: \"upstream\" needs NAME; expected: upstream NAME { … }"),
        (
            "upstream a/b { server a }",
            "1:10: error: \"upstream\": a name is made of letters, digits, _ . and -, got \"a/b\""
        ),
        ("upstream a { }", "1:10: error: upstream \"a\" has no server"),
        (
            "upstream a { server b:1 }\nupstream a { server b:2 }",
            "2:10: error: upstream \"a\" is defined twice; first in line 1"
        ),
        ("upstream a { server b:1; server b:1 }", "1:26: error: \"server\": b:1 is a server of this upstream already"),
        (
            "upstream a { server b:1 wieght=2 }",
            "1:25: error: unknown key \"wieght\" of \"server\" (did you mean \"weight\"?)"
        ),
        (
            "upstream a { server 1.2.3.400:1 }",
            "1:21: error: \"server\": expected HOST:PORT, [IPV6]:PORT or unix:PATH, got \"1.2.3.400:1\""
        ),
        ("upstream a { server b:0 }", "1:21: error: \"server\": port 0 cannot be connected to"),
        (
            "upstream a { server b; balance least_connections }",
            "1:32: error: \"balance\": unknown word \"least_connections\"; it can be round_robin"
        ),
        ("upstream a { server b; pool min=9 max=3 }", "1:24: error: \"pool\": min=9 is more than max=3"),
        ("upstream a { server b; host unix:/x }", "1:29: error: \"host\": \"unix:/x\" is no host"),
        (
            "upstream a { server b; ttl 5m }",
            "1:24: error: \"ttl\" does not belong in upstream; it belongs in route or in defaults"
        ),
    ])
    func everyMistakeInAnUpstreamHasItsMessage(_ text: String, _ expected: String) {
        #expect(findings(parse(text)).contains(expected), "\(findings(parse(text)))")
    }

    @Test(arguments: [
        ("tll 5m", "3:1: error: unknown directive \"tll\" in route (did you mean \"ttl\"?)"),
        ("ttl", "3:1: error: \"ttl\" needs DURATION; expected: ttl [STATUS,…] DURATION|by_origin [force]"),
        ("ttl 5", "3:5: error: \"ttl\": \"5\" needs a unit: ms, s, m, h, d"),
        ("ttl 404", "3:5: error: \"ttl\": \"404\" needs a unit: ms, s, m, h, d"),
        ("ttl 5m forced", "3:8: error: unexpected \"forced\"; expected: ttl [STATUS,…] DURATION|by_origin [force]"),
        ("ttl 5m\nttl 6m", "4:1: error: \"ttl\" without a status is said twice in this block"),
        ("ttl 404 5m\nttl 410,404 6m", "4:1: error: \"ttl\" of status 404 is said twice in this block"),
        (
            "key cookie=*",
            "3:12: error: \"cookie\" of \"key\": \"*\" stands for no other cookies here: name each, or say header=Cookie for all of them"
        ),
        (
            "key header=X-*",
            "3:12: error: \"header\" of \"key\": \"X-*\" stands for no other fields here: name each of them"
        ),
        (
            "key header=Upgrade",
            "3:12: error: \"header\" of \"key\": Upgrade speaks of one connection and is not sent on: it tells no answers apart"
        ),
        (
            "ttl 999 5m",
            "3:5: error: \"ttl\": \"999\" is no status that is stored: 200 to 599 without 206, 304, 412, 416 and 426"
        ),
        ("ttl by_origin force", "3:5: error: \"ttl\": by_origin cannot be forced"),
        (
            "stale if_error=off",
            "3:16: error: \"if_error\" of \"stale\": expected a duration such as 500ms, 10s, 5m, 1h or 7d or by_origin, got \"off\""
        ),
        (
            "key query=sort",
            "3:11: error: \"query\" of \"key\": unknown word \"sort\" (did you mean \"sorted\"?); it can be as_is, sorted or none"
        ),
        ("key body=query,post", "3:10: error: \"body\" of \"key\": expected query or safe_post, got \"post\""),
        ("key drop=a,,b", "3:10: error: \"drop\" of \"key\": expected GLOB,… or none without empty items"),
        ("key drop='a\\'", "3:10: error: \"drop\" of \"key\": \"a\\\" ends in a backslash"),
        ("key header=a:b", "3:12: error: \"header\" of \"key\": \"a:b\" is no field name"),
        ("pass maybe", "3:6: error: \"pass\": expected on or off, got \"maybe\""),
        ("pass on on", "3:9: error: unexpected \"on\"; expected: pass [on|off]"),
        ("jitter 10", "3:8: error: \"jitter\": expected a percentage such as 10%, got \"10\""),
        ("jitter 95%", "3:8: error: \"jitter\": \"95%\" is out of range: 0% to 90%"),
        (
            "client_cache_control obey",
            "3:22: error: \"client_cache_control\": unknown word \"obey\"; it can be honor or ignore"
        ),
        (
            "store authorized=yes",
            "3:18: error: \"authorized\" of \"store\": unknown word \"yes\"; it can be by_rfc or shared_between_users"
        ),
        ("upstream b", "3:10: error: unknown upstream \"b\" (did you mean \"a\"?)"),
        ("upstream other", "3:10: error: unknown upstream \"other\"; defined are a"),
        (
            "upstream https://a:1",
            "3:10: error: \"upstream\": upstreams are spoken to by http:// alone, got \"https://a:1\""
        ),
        (
            "upstream http://a:1/x",
            "3:10: error: \"upstream\": expected http://HOST:PORT without a path, got \"http://a:1/x\""
        ),
        ("listen :80", "3:1: error: \"listen\" does not belong in route; it belongs at the top level"),
        ("route /y { }", "3:1: error: \"route\" does not belong in route; it belongs at the top level"),
    ])
    func everyMistakeInARouteHasItsMessage(_ text: String, _ expected: String) {
        #expect(findings(parse(inRoute(text))).contains(expected), "\(findings(parse(inRoute(text))))")
    }

    @Test(arguments: [
        ("route /x", "2:1: error: \"route\" needs a block: { … }"),
        ("route x { }", "2:7: error: \"route\": a pattern begins with / or *, got \"x\""),
        ("route /x?a=* { }", "2:7: error: \"route\": a route looks at the path alone, without ?: \"/x?a=*\""),
        (
            "route /x methods=GTE { }",
            "2:18: error: \"methods\" of \"route\": unknown method \"GTE\" (did you mean \"GET\"?); known are GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE, CONNECT and QUERY"
        ),
        (
            "route /x host=a:80 { }",
            "2:15: error: \"host\" of \"route\": expected a host without port, such as api.example.com, got \"a:80\""
        ),
        ("route /x { }\nroute /x { }", "3:7: error: route \"/x\" is defined twice; first in line 2"),
        (
            "upstream b { server b:1 }\nroute /x { }",
            "3:7: error: the route names no upstream, and the file defines several"
        ),
        ("defaults { }\ndefaults { }", "3:1: error: \"defaults\" is said twice; first in line 2"),
        ("defaults { ttl 5 }", "2:16: error: \"ttl\": \"5\" needs a unit: ms, s, m, h, d"),
        ("invalidation g { }", "2:14: error: invalidation \"g\" names nothing to invalidate"),
        ("invalidation g { tag a }\ninvalidation g { tag b }", "3:14: error: invalidation \"g\" is defined twice"),
        ("invalidation g { prefix x }", "2:25: error: \"prefix\": a prefix begins with /, got \"x\""),
        (
            "invalidation g { prefix //u@h/ }",
            "2:25: error: \"prefix\": no key holds user information: leave out what is before @"
        ),
        (
            "invalidation g { key ftp://h/ }",
            "2:22: error: \"key\": only http:// and https:// are kept, got \"ftp://h/\""
        ),
        (
            "invalidation g { pattern /*/../x }",
            "2:26: error: \"pattern\": no key holds the segments . and ..: write the path without them"
        ),
        ("invalidation g { tag a tag a }", "2:24: error: \"tag\": \"a\" is said twice"),
        (
            "invalidation g { tags a }",
            "2:18: error: \"tags\" does not belong in invalidation; it belongs in route or in defaults"
        ),
    ])
    func everyMistakeAboutBlocksHasItsMessage(_ text: String, _ expected: String) {
        let report = parse("upstream a { server a:1 }\n\(text)")
        #expect(findings(report).filter { $0.contains("error") } == [expected])
    }

    @Test func aRouteWithoutAnyUpstreamIsAnError() {
        #expect(
            findings(parse("route /x { }")) == ["1:7: error: the route names no upstream, and the file defines none"])
    }

    @Test func allMistakesAreReportedAtOnceInTheOrderOfTheText() {
        let text = "workers none\nroute /a { tll 5m; upstream nowhere }\nmemory 1\nupstream x { server s }"
        #expect(
            findings(parse(text)).map { $0.prefix { $0 != " " } } == ["1:9:", "2:12:", "2:29:", "3:8:"])
    }

    @Test func atMostAHundredAreReported() {
        let report = parse(String(repeating: "nothing\n", count: 500))
        #expect(report.diagnostics.count == 100)
        #expect(report.settings == nil)
    }

    @Test func aDiagnosticShowsTheLineAndACaret() {
        let report = parse("upstream a { server a:1 }\nroute /é {\n\ttll 5m # much\n}")
        #expect(
            report.diagnostics.last?.rendered == """
                proxy.conf:3:2: error: unknown directive "tll" in route (did you mean "ttl"?)
                    \ttll 5m # much
                    \t^~~
                """)
    }

    @Test func columnsCountCharactersNotBytes() {
        #expect(findings(parse("cache_name \"é\" x"))[1].hasPrefix("1:16: error: unexpected \"x\""))
    }

    @Test func linesMayEndAsOnWindows() {
        let report = parse("workers 2\r\nworkers many\r\n")
        #expect(report.diagnostics.first?.sourceLine == "workers many")
        #expect(report.diagnostics.first?.line == 2)
    }

    @Test(arguments: [
        ("admin 127.0.0.1:1 token=hush more", "admin 127.0.0.1:1 token=**** more"),
        ("admin 127.0.0.1:1 token=\"hu sh\" more", "admin 127.0.0.1:1 token=******* more"),
        ("admin 127.0.0.1:1 token='hu\"sh';more", "admin 127.0.0.1:1 token=*******;more"),
        ("admin 127.0.0.1:1 token=hush x token=hush", "admin 127.0.0.1:1 token=**** x token=****"),
    ])
    func aLineIsShownWithoutItsSecret(_ text: String, _ shown: String) {
        #expect(parse(text).diagnostics.first?.sourceLine == shown)
    }
}
