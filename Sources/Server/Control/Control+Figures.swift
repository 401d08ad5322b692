// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Settings
import Storage
import Synchronization
import Telemetry

/// Figures of all workers, put together when somebody asks.
extension Control {
    /// A worker that does not answer in time is there with what it told last, and named as silent.
    func gather(_ completion: @escaping (ProxyFigures) -> Void) {
        WorkerPoll.start(links, on: loop, { $0.figures() }) { [weak self] answers in
            guard let self else { return }
            var sum = ProxyFigures(labels: snapshot.labels, upstreams: snapshot.settings.upstreams.map(\.name))
            for (index, answer) in answers.enumerated() {
                if let answer {
                    lastFigures[index] = answer
                } else {
                    sum.silentWorkers.append(index)
                    events.write(.warning, "worker_silent", ["worker": .number(index)])
                }
                if let figures = lastFigures[index] { sum.add(figures) }
            }
            completion(sum)
        }
    }

    func rotateFigures() {
        gather { [weak self] figures in
            guard let self else { return }
            windows.rotate(figures.metrics, at: loop.now)
            upstreamHealth.rotate(
                Dictionary(figures.upstreams.map { ($0.name, $0.totals) }, uniquingKeysWith: { first, _ in first }))
        }
    }

    var uptimeSeconds: Double {
        Double(loop.now.monotonicNanoseconds - startedAt.monotonicNanoseconds) / 1e9
    }

    func gauges(_ figures: ProxyFigures) -> Gauges {
        var gauges = Gauges(
            version: version, startWallSeconds: startedAt.wallSeconds, uptimeSeconds: uptimeSeconds,
            lastReloadWallSeconds: lastReload.wallSeconds)
        gauges.lastReloadSucceeded = lastReload.succeeded
        gauges.clientConnections = proxy.shared.connectionCount.load(ordering: .relaxed)
        gauges.tunnels = proxy.shared.tunnels.present.sorted { $0.key < $1.key }.map {
            LabelledCount($0.key, UInt64(clamping: $0.value))
        }
        let held = proxy.shared.connections
        gauges.heldBytes = held.heldBytes
        gauges.heldLimitBytes = held.limitBytes
        let gaveWay = proxy.shared.gaveWayCount.load(ordering: .relaxed)
        let slow = proxy.shared.slowCount.load(ordering: .relaxed)
        gauges.connectionsCut = [
            LabelledCount("limit", UInt64(clamping: gaveWay)), LabelledCount("memory", UInt64(clamping: held.cutCount)),
            LabelledCount("upstream", UInt64(clamping: slow)),
        ]
        gauges.l1 = L1Reading(store.statistics)
        gauges.rules = ruleReading
        gauges.l2 = figures.tier?.reading
        gauges.upstreams = figures.upstreams.map(\.reading)
        gauges.log = log?.reading(now: loop.now)
        gauges.purges = purges.sorted { $0.key < $1.key }.map { LabelledCount($0.key, $0.value) }
        gauges.residentBytes = memory.residentBytes
        gauges.memoryLimitBytes = memory.groupLimitBytes
        gauges.logLinesDropped = proxy.lostLogLines
        gauges.recoded = proxy.shared.compressor.readings
        gauges.recodingQueue = proxy.shared.compressor.queuedCount
        return gauges
    }
}

extension L1Reading {
    init(_ statistics: MemoryStatistics) {
        self.init()
        bytes = UInt64(clamping: statistics.bytes)
        limitBytes = UInt64(clamping: statistics.limitBytes)
        entries = UInt64(clamping: statistics.entries)
        evictions = [
            LabelledCount("memory", UInt64(clamping: statistics.evictedForMemory)),
            LabelledCount("variants", UInt64(clamping: statistics.evictedVariants)),
            LabelledCount("invalidated", UInt64(clamping: statistics.invalidated)),
        ]
    }
}
