// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Settings

/// The routes of one host, or those that name none, in the order of `RouteRank`.
struct RouteTable: Sendable {
    private let tree: RouterTree
    /// Globs and then catch-alls, in their order, each with the index of its route.
    private let globs: ContiguousArray<(glob: Glob, route: Int32)>
    /// By route: a bit for each method.
    private let methods: ContiguousArray<UInt32>

    init(_ routes: [RouteSettings], host: String?) {
        let ranked = routes.indices.filter { RouteRank.hosts(of: routes[$0]).contains(host) }
            .map { (index: $0, rank: RouteRank(routes[$0], host: host, index: $0)) }
            .sorted { $0.rank < $1.rank }.map(\.index)
        let tried = ranked.filter { [.glob, .catchAll].contains(routes[$0].pattern.kind) }
        globs = ContiguousArray(tried.map { (Self.glob(routes[$0].pattern.text), Int32($0)) })
        tree = RouterTree(routes, ranked: ranked)
        methods = ContiguousArray(routes.map(Self.methods))
    }

    private static func glob(_ pattern: String) -> Glob {
        do { return try Glob(pattern) } catch { preconditionFailure("route \(pattern): \(error.reason)") }
    }

    private static func methods(of route: RouteSettings) -> UInt32 {
        if route.methods.isEmpty { return .max }
        var methods: UInt32 = 0
        for name in route.methods {
            let method = Method(Array(name.utf8).span)
            methods |= bit(method)
            // HEAD and PURGE ask about what GET answers (RFC 9110 §9.3.2).
            if method == .get { methods |= bit(.head) | bit(.purge) }
        }
        return methods
    }

    private static func bit(_ method: Method) -> UInt32 { 1 << UInt32(method.rawValue) }

    @inline(__always)
    func match(_ path: borrowing Span<UInt8>, _ method: Method) -> Int? {
        let bit = Self.bit(method)
        var prefix: Int32 = -1
        if let end = tree.descend(path, deepestPrefix: &prefix),
            let route = firstThatTakes(bit, tree.nodes[end].exact)
        {
            return route
        }
        while prefix >= 0 {
            let node = tree.nodes[Int(prefix)]
            if let route = firstThatTakes(bit, node.prefix) { return route }
            prefix = node.outerPrefix
        }
        for index in globs.indices where methods[Int(globs[index].route)] & bit != 0 {
            if globs[index].glob.matches(path) { return Int(globs[index].route) }
        }
        return nil
    }

    private func firstThatTakes(_ bit: UInt32, _ candidates: RouterTree.Candidates) -> Int? {
        for place in Int(candidates.start)..<Int(candidates.end) {
            let route = Int(tree.candidates[place])
            if methods[route] & bit != 0 { return route }
        }
        return nil
    }
}
