// SPDX-License-Identifier: Apache-2.0
import Storage
import Telemetry

/// What was given up because rules of invalidations were too many to be kept one by one, since the start.
struct RuleLosses: Equatable, Sendable {
    var folded = 0
    /// Entries dropped, and fetches not stored.
    var unprovedInMemory = 0
    /// Records not used.
    var unprovedInRedis = 0
}

extension Control {
    var presentLosses: RuleLosses {
        let shared = store.sharedLosses
        return RuleLosses(
            folded: store.pendingRules.folded + shared.folded, unprovedInMemory: store.statistics.unproved,
            unprovedInRedis: shared.unproved)
    }

    /// Once a second at most, and when that cost a response. Rules that are folded when nothing is old enough to have to
    /// meet them cost nobody anything.
    func tellOfFoldedRules() {
        let now = presentLosses
        guard now.unprovedInMemory != losses.unprovedInMemory || now.unprovedInRedis != losses.unprovedInRedis
        else { return }
        events.write(
            .warning, "invalidations_folded",
            [
                "rules": .number(now.folded - losses.folded),
                "unproved_memory": .number(now.unprovedInMemory - losses.unprovedInMemory),
                "unproved_redis": .number(now.unprovedInRedis - losses.unprovedInRedis),
            ])
        losses = now
    }

    var ruleReading: RuleReading {
        var reading = RuleReading()
        let pending = store.pendingRules
        reading.pending = [
            LabelledCount("tag", UInt64(pending.counts.tags)), LabelledCount("url", UInt64(pending.counts.urls)),
            LabelledCount("prefix", UInt64(pending.counts.prefixes)),
            LabelledCount("glob", UInt64(pending.counts.globs)),
        ]
        let losses = presentLosses
        reading.folded = UInt64(losses.folded)
        reading.waits = UInt64(store.ruleWaitCount)
        reading.unproved = [
            LabelledCount("memory", UInt64(losses.unprovedInMemory)),
            LabelledCount("redis", UInt64(losses.unprovedInRedis)),
        ]
        return reading
    }
}
