// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@testable import RequestFlow
@testable import Settings

/// Macros take no values that cannot be copied.
private final class CompiledRoutes {
    let router: Router

    init(_ routes: [RouteSettings]) { router = Router(routes) }

    func match(
        path: borrowing Span<UInt8>, method: Method, host: borrowing Span<UInt8>
    ) -> Int? { router.match(path: path, method: method, host: host) }
}

@Suite struct RouterTests {
    private func route(_ pattern: String, methods: [String] = [], hosts: [String] = []) -> RouteSettings {
        var route = RouteSettings()
        route.name = pattern
        route.pattern = RoutePattern(pattern)
        route.methods = methods
        route.hosts = hosts
        return route
    }

    private func match(_ router: CompiledRoutes, _ path: String, _ method: Method = .get, _ host: String = "a.b")
        -> Int?
    {
        router.match(path: Array(path.utf8).span, method: method, host: Array(host.utf8).span)
    }

    private static let patterns = [
        "*", "/api/*", "/api/users/*", "/api/users/me", "/api/*/detail", "/api/users*", "*/health", "/", "/a*c/*",
        "/api/users/me/*", "/*/x/*",
    ]

    @Test(arguments: [
        ("/api/users/me", "/api/users/me"), ("/api/users/me/", "/api/users/me/*"), ("/api/users/7", "/api/users/*"),
        ("/api/users", "/api/users*"), ("/api/users/", "/api/users/*"), ("/api/usersx", "/api/users*"),
        ("/api/7/detail", "/api/*"), ("/api", "*"), ("/api/", "/api/*"), ("/", "/"), ("/x/health", "*/health"),
        ("/abc/", "/a*c/*"), ("/b/x/", "/*/x/*"), ("/nothing", "*"), ("", "*"), ("*", "*"), ("/api/health", "/api/*"),
    ])
    func exactBeatsPrefixBeatsGlobAndLongerBeatsShorter(_ path: String, _ pattern: String) throws {
        let router = CompiledRoutes(Self.patterns.map { route($0) })
        #expect(Self.patterns[try #require(match(router, path))] == pattern)
    }

    /// Promise 2: who writes `*/private/*` beside `/*` means to keep pages to themselves.
    @Test(arguments: ["/*", "*", "/**", "**", "*/*"])
    func aGlobThatNamesTextBeatsWhatTakesEveryPath(catchAll: String) {
        for patterns in [[catchAll, "*/private/*", "*.json"], ["*/private/*", "*.json", catchAll]] {
            let router = CompiledRoutes(patterns.map { route($0) })
            for path in ["/a/private/b", "/private/", "/x.json"] {
                #expect(match(router, path) != patterns.firstIndex(of: catchAll), "\(path) in \(patterns)")
            }
            #expect(match(router, "/a") == patterns.firstIndex(of: catchAll))
        }
        // A method says nothing of whose pages these are.
        let router = CompiledRoutes([route(catchAll, methods: ["GET"]), route("*/private/*")])
        #expect(match(router, "/a/private/b") == 1)
        #expect(match(router, "/a") == 0)
        #expect(match(router, "/a", .post) == nil)
    }

    /// Promise 2: who passes all of a host means its scripts and styles, too.
    @Test(arguments: ["/*", "*", "/a*", "*.json", "/a.json"])
    func aRouteThatNamesTheHostBeatsEveryPatternThatDoesNot(named: String) {
        for other in ["*.json", "/a.json", "/a*", "/*"] {
            let router = CompiledRoutes([route(other), route(named, hosts: ["x.y"]), route("/*")])
            #expect(match(router, "/a.json", .get, "x.y:80") == 1, "\(named) beside \(other)")
            #expect(match(router, "/a.json", .get, "z.y") == 0, "\(named) beside \(other)")
        }
    }

    @Test func theMoreSpecificHostComesFirst() {
        let router = CompiledRoutes([
            route("/a", hosts: ["*.y"]), route("/*", hosts: ["*.x.y"]), route("*a", hosts: ["x.y", "*.q.x.y"]),
            route("/*", hosts: ["a.q.x.y"]), route("/a"),
        ])
        for (host, index) in [("b.y", 0), ("b.x.y", 1), ("x.y", 2), ("b.q.x.y", 2), ("a.q.x.y", 3), ("y", 4)] {
            #expect(match(router, "/a", .get, host) == index, "\(host)")
        }
        // What those of its host do not take is left to the next.
        #expect(match(router, "/b", .get, "b.q.x.y") == 1)
        #expect(match(router, "/b", .get, "b.y") == nil)
    }

