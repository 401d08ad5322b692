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
        let report = SettingsParser.parse(
            path: "proxy.conf", environment: { _ in nil },
            files: ConfigFiles(readFile: { $0 == "proxy.conf" ? .success(text) : .failure(.notFound) }))
        return SharedKeys(try #require(report.settings, "\(report.diagnostics)")).upstreamNames
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
}
