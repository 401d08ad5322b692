// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Settings

/// Patterns that can never be taken are found before anybody asks.
@Suite struct RouteReachTests {
    private func warnings(_ routes: String) -> [String] {
        let report = parse("upstream a { server a:1 }\n" + routes)
        #expect(report.settings != nil)
        return findings(report)
    }

    @Test(arguments: [
        ("route /x methods=GET,PUT { }\nroute /x methods=GET { }", 3, "/x", 2),
        ("route /x { }\nroute /x methods=GET { }", 0, "", 0),
        ("route /x/*/y { }\nroute /x/* { }", 2, "/x/*", 3),
        ("route /x* methods=GET,PUT { }\nroute /x** methods=PUT { }", 3, "/x*", 2),
        ("route /* { }\nroute */* methods=POST { }\nroute /** host=a { }", 0, "", 0),
        ("route /* host=b,a { }\nroute /a { }\nroute /** host=a { }", 4, "/*", 2),
        ("route /* host=*.a { }\nroute /** host=b.a { }", 0, "", 0),
        ("route /x/*/y { }\nroute /x/*/z/*/y { }\nroute /x/*/z/*/z/*/y { }\nroute /x/* methods=GET { }", 0, "", 0),
        ("route */a/* { }\nroute /*/a/* { }", 0, "", 0), ("route /*a* { }\nroute *a* { }", 3, "/*a*", 2),
        ("route *a*b host=x,y { }\nroute *a*b host=y { }", 3, "*a*b", 2),
        ("route *a*b { }\nroute *a*b host=x { }", 0, "", 0),
        ("route /a* host=*.x.y { }\nroute /a/*/c host=q.x.y,*.z.x.y { }", 0, "", 0),
        ("route /a* host=*.x.y,q.x { }\nroute /a/*/c host=q.x,*.x.y { }", 3, "/a*", 2),
        ("route /a* host=*.x.y { }\nroute /a/*/c host=x.y { }", 0, "", 0),
        ("route /a* methods=GET,POST { }\nroute /a/*/c methods=HEAD { }", 3, "/a*", 2),
        ("route /a* methods=HEAD { }\nroute /a/*/c methods=GET { }", 0, "", 0),
        ("route /a methods=POST { }\nroute /a host=h { }", 0, "", 0), ("route /a { }\nroute /a/ { }", 0, "", 0),
        ("route /* { }\nroute *.json { }\nroute /a { }\nroute /b/* { }", 0, "", 0),
        ("route /*/b { }\nroute */b { }", 0, "", 0), ("route /* methods=GET { }\nroute /** { }", 0, "", 0),
    ])
    func aRouteThatOthersTakeAllOfIsWarnedOf(routes: String, line: Int, taker: String, takerLine: Int) {
        let found = warnings(routes)
        let expected = "never reached: route \"\(taker)\" in line \(takerLine) takes all of it"
        if line == 0 {
            #expect(found == [])
        } else {
            #expect(found.contains("\(line):7: warning: \(expected)"), "\(found)")
        }
    }

    @Test(arguments: [
        ("route /* host=h { ttl 1m }\nroute */private/* { pass }", "*/private/*"),
        ("route /a* host=h { ttl 1m }\nroute /a/b { pass }", "/a/b"),
        ("route /* host=q.h { ttl 1m }\nroute /a* host=*.h { pass }", "/a*"),
        ("route /* host=h { ttl 1m }\nroute /a* host=h methods=GET { }\nroute /a { pass }", "/a"),
    ])
    func whatPassesButNotOnAHostThatAnotherNamesIsWarnedOf(routes: String, passing: String) {
        let found = warnings(routes)
        #expect(found.count == 1 && found[0].contains("passes nothing of host "), "\(found)")
    }

