// SPDX-License-Identifier: Apache-2.0
import Bytes
import Storage
import Synchronization

/// The fetches under way in this process, by key and variant: at most one that is worth waiting for (promise 4).
///
/// Which variant a fetch brings is known when its head has come. Until then all that ask for the key wait for it;
/// for whom it turns out to be another's, who fetch the same variant wait for each other.
final class FlightTable: Sendable {
    enum Place {
        case leader(Flight)
        case follower(Flight)
        case full
    }

    private struct Entry {
        let flight: Flight
        /// Empty while it is not known, and when the response does not vary.
        var variant: ContiguousArray<UInt8>
    }

    private struct Shard {
        /// By the hash of the key; the key itself is compared before a flight is used (promise 2).
        var entries: [UInt64: [Entry]] = [:]
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
    /// - Parameter variant: the one wanted, if that is known; else any flight tells how the key varies.
    func join(
        key wanted: ContiguousArray<UInt8>, variant: ContiguousArray<UInt8> = [], hash: UInt64, worker: WorkerLink,
        followerLimit: Int, store: MemoryStore
    ) -> Place {
        shard(hash).shard.withLock { shard in
            let found = shard.entries[hash]?.first {
                $0.flight.key == wanted && (variant.isEmpty || $0.variant == variant)
            }
            if let flight = found?.flight {
                if store.verdict(key: wanted.span, hash: hash, tags: Span(), since: flight.epoch) == .no {
                    return flight.follow(from: worker, limit: followerLimit) ? .follower(flight) : .full
                }
                Self.remove(flight, from: &shard)
            }
            let flight = Flight(key: wanted, keyHash: hash, epoch: store.currentEpoch, leader: worker)
            shard.entries[hash, default: []].append(Entry(flight: flight, variant: variant))
            return .leader(flight)
        }
    }

    /// The flight's head has come, and says which variant it is.
    func identify(_ flight: Flight, variant: ContiguousArray<UInt8>) {
        shard(flight.keyHash).shard.withLock { shard in
            guard let place = shard.entries[flight.keyHash]?.firstIndex(where: { $0.flight === flight }) else { return }
            shard.entries[flight.keyHash]?[place].variant = variant
        }
    }

    /// The flight takes no more followers.
    func remove(_ flight: Flight) {
        shard(flight.keyHash).shard.withLock { Self.remove(flight, from: &$0) }
    }

    private static func remove(_ flight: Flight, from shard: inout Shard) {
        guard var entries = shard.entries.removeValue(forKey: flight.keyHash) else { return }
        entries.removeAll { $0.flight === flight }
        if !entries.isEmpty { shard.entries[flight.keyHash] = entries }
    }

    var count: Int { shards.reduce(0) { $0 + $1.shard.withLock { $0.entries.count } } }
}
