// SPDX-License-Identifier: Apache-2.0
import Bytes
import Settings

/// Which routes' keys could be equal although their answers come from different upstreams. Only those name their
/// upstream in keys, so that all others find what is stored already.
struct SharedKeys {
    /// By route; nil where the key need not tell.
    let upstreamNames: [String?]
    /// Some route's keys are without hosts: a request without one must not find them by chance.
    let someLeaveHostOut: Bool

    init(_ settings: ProxySettings) {
        let routes = settings.routes
        let table = OverlapTable(routes)
        upstreamNames = routes.map { table.overlaps($0) ? settings.upstreams[$0.upstream].name : nil }
        someLeaveHostOut = routes.contains { !$0.isPass && !$0.key.includesHost }
    }
}

/// Finds whether a key of one route may be one of another with another upstream: the same path, by another host that
/// neither keys, or by another method of the same class. Each of many routes is looked up by what its pattern begins
/// with, and by that alone where others begin so and go on.
private struct OverlapTable {
    private struct Traits: Hashable {
        let isExact: Bool
        let includesHost: Bool
        let isForMethods: Bool
        let isForHosts: Bool

        init(_ route: RouteSettings) {
            isExact = route.pattern.kind == .exact
            includesHost = route.key.includesHost
            isForMethods = !route.methods.isEmpty
            isForHosts = !route.hosts.isEmpty
        }

        func mayShareKeys(with other: Traits) -> Bool {
            guard includesHost == other.includesHost else { return false }
            return isForMethods || other.isForMethods || ((isForHosts || other.isForHosts) && !includesHost)
        }
    }

    private struct Place: Hashable {
        let beginning: ArraySlice<UInt8>
        let traits: Traits
    }

    /// As many as it takes to tell whether there is another than a given one.
    private struct Upstreams {
        private var first: Int
        private var second: Int?

        init(_ upstream: Int) { first = upstream }

        mutating func insert(_ upstream: Int) {
            if upstream != first { second = upstream }
        }

        func holdsOther(than upstream: Int) -> Bool { first != upstream || (second ?? upstream) != upstream }
    }

    /// By the whole beginning of a pattern.
    private var whole: [Place: Upstreams] = [:]
    /// By each shorter one that some pattern has.
    private var parts: [Place: Upstreams] = [:]
    private let traits: Set<Traits>
    private let lengths: [Int]

    init(_ routes: [RouteSettings]) {
        let storing = routes.filter { !$0.isPass }
        traits = Set(storing.map { Traits($0) })
        lengths = Set(storing.map { Self.beginning($0).count }).sorted()
        for route in storing {
            let (beginning, traits) = (Self.beginning(route), Traits(route))
            Self.insert(route.upstream, Place(beginning: beginning, traits: traits), into: &whole)
            for length in lengths.prefix(while: { $0 < beginning.count }) {
                Self.insert(route.upstream, Place(beginning: beginning[..<length], traits: traits), into: &parts)
            }
        }
    }

    private static func beginning(_ route: RouteSettings) -> ArraySlice<UInt8> {
        Array(route.pattern.text.utf8).prefix { $0 != ASCII.star }
    }

    private static func insert(_ upstream: Int, _ place: Place, into table: inout [Place: Upstreams]) {
        if table[place]?.insert(upstream) == nil { table[place] = Upstreams(upstream) }
    }

    func overlaps(_ route: RouteSettings) -> Bool {
        guard !route.isPass else { return false }
        let (beginning, own) = (Self.beginning(route), Traits(route))
        return traits.contains { other in
            guard own.mayShareKeys(with: other) else { return false }
            // Two that name one path each have it in common, or none.
            let areExact = own.isExact && other.isExact
            if !areExact, holdsOther(parts, beginning, other, than: route.upstream) { return true }
            return lengths.contains { length in
                guard areExact ? length == beginning.count : length <= beginning.count else { return false }
                return holdsOther(whole, beginning[..<length], other, than: route.upstream)
            }
        }
    }

    private func holdsOther(
        _ table: [Place: Upstreams], _ beginning: ArraySlice<UInt8>, _ traits: Traits, than upstream: Int
    ) -> Bool {
        table[Place(beginning: beginning, traits: traits)]?.holdsOther(than: upstream) ?? false
    }
}
