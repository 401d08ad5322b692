// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Settings

struct RouteLabelTests {
    @Test(
        "No two routes have one label",
        arguments: [
            (["/a", "/b/*"], ["/a", "/b/*"]),
            (["/a methods=GET", "/a methods=POST,PUT", "/b"], ["/a methods=GET", "/a methods=POST,PUT", "/b"]),
            (["/a", "/a host=x.example,*.y.example"], ["/a", "/a host=x.example,*.y.example"]),
            (
                ["/a methods=GET host=x.example", "/a methods=GET host=y.example"],
                ["/a methods=GET host=x.example", "/a methods=GET host=y.example"]
            ),
        ])
    func labels(routes: [String], expected: [String]) throws {
        let blocks = routes.map { "route \($0) { ttl 1m }\n" }.joined()
        let labels = try settings("upstream a { server 127.0.0.1:1 }\n" + blocks).routeLabels
        #expect(Array(labels.prefix(expected.count)) == expected)
        #expect(Set(labels).count == labels.count)
    }

    @Test func routesThatNothingTellsApartAreNumbered() {
        var settings = ProxySettings()
        settings.routes = (0..<3).map { _ in RouteSettings() }
        #expect(settings.routeLabels == ["*", "* #2", "* #3"])
    }
}
