// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import Settings
import TestKit
import Testing

@testable import Server

/// Where keys of two routes could be equal although their upstreams differ, they name the upstream (promise 2).
@Suite struct SharedKeysTests {
    private static func names(_ first: String, _ second: String) throws -> [String?] {
        let text = """
            listen 127.0.0.1:8080
            upstream a { server 127.0.0.1:3000 }
            upstream b { server 127.0.0.1:3001 }
            route \(first) }
            route \(second) }
            """
        return SharedKeys(try settings(text)).upstreamNames
    }

    private static func settings(_ text: String) throws -> ProxySettings {
        let report = SettingsParser.parse(
            path: "proxy.conf", environment: { _ in nil },
            files: ConfigFiles(readFile: { $0 == "proxy.conf" ? .success(text) : .failure(.notFound) }))
        return try #require(report.settings, "\(report.diagnostics)")
    }

    @Test(
        "Equal keys are possible",
        arguments: [
            ("/p methods=GET { upstream a", "/p methods=HEAD { upstream b"),
            ("/p/* methods=GET { upstream a", "/p/x methods=HEAD { upstream b"),
            ("/p/x methods=GET { upstream a", "/p/* { upstream b"),
            ("/* host=one { upstream a; key host=off", "/p host=two { upstream b; key host=off"),
            ("/p host=one { upstream a; key host=off", "/p { upstream b; key host=off"),
        ])
    func telling(first: String, second: String) throws {
        #expect(try Self.names(first, second).allSatisfy { $0 != nil })
    }

    @Test(
        "No key of one is a key of the other",
        arguments: [
            ("/p methods=GET { upstream a", "/q methods=HEAD { upstream b"),
            ("/p/* methods=GET { upstream a", "/q/* methods=HEAD { upstream b"),
            ("/p methods=GET { upstream a", "/p methods=HEAD { upstream a"),
            ("/p host=one { upstream a", "/p host=two { upstream b"),
            ("/p host=one { upstream a; key host=off", "/p host=two { upstream b; pass"),
        ])
    func silent(first: String, second: String) throws {
        #expect(try Self.names(first, second).allSatisfy { $0 == nil })
    }

    /// Pair by pair, as the rule says it.
    private static func mayShare(_ one: RouteSettings, _ other: RouteSettings) -> Bool {
        guard one.upstream != other.upstream, !one.isPass, !other.isPass, one.key.includesHost == other.key.includesHost
        else { return false }
        let beginnings = (one.pattern.text.prefix { $0 != "*" }, other.pattern.text.prefix { $0 != "*" })
        let overlap =
            one.pattern.kind == .exact && other.pattern.kind == .exact
            ? beginnings.0 == beginnings.1
            : beginnings.0.hasPrefix(beginnings.1) || beginnings.1.hasPrefix(beginnings.0)
        let byMethod = !one.methods.isEmpty || !other.methods.isEmpty
        let byHost = (!one.hosts.isEmpty || !other.hosts.isEmpty) && !one.key.includesHost
        return overlap && (byMethod || byHost)
    }

    @Test(arguments: [UInt64](1...40))
    func manyRoutesAreComparedAsPairsAre(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var text = "listen 127.0.0.1:8080\n"
        for number in 0..<3 { text += "upstream u\(number) { server 127.0.0.1:300\(number) }\n" }
        var plain: Set<String> = []
        for number in 0..<8 {
            let pattern =
                ["/a", "/a*", "/a/b", "/a/*", "/a/*/c", "/*", "/b", "/a/b*"].randomElement(using: &random) ?? "/"
            let methods = random.chance(0.4) ? " methods=GET,PUT" : ""
            let isPlain = random.chance(0.4) && plain.insert(pattern + methods).inserted
            let body = random.chance(0.1) ? "pass" : random.chance(0.5) ? "key host=off" : "ttl 1m"
            text += "route \(pattern)\(methods)\(isPlain ? "" : " host=h\(number)") { "
            text += "upstream u\(random.next() % 3); \(body) }\n"
        }
        let settings = try Self.settings(text)
        let names = SharedKeys(settings).upstreamNames
        for (index, route) in settings.routes.enumerated() {
            #expect((names[index] != nil) == settings.routes.contains { Self.mayShare(route, $0) }, "\(text)")
        }
    }
}
