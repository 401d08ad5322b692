// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages
package import Settings

/// Which route takes a request: an exact path before a prefix, a prefix before a glob, a glob before a catch-all, a
/// longer pattern before a shorter one (`RoutePattern.beats`), and then the first in the file. A route whose methods or
/// hosts are others leaves the path to the next. Compiled once; a look-up allocates nothing.
package struct Router: ~Copyable, Sendable {
    private let tree: RouterTree
    /// Globs and then catch-alls, longest first, each with the index of its route.
    private let globs: ContiguousArray<(glob: Glob, route: Int32)>
    /// By route.
    private let conditions: ContiguousArray<RouteCondition>

    /// The patterns must be such as `SettingsParser` lets pass.
    package init(_ routes: [RouteSettings]) {
        let tried = routes.indices.filter { [.glob, .catchAll].contains(routes[$0].pattern.kind) }.sorted {
            let (left, right) = (routes[$0].pattern, routes[$1].pattern)
            // `sorted` is not promised to be stable, so that the order in the file is compared too.
            return left.beats(right) || (!right.beats(left) && $0 < $1)
        }
        globs = ContiguousArray(tried.map { (Self.glob(routes[$0].pattern.text), Int32($0)) })
        tree = RouterTree(routes)
        conditions = ContiguousArray(routes.map(RouteCondition.init))
    }

    private static func glob(_ pattern: String) -> Glob {
        do { return try Glob(pattern) } catch { preconditionFailure("route \(pattern): \(error.reason)") }
    }

    /// The index of the route, nil when none takes the request. `path` is normalised and without its query; `host`
    /// may carry a port.
    package func match(path: borrowing Span<UInt8>, method: Method, host: borrowing Span<UInt8>) -> Int? {
        var prefix: Int32 = -1
        if let end = tree.descend(path, deepestPrefix: &prefix),
            let route = firstThatHolds(tree.nodes[end].exact, method, host)
        {
            return route
        }
        while prefix >= 0 {
            let node = tree.nodes[Int(prefix)]
            if let route = firstThatHolds(node.prefix, method, host) { return route }
            prefix = node.outerPrefix
        }
        for index in globs.indices where conditions[Int(globs[index].route)].holds(method, host) {
            if globs[index].glob.matches(path) { return Int(globs[index].route) }
        }
        return nil
    }

    private func firstThatHolds(
        _ candidates: RouterTree.Candidates, _ method: Method, _ host: borrowing Span<UInt8>
    ) -> Int? {
        for place in Int(candidates.start)..<Int(candidates.end) {
            let route = Int(tree.candidates[place])
            if conditions[route].holds(method, host) { return route }
        }
        return nil
    }
}
