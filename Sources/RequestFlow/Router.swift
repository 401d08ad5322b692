// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages
package import Settings

/// Which route takes a request, in the order of `RouteRank`: those that name its host, then the more specific pattern.
/// A route that does not take its method or host leaves it to the next. Compiled once; a look-up allocates nothing.
package struct Router: ~Copyable, Sendable {
    /// Routes that name a host, for each one; the most specific first.
    private let hosts: ContiguousArray<(host: HostPattern, table: RouteTable)>
    private let anyHost: RouteTable

    /// The patterns must be such as `SettingsParser` lets pass.
    package init(_ routes: [RouteSettings]) {
        anyHost = RouteTable(routes, host: nil)
        let named = Set(routes.flatMap(\.hosts)).map(HostPattern.init).sorted { $0.precedes($1) }
        hosts = ContiguousArray(named.map { ($0, RouteTable(routes, host: $0.name)) })
    }

    /// The index of the route, nil when none takes the request. `path` is normalised and without its query; `host`
    /// may carry a port.
    package func match(path: borrowing Span<UInt8>, method: Method, host: borrowing Span<UInt8>) -> Int? {
        if !hosts.isEmpty, let route = matchNamed(path, method, host) { return route }
        return anyHost.match(path, method)
    }

    @inline(never)
    private func matchNamed(
        _ path: borrowing Span<UInt8>, _ method: Method, _ host: borrowing Span<UInt8>
    ) -> Int? {
        let name = HostPattern.nameRange(host)
        for index in hosts.indices where hosts[index].host.holds(host, name) {
            if let route = hosts[index].table.match(path, method) { return route }
        }
        return nil
    }
}
