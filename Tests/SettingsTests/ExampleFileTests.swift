// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import Testing

@testable import Settings

@Suite struct ExampleFileTests {
    private static let path =
        #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
        + "/proxy.conf.example"

    @Test func theFileInTheRepositoryIsTheGeneratedOne() throws {
        let text = try ConfigFiles.system.readFile(Self.path).get()
        #expect(text == ExampleFile.text(), "write it anew: larder help --example > proxy.conf.example")
    }

    private static let bare = "upstream backend { server 127.0.0.1:3000 }\nroute /api/* { upstream backend }"

    @Test func itMeansTheDefaults() throws {
        #expect(findings(parse(ExampleFile.text())).isEmpty)
        #expect(try settings(ExampleFile.text()) == settings(Self.bare))
    }

    @Test func itMeansTheSameWithEveryDefaultPutInForce() throws {
        let lines = ExampleFile.text().split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let indent = line.prefix { $0 == " " }
            let rest = line.dropFirst(indent.count)
            return rest.hasPrefix("#") && !rest.hasPrefix("# ") && rest != "#" ? indent + rest.dropFirst() : line
        }
        let text = lines.joined(separator: "\n")
        #expect(text != ExampleFile.text())
        #expect(try settings(text) == settings(Self.bare))
    }

    @Test func itNamesEveryDirective() {
        for placed in DirectiveTable.all { #expect(ExampleFile.text().contains(placed.description.synopsis)) }
    }
}
