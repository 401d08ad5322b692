// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Which requests a route leaves to others, so that a route that can never be taken is known before anybody asks.
struct RouteReach {
    private let routes: [RouteSettings]
    private let globs: [Glob?]
    private let exactByText: [String: [Int]]
    /// By what precedes their `*`, so that of many routes few are looked at for each.
    private let prefixByText: [ArraySlice<UInt8>: [Int]]
    private let prefixLengths: [Int]
    /// The same for what has wildcards elsewhere, by what stands before the first and behind the last.
    private let globByEnds: [Ends: [Int]]
    private let endLengths: [[Int]]
    /// How many more routes may be compared with one another.
    private var allowance = 1_000_000

    init(_ routes: [RouteSettings]) {
        self.routes = routes
        globs = routes.map { route in
            do { return try Glob(route.pattern.text) } catch { return nil }  // what is wrong with it has been said
        }
        let exact = routes.indices.filter { routes[$0].pattern.kind == .exact }
        exactByText = Dictionary(grouping: exact) { routes[$0].pattern.text }
        let prefixes = routes.indices.filter { routes[$0].pattern.kind == .prefix }
        prefixByText = Dictionary(grouping: prefixes) { Array(routes[$0].pattern.text.utf8).dropLast() }
        prefixLengths = Set(prefixByText.keys.map(\.count)).sorted()
        let others = routes.indices.filter { ![.exact, .prefix].contains(routes[$0].pattern.kind) }
        globByEnds = Dictionary(grouping: others) { Ends(routes[$0].pattern) }
        endLengths = Set(globByEnds.keys.map { [$0.before.count, $0.behind.count] }).sorted {
            $0.lexicographicallyPrecedes($1)
        }
    }

    /// Whether there were more routes with wildcards than can be compared in bearable time: of the rest it is not known.
    var gaveUp: Bool { allowance <= 0 }

    private struct Ends: Hashable {
        let before: ArraySlice<UInt8>
        let behind: ArraySlice<UInt8>

        init(before: ArraySlice<UInt8>, behind: ArraySlice<UInt8>) {
            self.before = before
            self.behind = behind
        }

        init(_ pattern: RoutePattern) {
            let bytes = Array(pattern.text.utf8)
            before = bytes.prefix { $0 != ASCII.star }
            let last = bytes.lastIndex(of: ASCII.star) ?? bytes.startIndex
            behind = bytes[min(last + 1, bytes.endIndex)...]
        }
    }

    /// Routes that together take every path, method and host of this one before its turn comes; none if it has
    /// something left. `OPTIONS *`, which names no path, is not looked at.
    mutating func takers(of index: Int) -> [Int] {
        let route = routes[index]
        let near = candidates(for: route)
        var takers: [Int] = []
        for host in RouteRank.hosts(of: route) {
            // Those of other hosts take nothing of this one's, or come after it, or leave infinitely many names.
            let stronger = near.filter { RouteRank.hosts(of: routes[$0]).contains(host) && isBefore($0, index, host) }
            for paths in Self.paths(of: route.pattern) {
                let candidates = stronger.filter { globs[$0]?.matches(paths.span) ?? false }
                for method in Self.methods(of: route) {
                    let taker = candidates.first { Self.takes(routes[$0], method: method) }
                    guard let taker else { return [] }
                    if !takers.contains(taker) { takers.append(taker) }
                }
            }
        }
        return takers
    }

    /// A route that stores and takes all paths of this one, which passes them, on a host that only it names. By their
    /// patterns this one would come first.
    mutating func storerByHost(of index: Int) -> (route: Int, host: String)? {
        let route = routes[index]
        guard route.isPass else { return nil }
        for other in candidates(for: route).sorted() where !routes[other].isPass {
            guard Self.isNarrower(route.pattern, than: routes[other].pattern),
                Self.methods(of: route).contains(where: { Self.takes(routes[other], method: $0 ?? "GET") }),
                Self.paths(of: route.pattern).allSatisfy({ globs[other]?.matches($0.span) ?? false })
            else { continue }
            for host in routes[other].hosts where isTaken(host, by: route) && !passes(host, route, before: other) {
                return (other, host)
            }
        }
        return nil
    }

    func takesAsterisk(_ index: Int) -> Bool { routes[index].pattern.text == "*" }

    private mutating func candidates(for route: RouteSettings) -> [Int] {
        guard allowance > 0 else { return [] }
        var found = exactByText[route.pattern.text] ?? []
        for path in Self.paths(of: route.pattern) {
            for length in prefixLengths.prefix(while: { $0 <= path.count }) {
                found += prefixByText[path[..<length]] ?? []
            }
            for lengths in endLengths where lengths[0] + lengths[1] <= path.count {
                let ends = Ends(before: path[..<lengths[0]], behind: path[(path.count - lengths[1])...])
                found += globByEnds[ends] ?? []
            }
        }
        allowance -= found.count
        return Set(found).sorted()
    }

    private func isBefore(_ one: Int, _ other: Int, _ host: String?) -> Bool {
        RouteRank(routes[one], host: host, index: one) < RouteRank(routes[other], host: host, index: other)
    }

    private static func isNarrower(_ pattern: RoutePattern, than other: RoutePattern) -> Bool {
        (pattern.kind.rawValue, other.text.utf8.count) < (other.kind.rawValue, pattern.text.utf8.count)
    }

    /// Whether the route takes the host in words less specific than this one.
    private func isTaken(_ host: String, by route: RouteSettings) -> Bool {
        if route.hosts.contains(host) { return false }
        return route.hosts.isEmpty
            || route.hosts.contains { $0.hasPrefix("*.") && host.hasSuffix($0.dropFirst()) && host != $0 }
    }

    /// Whether a route of that very host passes the same paths, as the operator then knows.
    private mutating func passes(_ host: String, _ route: RouteSettings, before storer: Int) -> Bool {
        let near = candidates(for: route)
        return near.contains { other in
            routes[other].isPass && routes[other].hosts.contains(host) && isBefore(other, storer, host)
                && Self.paths(of: route.pattern).allSatisfy { globs[other]?.matches($0.span) ?? false }
        }
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

    private static func takes(_ route: RouteSettings, method: String?) -> Bool {
        if route.methods.isEmpty { return true }
        // GET means HEAD too.
        guard let method else { return false }
        return route.methods.contains(method) || (method == "HEAD" && route.methods.contains("GET"))
    }
}