    @Test func ofOnePatternThatWithMethodsComesFirst() {
        for pattern in ["/a", "/a*", "*/a", "/*"] {
            let router = CompiledRoutes([route(pattern), route(pattern, methods: ["POST"])])
            #expect(match(router, pattern == "*/a" ? "/x/a" : "/a", .post) == 1)
            #expect(match(router, pattern == "*/a" ? "/x/a" : "/a") == 0)
        }
    }

    @Test func severalStarsSideBySideAreOne() {
        let router = CompiledRoutes([route("/a/**"), route("/a/b**/c"), route("/**")])
        #expect(match(router, "/a/x/y") == 0)
        #expect(match(router, "/a/bx/c") == 0)
        #expect(match(router, "/b") == 2)
        #expect(match(CompiledRoutes([route("/a/**"), route("/a/*")]), "/a/b") == 0)
    }

    @Test func aGlobIsTakenWhereNoPrefixIs() {
        let router = CompiledRoutes([route("/a/*/c"), route("*"), route("/a/*/b/*/c")])
        #expect(match(router, "/a/x/c") == 0)
        #expect(match(router, "/a/x/b/y/c") == 2)
        #expect(match(router, "/q") == 1)
    }

    @Test func nothingMatchesWithoutARoute() {
        #expect(match(CompiledRoutes([]), "/") == nil)
        #expect(match(CompiledRoutes([route("/a")]), "/b") == nil)
        #expect(match(CompiledRoutes([route("/a")]), "/ab") == nil)
        #expect(match(CompiledRoutes([route("/ab")]), "/a") == nil)
        #expect(match(CompiledRoutes([route("/a/*")]), "/a") == nil)
    }

    @Test func ofEqualPatternsTheFirstThatHoldsIsTaken() {
        let router = CompiledRoutes([
            route("/a", methods: ["POST"]), route("/a", hosts: ["x.y"]), route("/a"), route("/a", methods: ["PUT"]),
        ])
        #expect(match(router, "/a", .post) == 0)
        #expect(match(router, "/a", .get, "X.Y:80") == 1)
        #expect(match(router, "/a", .get) == 2)
        #expect(match(router, "/a", .delete) == 2)
        #expect(match(router, "/a", .put) == 3)
    }

    @Test func aRouteThatDoesNotHoldLeavesThePathToTheNext() {
        let router = CompiledRoutes([
            route("/a/b", methods: ["POST"]), route("/a/*", methods: ["PUT"]), route("/*", hosts: ["x.y"]), route("*"),
        ])
        #expect(match(router, "/a/b", .post) == 0)
        #expect(match(router, "/a/b", .put) == 1)
        #expect(match(router, "/a/b", .get, "x.y") == 2)
        #expect(match(router, "/a/b", .get) == 3)
    }

    @Test func getMeansHeadAndPurgeToo() {
        let router = CompiledRoutes([route("/a", methods: ["GET"])])
        #expect(match(router, "/a", .head) == 0)
        #expect(match(router, "/a", .purge) == 0)
        #expect(match(router, "/a", .post) == nil)
        #expect(match(router, "/a", .other) == nil)
        #expect(match(CompiledRoutes([route("/a", methods: ["HEAD"])]), "/a", .get) == nil)
        #expect(match(CompiledRoutes([route("/a")]), "/a", .other) == 0)
    }

    @Test(arguments: [
        ("example.com", "example.com", true), ("example.com", "EXAMPLE.com:8080", true),
        ("example.com", "www.example.com", false), ("example.com", "", false), ("example.com", "example.com.", false),
        ("*.example.com", "www.example.com", true), ("*.example.com", "a.b.example.com:1", true),
        ("*.example.com", "example.com", false), ("*.example.com", ".example.com", false),
        ("*.example.com", "badexample.com", false), ("10.0.0.1", "10.0.0.1:80", true), ("10.0.0.1", "10.0.0.1", true),
        ("::1", "[::1]:80", true), ("::1", "[::1]", true), ("::1", "[::1", false),
    ])
    func hostsAreComparedWithoutPortAndCase(_ wanted: String, _ host: String, _ expected: Bool) {
        #expect((match(CompiledRoutes([route("/", hosts: [wanted])]), "/", .get, host) != nil) == expected)
    }

    // MARK: Against a matcher that does it the slow way

