// SPDX-License-Identifier: Apache-2.0

/// Something that clients ask for, named `/route/number`; the number says for whom it is.
struct Page: Hashable {
    enum Route: String, CaseIterable {
        /// By the origin's word alone.
        case key
        /// With a lifetime where the origin names none.
        case ttl
        case force
        case pass
        /// Never coalesced.
        case alone
        /// A short wait, for few.
        case wait
        /// With a query to be normalised.
        case sorted

        var coalesces: Bool { self != .pass && self != .alone }
    }

    enum Audience { case everyone, varied, personal }

    let route: Route
    let number: Int

    init(route: Route, number: Int) {
        self.route = route
        self.number = number
    }

    init(target: String) {
        let parts = target.split(separator: "?")[0].split(separator: "/")
        route = parts.first.flatMap { Route(rawValue: String($0)) } ?? .key
        number = parts.dropFirst().first.flatMap { Int($0) } ?? 0
    }

    var audience: Audience {
        switch number % 4 {
        case 2: .varied
        case 3: .personal
        default: .everyone
        }
    }

    var path: String { "/\(route.rawValue)/\(number)" }
    /// What the origin is asked for.
    var target: String { route == .sorted ? "\(path)?a=1&b=2" : path }
    /// Ways to ask for it.
    var spellings: [String] {
        let queries = route == .sorted ? ["?a=1&b=2", "?b=2&utm_x=\(number)&a=1", "?b=2&a=1"] : [""]
        let first = String(route.rawValue.utf8.first ?? 0, radix: 16)
        let others = ["/pass/..\(path)", "/ttl/%2e%2E\(path)", "/%\(first)\(route.rawValue.dropFirst())/./\(number)"]
        // Mostly as it is.
        return ([path, path, path] + others).flatMap { spelled in queries.map { spelled + $0 } }
    }
}
