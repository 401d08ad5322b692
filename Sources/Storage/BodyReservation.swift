// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Memory that a body takes while it arrives: counted by the store before it is used (promise 7), and given back
/// with the last reference at the latest.
package final class BodyReservation: Sendable {
    package enum Purpose: Sendable {
        /// Somebody waits for it.
        case answer
        /// Nobody does, and it may be held for long. It stands back: answers find their half whatever it holds.
        case background
    }

    private let store: MemoryStore
    private let purpose: Purpose
    private let bytes: Atomic<Int>

    init(store: MemoryStore, bytes: Int, for purpose: Purpose) {
        self.store = store
        self.purpose = purpose
        self.bytes = Atomic(bytes)
    }

    deinit { store.giveBack(bytes.load(ordering: .relaxed), for: purpose) }

    /// False when there is no room.
    package func grow(by more: Int) -> Bool {
        guard more <= 0 || store.take(more, for: purpose) else { return false }
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
        store.giveBack(given, for: purpose)
    }

    /// What holds the memory from now on is counted otherwise.
    package func release() { store.giveBack(bytes.exchange(0, ordering: .relaxed), for: purpose) }
}

extension MemoryStore {
    /// Room for a body that is to arrive, of so many bytes if its length is known; evicts for it. Nil when there
    /// is none: all bodies under way to somebody may take half of the limit, and nothing while the process is above
    /// its ceiling. Such a body passes through without being stored.
    package func reserve(bytes: Int, for purpose: BodyReservation.Purpose = .answer) -> BodyReservation? {
        take(bytes, for: purpose) ? BodyReservation(store: self, bytes: bytes, for: purpose) : nil
    }

    /// What bodies under way hold.
    package var reservedBytes: Int {
        reservedForAnswers.load(ordering: .relaxed) + reservedInBackground.load(ordering: .relaxed)
    }

    func take(_ bytes: Int, for purpose: BodyReservation.Purpose) -> Bool {
        guard pressure.admits(bytes) else { return false }
        let underWay = count(bytes, for: purpose)
        account(for: bytes)
        if isWithinShare(underWay, purpose), makeRoom() { return true }
        giveBack(bytes, for: purpose)
        return false
    }

    func giveBack(_ bytes: Int, for purpose: BodyReservation.Purpose) {
        guard bytes > 0 else { return }
        _ = count(-bytes, for: purpose)
        account(for: -bytes)
    }

    private func isWithinShare(_ underWay: Int, _ purpose: BodyReservation.Purpose) -> Bool {
        switch purpose {
        case .answer: underWay <= limitBytes / 2
        // With the half of the answers it leaves an eighth for what else is counted.
        case .background: underWay <= limitBytes / 8 * 3 && reservedBytes <= limitBytes / 2
        }
    }

    /// Answers the new sum.
    private func count(_ bytes: Int, for purpose: BodyReservation.Purpose) -> Int {
        switch purpose {
        case .answer: reservedForAnswers.add(bytes, ordering: .relaxed).newValue
        case .background: reservedInBackground.add(bytes, ordering: .relaxed).newValue
        }
    }
}
