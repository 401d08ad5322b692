// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Storage
import Synchronization

/// What all loops of one process share.
final class SharedState: Sendable {
    let store: MemoryStore
    let flights = FlightTable()
    let hasher: ByteHasher
    /// Client connections of all loops.
    let connectionCount = Atomic<Int>(0)

    init(store: MemoryStore, hashSeed: UInt64) {
        self.store = store
        hasher = ByteHasher(seed: hashSeed)
    }
}