    @Test(arguments: [
        "route /* host=h { pass }\nroute */private/* { pass }", "route /* { pass }\nroute /* host=h { ttl 1m }",
        "route /* host=h { ttl 1m }\nroute */private/* { pass }\nroute */private/* host=h { pass }",
        "route /* host=h methods=POST { ttl 1m }\nroute */private/* methods=GET { pass }",
        "route /b/* host=h { ttl 1m }\nroute */private/* { pass }",
        "route /* host=h { ttl 1m }\nroute *.json { ttl 2m }",
    ])
    func whatItsHostPassesTooOrCannotBeMeantIsNot(routes: String) { #expect(warnings(routes) == []) }

    @Test(
        "Thousands of routes are compared with few others each", .timeLimit(.minutes(1)),
        arguments: ["*x", "*/y*", "*"])
    func thousands(end: String) {
        var routes = (0..<10_000).map { "route /r\($0)/\(end) { }" }
        routes += ["route /*a* { }", "route *a* { }"]
        #expect(
            warnings(routes.joined(separator: "\n"))
                == ["10003:7: warning: never reached: route \"/*a*\" in line 10002 takes all of it"])
    }

    @Test("Where too many are alike, it is said that not all are compared", .timeLimit(.minutes(1)))
    func alike() {
        let routes = (0..<10_000).map { "route /*\($0)* { }" }.joined(separator: "\n")
        let found = warnings(routes).filter { $0.contains("so many routes are alike") }
        #expect(found.count == 1)
    }

    @Test func severalMayTakeItTogether() {
        let routes = "route /a* methods=GET { }\nroute /a* methods=POST { }\nroute /a/*/c methods=GET,POST { }"
        #expect(
            warnings(routes) == ["4:7: warning: never reached: route \"/a*\" in line 2 and others take all of it"])
    }

    @Test func aLoneStarBesideASlashStarIsForOptionsAlone() {
        #expect(
            warnings("route /* { }\nroute * { }")
                == ["3:7: warning: takes nothing but OPTIONS *: route \"/*\" in line 2 takes all of it"])
        #expect(warnings("route * { }\nroute /a/* { }") == [])
    }

    @Test(arguments: [
        ("/%61pi/*", "/api/*"), ("/%7euser", "/~user"), ("/a/%c3%a9", "/a/%C3%A9"), ("/a/../b", "/b"),
        ("/a/./b*", "/a/b*"), ("/*/../x", "/x"), ("/caf\u{E9}", "/caf%C3%A9"), ("/{id}", "/%7Bid%7D"),
        ("*/%7E*", "*/~*"), ("/a/..", "/"), ("/x/.", "/x/"), ("/%c*", "/%C*"),
    ])
    func aPatternInAnotherSpellingIsRefusedWithTheNormalOne(pattern: String, normal: String) {
        let reason =
            "\"\(pattern)\" matches nothing, since paths are compared in their normal form (RFC 3986 §6.2.2); write \"\(normal)\""
        let report = parse("upstream a { server a:1 }\nroute \"\(pattern)\" { }")
        #expect(findings(report) == ["2:7: error: \"route\": \(reason)"])
        let rest = normal.hasSuffix("/") ? "\nroute \"\(normal)*\" { }" : ""
        #expect(findings(parse("upstream a { server a:1 }\nroute \"\(normal)\" { }" + rest)) == [])
        let excluded = findings(parse(inRoute("compress gzip exclude=\"\(pattern)\"")))
        #expect(excluded.count == 1 && excluded[0].hasSuffix(reason), "\(excluded)")
    }

    @Test(arguments: ["/%zz", "/a%4", "/%00", "/%*%", "/a#b"])
    func aPatternThatNothingCanMatchIsRefused(pattern: String) {
        #expect(findings(parse("upstream a { server a:1 }\nroute \"\(pattern)\" { }")).count == 1)
    }

    @Test(arguments: ["/%C3*", "/%*", "/%4*", "/.*", "/a..b", "/a/.well-known/*", "/a;b//c", "/%2F", "*", "/~_-"])
    func whatMayMatchIsTaken(pattern: String) throws {
        #expect(try settings("upstream a { server a:1 }\nroute \"\(pattern)\" { }").routes[0].name == pattern)
    }

    @Test(arguments: [
        ("compress gzip exclude=api/*", "a path begins with /"),
        ("compress gzip exclude=/a\\?b", "no path holds ? or #"),
    ])
    func anExcludeThatMatchesNoPathIsRefused(directive: String, reason: String) {
        let found = findings(parse(inRoute(directive)))
        #expect(found.count == 1 && found[0].contains(reason), "\(found)")
    }
}
