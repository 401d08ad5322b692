// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// How many tunnels each route has, over all loops: a configuration that takes another's place counts on.
final class TunnelCounts: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// Takes a place; false when there is none.
    func enter(_ route: String, limit: Int) -> Bool {
        counts.withLock { counts in
            let count = counts[route, default: 0]
            guard count < limit else { return false }
            counts[route] = count + 1
            return true
        }
    }

    func leave(_ route: String) {
        counts.withLock { counts in
            guard let count = counts[route] else { return }
            counts[route] = count > 1 ? count - 1 : nil
        }
    }

    /// By route.
    var present: [String: Int] { counts.withLock { $0 } }
}
