// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Which requests a route leaves to others, so that a route that can never be taken is known before anybody asks.
struct RouteReach {
    private let routes: [RouteSettings]
    private let globs: [Glob?]
    private let exactByText: [String: [Int]]
    private let others: [Int]

    init(_ routes: [RouteSettings]) {
        self.routes = routes
        globs = routes.map { route in
            do { return try Glob(route.pattern.text) } catch { return nil }  // what is wrong with it has been said
        }
        let exact = routes.indices.filter { routes[$0].pattern.kind == .exact }
        exactByText = Dictionary(grouping: exact) { routes[$0].pattern.text }
        others = routes.indices.filter { routes[$0].pattern.kind != .exact }
    }

    /// Routes that together take every path, method and host of this one before its turn comes; none if it has
    /// something left. `OPTIONS *`, which names no path, is not looked at.
    func takers(of index: Int) -> [Int] {
        let route = routes[index]
        let stronger = (others + (exactByText[route.pattern.text] ?? [])).filter { isBefore($0, index) }.sorted()
        var takers: [Int] = []
        for paths in Self.paths(of: route.pattern) {
            let candidates = stronger.filter { globs[$0]?.matches(paths.span) ?? false }
            for method in Self.methods(of: route) {
                for host in route.hosts.isEmpty ? [nil] : route.hosts.map(Optional.some) {
                    let taker = candidates.first { Self.takes(routes[$0], method: method, host: host) }
                    guard let taker else { return [] }
                    if !takers.contains(taker) { takers.append(taker) }
                }
            }
        }
        return takers
    }

    func takesAsterisk(_ index: Int) -> Bool { routes[index].pattern.text == "*" }

    private func isBefore(_ one: Int, _ other: Int) -> Bool {
        let (left, right) = (routes[one].pattern, routes[other].pattern)
        return left.beats(right) || (!right.beats(left) && one < other)
    }

    /// In place of each `*` a byte that no pattern holds: a glob matches the result exactly when it matches every path
    /// that the pattern does. A path begins with a slash, so that a `*` in its place stands for all that do.
    private static func paths(of pattern: RoutePattern) -> [[UInt8]] {
        let anything: UInt8 = 1
        let bytes = pattern.text.utf8.map { $0 == ASCII.star ? anything : $0 }
        guard bytes.first == anything else { return [bytes] }
        let withSlash = [ASCII.slash] + bytes
        return bytes.dropFirst().first == ASCII.slash ? [withSlash, Array(bytes.dropFirst())] : [withSlash]
    }

    /// nil for all methods, those without a name of their own among them.
    private static func methods(of route: RouteSettings) -> [String?] {
        if route.methods.isEmpty { return [nil] }
        return route.methods.map(Optional.some) + (route.methods.contains("GET") ? ["HEAD"] : [])
    }

    private static func takes(_ route: RouteSettings, method: String?, host: String?) -> Bool {
        if !route.methods.isEmpty {
            // GET means HEAD too.
            guard let method, route.methods.contains(method) || (method == "HEAD" && route.methods.contains("GET"))
            else { return false }
        }
        guard !route.hosts.isEmpty else { return true }
        guard let host else { return false }
        return route.hosts.contains { wanted in
            wanted == host || (wanted.hasPrefix("*.") && host.hasSuffix(wanted.dropFirst()) && host != wanted)
        }
    }
}
