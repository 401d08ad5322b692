// SPDX-License-Identifier: Apache-2.0
import EventIO
import Storage
import TestKit

@testable import Server

/// Redis as the second tier of the one node, and what befalls it (promise 5). Chosen apart from the rest, so that a
/// world without it is the same as ever.
extension Scenario {
    static func tierRandom(_ seed: UInt64) -> SeededRandom { SeededRandom(seed: seed &* 0xD6E8_FEB8 &+ 29) }

    /// The settings of a world that has one; nil for the others.
    static func tierSettings(_ seed: UInt64) -> (tier: String, coalescesNodes: Bool)? {
        var random = tierRandom(seed)
        guard random.chance(0.4) else { return nil }
        let hotKeys = random.chance(0.5) ? "off" : "100"
        let maxObject = random.chance(0.2) ? "2KB" : "1MB"
        let lease = random.chance(0.3) ? "500ms" : "3s"
        let onLoss = random.chance(0.3) ? "revalidate" : "serve"
        return (
            """
            redis 127.0.0.1:6379 prefix=t timeout=20ms hot_keys=\(hotKeys) max_object=\(maxObject)
            nodes name=n lease=\(lease) on_redis_loss=\(onLoss)
            """, random.chance(0.5)
        )
    }

    func scheduleTierEvents(within duration: Duration) {
        guard let redis else { return }
        var random = Self.tierRandom(seed &+ 1)
        let milliseconds = Int(duration.components.seconds) * 1000
        for _ in 0..<Int.random(in: 4...24, using: &random) {
            let event = random.next()
            world.after(.milliseconds(Int.random(in: 0..<milliseconds, using: &random))) { [unowned self] in
                guard judge.drainsSince == nil else { return }
                befall(redis, event)
            }
        }
    }

    private func befall(_ redis: SimulatedRedis, _ event: UInt64) {
        var random = SeededRandom(seed: event)
        switch Int.random(in: 0..<16, using: &random) {
        case 0..<6: forgetMemory()
        case 6:
            judge.trace("Redis ends")
            redis.stop(keepingData: true)
        case 7, 8: start(redis)
        case 9:
            judge.trace("Redis hangs")
            redis.mode = .hanging
        case 10: redis.mode = .failing("LOADING Redis is loading the dataset in memory")
        case 11: redis.mode = .refusingWrites("OOM command not allowed when used memory > 'maxmemory'.")
        case 12:
            judge.trace("connections to Redis are reset")
            redis.resetConnections()
        case 13: redis.delay = .milliseconds(Int.random(in: 0...30, using: &random))
        default:
            start(redis)
            redis.mode = .serving
            redis.delay = .zero
        }
    }

    private func start(_ redis: SimulatedRedis) {
        guard !redis.isRunning else { return }
        judge.trace("Redis is back")
        do { try redis.start() } catch { judge.fail("Redis cannot listen: \(error)") }
    }

    /// As a start would, or others that need the room: what is asked for next lies in Redis, if anywhere.
    private func forgetMemory() {
        let store = proxy.shared.store
        judge.trace("memory gives up what it holds")
        let limit = store.limitBytes
        store.setLimit(bytes: 1)
        store.setLimit(bytes: limit)
    }

    /// Whether the node's own memory was invalidated, as when it lost touch with the log, since that fetch began.
    /// A node that trusts nothing without word from others shares no fetch meanwhile.
    func isOutdated(_ serial: Int) -> Bool {
        guard redis != nil else { return false }
        return settings.tier.contains("revalidate") || fetchEpochs[serial] != proxy.shared.store.currentEpoch
    }

    var tierHitCount: UInt64 {
        proxy.workers.reduce(0) { $0 + ($1.tier?.figures.lookups[.hit] ?? 0) }
    }
}
