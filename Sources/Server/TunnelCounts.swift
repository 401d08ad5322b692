// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Upstreams

/// How many tunnels each route has, over all loops: a configuration that takes another's place counts on. No client
/// gets more than its share of them.
final class TunnelCounts: Sendable {
    private struct Count {
        /// Those that are to become tunnels, too.
        var places = 0
        var open = 0
        /// Of the places, by client.
        var clients: [UpstreamClient: Int] = [:]
    }

    private let counts = Mutex<[String: Count]>([:])

    /// Takes a place; false when there is none.
    func enter(_ route: String, _ client: UpstreamClient, limit: Int) -> Bool {
        counts.withLock { counts in
            let free = limit - (counts[route]?.places ?? 0)
            let used = client == .nobody ? 0 : counts[route]?.clients[client] ?? 0
            guard free > 0, FairShare.mayTakeMore(using: used, free: free) else { return false }
            counts[route, default: Count()].places += 1
            counts[route, default: Count()].clients[client, default: 0] += 1
            return true
        }
    }

    /// The protocol was changed.
    func opened(_ route: String) { counts.withLock { $0[route, default: Count()].open += 1 } }

    func leave(_ route: String, _ client: UpstreamClient, wasOpen: Bool) {
        counts.withLock { counts in
            guard var count = counts.removeValue(forKey: route) else { return }
            count.places -= 1
            let left = (count.clients[client] ?? 1) - 1
            count.clients[client] = left > 0 ? left : nil
            if wasOpen { count.open -= 1 }
            if count.places > 0 { counts[route] = count }
        }
    }

    /// Those that are open, by route.
    var present: [String: Int] { counts.withLock { $0.mapValues(\.open) } }
}
