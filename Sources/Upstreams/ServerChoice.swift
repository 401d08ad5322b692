// SPDX-License-Identifier: Apache-2.0

/// How an upstream's requests are spread over its servers.
package enum BalanceMethod: Sendable, Equatable {
    case roundRobin
}

/// A set of up to 64 small numbers: the servers an attempt has tried.
struct ServerSet: Equatable {
    private var bits: UInt64 = 0

    func contains(_ server: Int) -> Bool { server < 64 && bits & (1 << UInt64(server)) != 0 }

    mutating func insert(_ server: Int) {
        if server < 64 { bits |= 1 << UInt64(server) }
    }
}

/// Decides which server comes next.
struct ServerChoice {
    let method: BalanceMethod

    /// A server that works, else the one whose pause ends first: when all are down, one is still tried.
    func choose(
        from servers: inout [UpstreamServer], at nowNanoseconds: Int64, excluding tried: ServerSet = ServerSet()
    ) -> Int? {
        if servers.count == 1 { return servers[0].addresses.isEmpty || tried.contains(0) ? nil : 0 }
        switch method {
        case .roundRobin:
            return smoothRoundRobin(&servers, at: nowNanoseconds, excluding: tried)
                ?? firstToRetry(servers, excluding: tried)
        }
    }

    /// Every candidate gains its weight, the richest is chosen and pays the sum: turns come evenly, not in bursts.
    private func smoothRoundRobin(
        _ servers: inout [UpstreamServer], at nowNanoseconds: Int64, excluding tried: ServerSet
    ) -> Int? {
        var sum = 0
        var best: Int?
        for index in servers.indices where !tried.contains(index) && servers[index].isUsable(at: nowNanoseconds) {
            servers[index].currentWeight += servers[index].weight
            sum += servers[index].weight
            if let leader = best, servers[leader].currentWeight >= servers[index].currentWeight { continue }
            best = index
        }
        if let best { servers[best].currentWeight -= sum }
        return best
    }

    private func firstToRetry(_ servers: [UpstreamServer], excluding tried: ServerSet) -> Int? {
        var best: Int?
        for index in servers.indices where !tried.contains(index) && !servers[index].addresses.isEmpty {
            if let leader = best, servers[leader].retryNanoseconds <= servers[index].retryNanoseconds { continue }
            best = index
        }
        return best
    }
}