    private func slowMatch(_ routes: [RouteSettings], _ path: String, _ method: Method, _ host: String) -> Int? {
        func rank(_ kind: RoutePattern.Kind) -> Int { [.exact, .prefix, .glob, .catchAll].firstIndex(of: kind) ?? 9 }
        func takes(_ route: RouteSettings) -> Bool {
            let isMethod = route.methods.isEmpty || route.methods.contains(method == .post ? "POST" : "GET")
            return isMethod && Self.slowGlob(Array(route.pattern.text), Array(path))
        }
        func hostRank(_ route: RouteSettings) -> Int? {
            if route.hosts.contains(host) { return 0 }
            let below = route.hosts.filter { $0.hasPrefix("*.") && host.hasSuffix($0.dropFirst()) }
            if let longest = below.map(\.count).max() { return 100 - longest }
            return route.hosts.isEmpty ? 1000 : nil
        }
        return routes.indices.filter { takes(routes[$0]) && hostRank(routes[$0]) != nil }.min {
            let (left, right) = (routes[$0], routes[$1])
            return (
                hostRank(left) ?? 0, rank(left.pattern.kind), -left.pattern.text.count, left.methods.isEmpty ? 1 : 0, $0
            ) < (
                hostRank(right) ?? 0, rank(right.pattern.kind), -right.pattern.text.count,
                right.methods.isEmpty ? 1 : 0, $1
            )
        }
    }

    private static func slowGlob(_ pattern: [Character], _ text: [Character]) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = Array(pattern.dropFirst())
        if first == "*" { return (0...text.count).contains { slowGlob(rest, Array(text.dropFirst($0))) } }
        return text.first == first && slowGlob(rest, Array(text.dropFirst()))
    }

    private static let hosts = [[], [], [], ["h"], ["*.h"], ["*.a.h", "h"], ["a.h", "*.h"]]

    @Test(arguments: 0..<60 as Range<UInt64>)
    func itAgreesWithASlowMatcher(_ seed: UInt64) {
        var random = SeededRandom(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        func text(_ letters: [String], _ most: Int) -> String {
            "/"
                + (0..<Int.random(in: 0...most, using: &random)).map { _ in letters.randomElement(using: &random) ?? ""
                }
                .joined()
        }
        let routes = (0..<Int.random(in: 0...20, using: &random)).map { _ in
            var pattern = text(["a", "b", "/", "a", "b", "*"], 5)
            if Bool.random(using: &random) { pattern += "*" }
            if Int.random(in: 0..<20, using: &random) == 0 { pattern = "*" }
            return route(
                pattern, methods: [[], [], ["GET"], ["POST"]].randomElement(using: &random) ?? [],
                hosts: Self.hosts.randomElement(using: &random) ?? [])
        }
        let router = CompiledRoutes(routes)
        for _ in 0..<100 {
            let path = text(["a", "b", "/"], 6)
            let method: Method = Bool.random(using: &random) ? .get : .post
            let host = ["h", "i", "a.h", "b.a.h"].randomElement(using: &random) ?? ""
            let expected = slowMatch(routes, path, method, host)
            #expect(match(router, path, method, host) == expected, "seed \(seed): \(path) in \(routes.map(\.name))")
        }
        checkReach(routes, router)
    }

    /// What is said to be out of reach is taken by no path, and what is taken by none of the short ones is either said
    /// to be, or needs a letter that they have not.
    private func checkReach(_ routes: [RouteSettings], _ router: CompiledRoutes) {
        var reach = RouteReach(routes)
        var taken = Set<Int>()
        var paths = ["/"]
        for _ in 0..<5 { paths += paths.flatMap { path in ["a", "b", "/", "q"].map { path + $0 } } }
        for path in Set(paths) {
            for method in [Method.get, .post, .put] {
                for host in ["h", "i", "a.h", "b.a.h", "q.h"] {
                    if let index = match(router, path, method, host) { taken.insert(index) }
                }
            }
        }
        for index in routes.indices {
            let isOutOfReach = !reach.takers(of: index).isEmpty
            #expect(!(isOutOfReach && taken.contains(index)), "\(routes[index].name) in \(routes.map(\.name))")
            let isShort = routes[index].pattern.text.count <= 4
            if isShort, !isOutOfReach, !isHiddenByMethods(routes[index]) {
                #expect(taken.contains(index), "\(routes[index].name) in \(routes.map(\.name))")
            }
        }
    }

    /// GET means HEAD too, which no path above is asked by.
    private func isHiddenByMethods(_ route: RouteSettings) -> Bool { route.methods.contains("GET") }
}

/// xorshift64*: the same numbers for the same seed, everywhere.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
