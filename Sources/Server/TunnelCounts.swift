// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// How many tunnels each route has, over all loops: a configuration that takes another's place counts on.
final class TunnelCounts: Sendable {
    private struct Count {
        /// Those that are to become tunnels, too.
        var places = 0
        var open = 0
    }

    private let counts = Mutex<[String: Count]>([:])

    /// Takes a place; false when there is none.
    func enter(_ route: String, limit: Int) -> Bool {
        counts.withLock { counts in
            guard counts[route, default: Count()].places < limit else { return false }
            counts[route, default: Count()].places += 1
            return true
        }
    }

    /// The protocol was changed.
    func opened(_ route: String) { counts.withLock { $0[route, default: Count()].open += 1 } }

    func leave(_ route: String, wasOpen: Bool) {
        counts.withLock { counts in
            guard var count = counts.removeValue(forKey: route) else { return }
            count.places -= 1
            if wasOpen { count.open -= 1 }
            if count.places > 0 { counts[route] = count }
        }
    }

    /// Those that are open, by route.
    var present: [String: Int] { counts.withLock { $0.mapValues(\.open) } }
}
