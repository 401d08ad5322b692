// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Memory that a body takes while it arrives: counted by the store before it is used (promise 7), and given back
/// with the last reference at the latest.
package final class BodyReservation: Sendable {
    private let store: MemoryStore
    private let bytes: Atomic<Int>

    init(store: MemoryStore, bytes: Int) {
        self.store = store
        self.bytes = Atomic(bytes)
    }

    deinit { store.giveBack(bytes.load(ordering: .relaxed)) }

    /// False when there is no room.
    package func grow(by more: Int) -> Bool {
        guard more <= 0 || store.take(more) else { return false }
        bytes.add(max(more, 0), ordering: .relaxed)
        return true
    }

    func shrink(by less: Int) {
        var given = 0
        var held = bytes.load(ordering: .relaxed)
        while true {
            given = min(held, less)
            let (done, now) = bytes.compareExchange(expected: held, desired: held - given, ordering: .relaxed)
            if done { break }
            held = now
        }
        store.giveBack(given)
    }

    /// What holds the memory from now on is counted otherwise.
    package func release() { store.giveBack(bytes.exchange(0, ordering: .relaxed)) }
}

extension MemoryStore {
    /// Room for a body that is to arrive, of so many bytes if its length is known; evicts for it. Nil when there
    /// is none: all bodies under way may take half of the limit, and nothing while the process is above its
    /// ceiling. Such a body passes through without being stored.
    package func reserve(bytes: Int) -> BodyReservation? {
        take(bytes) ? BodyReservation(store: self, bytes: bytes) : nil
    }

    /// What bodies under way hold.
    package var reservedBytes: Int { reserved.load(ordering: .relaxed) }

    func take(_ bytes: Int) -> Bool {
        guard pressure.admits(bytes) else { return false }
        let underWay = reserved.add(bytes, ordering: .relaxed).newValue
        account(for: bytes)
        if underWay <= limitBytes / 2, makeRoom() { return true }
        giveBack(bytes)
        return false
    }

    func giveBack(_ bytes: Int) {
        guard bytes > 0 else { return }
        reserved.subtract(bytes, ordering: .relaxed)
        account(for: -bytes)
    }
}
