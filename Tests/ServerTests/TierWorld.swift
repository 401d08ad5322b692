// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Redis
import Storage
import TestKit
import Testing

@testable import Server

/// A whole Larder with a simulated Redis behind it.
final class TierWorld {
    let control: ControlWorld
    let redis: SimulatedRedis
    var world: VirtualKernel { control.world }
    var store: MemoryStore { control.proxy.shared.store }

    static let base = ControlWorld.base.replacing("tags header", with: "stale if_error=1m\n  tags header")

    /// Without hot keys unless `keys` speaks of them, since they ask Redis on their own account.
    init(_ keys: String = "", text: String = base) throws {
        let keys = keys.contains("hot_keys") ? keys : keys + " hot_keys=off"
        control = try ControlWorld("admin 127.0.0.1:9900\nredis 127.0.0.1:6379 \(keys)\n" + text)
        redis = try SimulatedRedis(in: control.world)
        // These tests are about the records; the log that judges them says nothing, for ever.
        control.control.log?.stop()
        store.followSharedLog(from: .zero)
        store.confirmShared(untilMonotonicNanoseconds: .max)
        #expect(connects())
    }

    func connects() -> Bool {
        world.run(within: .seconds(5)) {
            control.proxy.workers.allSatisfy { $0.tier?.reading.isReady == true && $0.tier?.writing.isReady == true }
        }
    }

    /// What was asked for goes to Redis before this returns.
    func get(_ path: String, fields: String = "") -> String {
        let answer = control.ask(8080, "GET \(path)", fields: fields)
        world.run(for: .milliseconds(5))
        return answer
    }

    /// As a restart, or eviction, does.
    func forgetMemory(_ path: String) {
        let key = Array("GET a\(path)".utf8)
        _ = store.remove(key: key.span, hash: control.proxy.shared.hasher.hash64(key.span))
    }

    func count(_ result: TierLookupResult) -> UInt64 {
        control.proxy.workers.reduce(0) { $0 + ($1.tier?.figures.lookups[result] ?? 0) }
    }

    func count(_ result: TierWriteResult) -> UInt64 {
        control.proxy.workers.reduce(0) { $0 + ($1.tier?.figures.writes[result] ?? 0) }
    }

    func count(form result: TierLookupResult) -> UInt64 {
        control.proxy.workers.reduce(0) { $0 + ($1.tier?.figures.forms[result] ?? 0) }
    }

    var originRequests: Int { control.originRequests }
    var lookups: Int { redis.commandNames.count { $0 == "GET" } }
}
