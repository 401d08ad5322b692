// SPDX-License-Identifier: Apache-2.0
import Settings

/// What a new configuration changes beyond what each request reads of it. Pure.
struct ReloadPlan: Equatable, Sendable {
    /// Directives whose change takes effect only when the process starts anew: the new configuration is refused.
    var needsRestart: [String] = []
    /// How much there is, or how it is shared out.
    var changesMemory = false
    var maxObjectChanges = false
    var logLevel: LogSettings.Level?
    var eventDestination: LogSettings.Destination?
    /// Where requests are logged, or in which form.
    var changesAccessLog = false

    init(from old: ProxySettings, to new: ProxySettings) {
        if old.listeners != new.listeners { needsRestart.append("listen") }
        if old.admin?.address != new.admin?.address { needsRestart.append("admin") }
        if old.workers != new.workers { needsRestart.append("workers") }
        // Tier and log of invalidations must be of one Redis at every moment (promise 3).
        if old.redis != new.redis { needsRestart.append("redis") }
        var nodes = new.nodes
        nodes.onRedisLoss = old.nodes.onRedisLoss
        if nodes != old.nodes { needsRestart.append("nodes") }
        changesMemory =
            old.memory.limitBytes != new.memory.limitBytes
            || old.memory.connectionPercent != new.memory.connectionPercent
        if old.log.level != new.log.level { logLevel = new.log.level }
        if old.memory.maxObjectBytes != new.memory.maxObjectBytes { maxObjectChanges = true }
        if old.log.eventDestination != new.log.eventDestination { eventDestination = new.log.eventDestination }
        changesAccessLog =
            old.log.accessFormat != new.log.accessFormat || old.log.accessDestination != new.log.accessDestination
            || old.log.redactedParameters != new.log.redactedParameters
    }
}
