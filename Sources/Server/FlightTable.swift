// SPDX-License-Identifier: Apache-2.0
import Bytes
import Storage
import Synchronization

/// The fetches under way in this process, by key and variant: at most one that is worth waiting for (promise 4).
///
/// Where it is known by which request fields the key varies, a request waits for the fetch of its own variant alone.
/// Else all that ask for the key wait for the first fetch until it tells.
final class FlightTable: Sendable {
    enum Place {
        case leader(Flight)
        case follower(Flight)
        case full
        /// Another flight for the key has told by which request fields it varies: which variant is wanted?
        case varies(rule: ContiguousArray<UInt8>)
    }

    private struct Entry {
        let flight: Flight
        /// nil while it is not known, and when the response does not vary.
        var variant: FlightVariant?
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
    /// - Parameter variant: the one wanted, if that is known.
    func join(
        key wanted: ContiguousArray<UInt8>, variant: FlightVariant?, hash: UInt64, worker: WorkerLink,
        followerLimit: Int, store: MemoryStore
    ) -> Place {
        shard(hash).shard.withLock { shard in
            let found = Self.flight(for: wanted, variant, in: shard.entries[hash])
            if let flight = found?.flight {
                if variant == nil, let known = found?.variant { return .varies(rule: known.rule) }
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

    /// That of the variant, or one of which nobody knows yet what it will bring.
    private static func flight(
        for key: ContiguousArray<UInt8>, _ variant: FlightVariant?, in entries: [Entry]?
    ) -> Entry? {
        guard let entries else { return nil }
        if variant != nil, let same = entries.first(where: { $0.variant == variant && $0.flight.key == key }) {
            return same
        }
        if variant == nil, let known = entries.first(where: { $0.variant != nil && $0.flight.key == key }) {
            return known
        }
        return entries.first { $0.variant == nil && $0.flight.key == key }
    }

    /// It has turned out which variant the flight brings.
    func identify(_ flight: Flight, variant: FlightVariant) {
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

/// One variant of a key: the request fields by which it varies, and what a request says in them.
struct FlightVariant: Sendable, Equatable {
    /// The text of `VaryRule.names`.
    let rule: ContiguousArray<UInt8>
    /// As `Variance.writeSecondaryKey` has it.
    let secondaryKey: ContiguousArray<UInt8>
}
