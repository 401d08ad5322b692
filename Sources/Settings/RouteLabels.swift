// SPDX-License-Identifier: Apache-2.0

extension ProxySettings {
    /// What each route is called in metrics and logs, no two the same: its pattern, with the methods and hosts that
    /// it takes where another route has that pattern too, and a number where these are no help either.
    package var routeLabels: [String] {
        var uses: [String: Int] = [:]
        for route in routes { uses[route.name, default: 0] += 1 }
        var taken = Set(routes.map(\.name).filter { uses[$0] == 1 })
        return routes.map { route in
            guard uses[route.name] != 1 else { return route.name }
            let label = route.nameWithConditions
            var candidate = label
            var number = 1
            while !taken.insert(candidate).inserted {
                number += 1
                candidate = "\(label) #\(number)"
            }
            return candidate
        }
    }
}

extension RouteSettings {
    fileprivate var nameWithConditions: String {
        let methods = self.methods.isEmpty ? "" : " methods=\(self.methods.joined(separator: ","))"
        let hosts = self.hosts.isEmpty ? "" : " host=\(self.hosts.joined(separator: ","))"
        return name + methods + hosts
    }
}
