// SPDX-License-Identifier: Apache-2.0

/// Where a route stands among those that take a request: the lowest is taken. A route that names several hosts has a
/// rank for each.
///
/// | Decides | From the first to the last |
/// |---|---|
/// | 1. host | named; `*.b.example` before `*.example`; any |
/// | 2. pattern | one path; a prefix; a glob that names text; every path (`/*`, `*`) |
/// | 3. length of the pattern | longer; shorter |
/// | 4. methods | named; all |
/// | 5. place in the file | earlier; later |
///
/// A host comes before the path, for it says whose pages these are, as with a server of nginx. Methods come behind it:
/// `/* methods=GET` says nothing of which pages it means, and must not take those of `*/private/*`.
package struct RouteRank: Comparable, Sendable {
    private let place: (host: Int, hostLength: Int, kind: Int, length: Int, methods: Int, index: Int)

    /// - Parameters:
    ///   - host: one of those that the route names; nil where it names none.
    ///   - index: in the file.
    package init(_ route: RouteSettings, host: String?, index: Int) {
        let below = host.map { $0.hasPrefix("*.") ? $0.utf8.count : 0 } ?? 0
        place = (
            host: host == nil ? 2 : below > 0 ? 1 : 0, hostLength: -below, kind: route.pattern.kind.rawValue,
            length: -route.pattern.text.utf8.count, methods: route.methods.isEmpty ? 1 : 0, index: index
        )
    }

    package static func < (left: RouteRank, right: RouteRank) -> Bool {
        left.place < right.place
    }

    package static func == (left: RouteRank, right: RouteRank) -> Bool { left.place == right.place }

    /// The hosts for which a route has ranks.
    package static func hosts(of route: RouteSettings) -> [String?] {
        route.hosts.isEmpty ? [nil] : route.hosts.map(Optional.some)
    }
}
