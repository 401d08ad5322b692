// SPDX-License-Identifier: Apache-2.0
import Storage
import Synchronization

/// What is held for slow clients beyond the least that a connection needs, so that they hold no connection to an
/// upstream: gathered request bodies, and the rest of answers. Of all loops together, with one limit (promise 7).
final class HeldForClients: Sendable {
    private let connections: ConnectionBudget
    private let held = Atomic<Int>(0)

    init(_ connections: ConnectionBudget) { self.connections = connections }

    var byteCount: Int { held.load(ordering: .relaxed) }

    /// A part of what connections may hold, of which each counts what it really does.
    private var limitBytes: Int { connections.limitBytes / 2 }

    fileprivate func take(_ count: Int) -> Bool {
        if held.add(count, ordering: .relaxed).newValue <= limitBytes { return true }
        give(back: count)
        return false
    }

    fileprivate func give(back count: Int) { held.subtract(count, ordering: .relaxed) }
}

/// One holder's part of `HeldForClients`. It has to be emptied before it goes.
struct ClientHold {
    private(set) var count = 0

    /// False, with nothing changed, when there is no room.
    mutating func grow(to wanted: Int, of all: HeldForClients) -> Bool {
        guard wanted > count else { return true }
        guard all.take(wanted - count) else { return false }
        count = wanted
        return true
    }

    mutating func empty(into all: HeldForClients) {
        guard count > 0 else { return }
        all.give(back: count)
        count = 0
    }
}
