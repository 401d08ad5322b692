// SPDX-License-Identifier: Apache-2.0
import Bytes
import Storage
import Synchronization

/// The fetches under way in this process, by key: at most one that is worth waiting for (promise 4).
final class FlightTable: Sendable {
    enum Place {
        case leader(Flight)
        case follower(Flight)
        case full
    }

    private struct Shard {
        /// By the hash of the key; the key itself is compared before a flight is used (promise 2).
        var flights: [UInt64: [Flight]] = [:]
    }

    private let shards: [ShardLock]

    /// A class around the lock, because an array takes no values that cannot be copied.
    private final class ShardLock: Sendable {
        let shard = Mutex(Shard())
    }

    init(shardCount: Int = 16) {
        precondition(shardCount > 0 && shardCount & (shardCount - 1) == 0)
        shards = (0..<shardCount).map { _ in ShardLock() }
    }

    private func shard(_ hash: UInt64) -> ShardLock { shards[Int(hash >> 48) & (shards.count - 1)] }

    /// Joins the flight for `key`, or begins one. A flight that an invalidation has overtaken is left to those
    /// who wait for it already (promise 3).
    func join(
        key wanted: ContiguousArray<UInt8>, hash: UInt64, worker: WorkerLink, followerLimit: Int, store: MemoryStore
    ) -> Place {
        shard(hash).shard.withLock { shard in
            if let flight = shard.flights[hash]?.first(where: { $0.key == wanted }) {
                if store.verdict(key: wanted.span, hash: hash, tags: Span(), since: flight.epoch) == .no {
                    return flight.follow(from: worker, limit: followerLimit) ? .follower(flight) : .full
                }
                Self.remove(flight, from: &shard)
            }
            let flight = Flight(key: wanted, keyHash: hash, epoch: store.currentEpoch, leader: worker)
            shard.flights[hash, default: []].append(flight)
            return .leader(flight)
        }
    }

    /// The flight takes no more followers.
    func remove(_ flight: Flight) {
        shard(flight.keyHash).shard.withLock { Self.remove(flight, from: &$0) }
    }

    private static func remove(_ flight: Flight, from shard: inout Shard) {
        guard var flights = shard.flights.removeValue(forKey: flight.keyHash) else { return }
        flights.removeAll { $0 === flight }
        if !flights.isEmpty { shard.flights[flight.keyHash] = flights }
    }

    var count: Int { shards.reduce(0) { $0 + $1.shard.withLock { $0.flights.count } } }
}
