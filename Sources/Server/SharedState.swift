// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Nodes
import Storage
import Synchronization

/// What all loops of one process share.
final class SharedState: Sendable {
    let store: MemoryStore
    /// What connections of all loops may make the process hold.
    let connections: ConnectionBudget
    let flights = FlightTable()
    let heldForClients: HeldForClients
    let hasher: ByteHasher
    let compressor: CompressionPool
    /// Client connections of all loops.
    let connectionCount = Atomic<Int>(0)
    let tunnels = TunnelCounts()
    /// Connections that were closed so that others could be accepted.
    let gaveWayCount = Atomic<Int>(0)
    /// Clients that had to give up a connection to an upstream.
    let slowCount = Atomic<Int>(0)
    /// All workers, once they are there.
    let links = Mutex<[WorkerLink]>([])

    /// Where invalidations go that other nodes have to hear of; nil when there is no log to share.
    let log = Mutex<LoopBound<SharedLog>?>(nil)

    init(store: MemoryStore, connections: ConnectionBudget, compressor: CompressionPool, hashSeed: UInt64) {
        self.store = store
        self.connections = connections
        heldForClients = HeldForClients(connections)
        self.compressor = compressor
        hasher = ByteHasher(seed: hashSeed)
    }

    /// From its return on nothing is served here that the rules match and that was fetched before; other nodes follow
    /// when they have read it from the log.
    func invalidate(_ rules: [NamedRule]) {
        guard !rules.isEmpty else { return }
        let own = rules.rules(isSoft: false, hasher: hasher)
        guard let log = log.withLock({ $0 }) else {
            store.invalidate(own)
            return
        }
        let epoch = store.issue(own)
        log.mailbox.post { _ in log.value.add(rules, ownEpoch: epoch) }
    }

    /// The same for one key, which nodes without others to tell do without putting a rule together. Answers how many
    /// variants are gone.
    func invalidate(key: borrowing Span<UInt8>, hash: UInt64) -> Int {
        if log.withLock({ $0 == nil }) { return store.invalidate(key: key, hash: hash) }
        let count = store.remove(key: key, hash: hash)
        invalidate([NamedRule(.key, Array(copying: key))])
        return count
    }
}
