// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import EventIO
import Settings
import Storage
import Telemetry
import Upstreams

/// The admin calls.
extension Control {
    typealias AdminAnswer = (AdminResponse) -> Void

    /// Calls `answer` once, at once or when workers have been asked.
    func perform(_ call: AdminCall, content: ContiguousArray<UInt8>, peer: String, answer: @escaping AdminAnswer) {
        switch call {
        case .live: answer(.json { $0.field("status", "live") })
        case .ready: answer(readiness)
        case .health: answerHealth(answer)
        case .performance: answerPerformance(answer)
        case .resetPerformance: resetPerformance(answer)
        case .metrics: answerMetrics(answer)
        case .invalidate: invalidate(content, peer: peer, answer: answer)
        case .invalidations: answer(.json { [audit] in audit.write(to: &$0) })
        case .nodes: answer(nodes)
        case .reload: reload(cause: "admin call from \(peer)") { answer(Self.response(to: $0)) }
        }
    }

    private var readiness: AdminResponse {
        let state = !drainMachine.isServing ? "draining" : isListening ? "ready" : "starting"
        return .json(state == "ready" ? 200 : 503) { json in
            json.field("status", state)
            if let log { json.field("redis", log.isFollowing ? "up" : "down") }
        }
    }

    private func answerHealth(_ answer: @escaping AdminAnswer) {
        gather { [weak self] figures in
            guard let self else { return }
            let report = HealthReport(
                isDraining: !drainMachine.isServing, version: version, uptimeSeconds: uptimeSeconds,
                residentBytes: memory.residentBytes, memoryLimitBytes: memory.groupLimitBytes,
                cachedBytes: UInt64(clamping: store.accountedBytes), connections: figures.clients,
                workerCount: links.count, silentWorkers: figures.silentWorkers,
                upstreams: upstreamHealth.readings(figures.upstreams.map { ($0.name, $0.totals) }),
                reloadSucceeded: lastReload.succeeded, redis: log?.health(figures.tier ?? TierFigures()))
            answer(report.response())
        }
    }

    private func answerPerformance(_ answer: @escaping AdminAnswer) {
        gather { [weak self] figures in
            guard let self else { return }
            let report = PerformanceReport(
                window: windows.window(figures.metrics, at: loop.now),
                sinceReset: windows.sinceReset(figures.metrics, at: loop.now), gauges: gauges(figures))
            var buffer = ByteBuffer(capacity: 16 << 10)
            report.write(into: &buffer)
            buffer.append(ASCII.lineFeed)
            answer(AdminResponse(status: 200, content: ContiguousArray(copying: buffer.span)))
        }
    }

    private func resetPerformance(_ answer: @escaping AdminAnswer) {
        gather { [weak self] figures in
            guard let self else { return }
            windows.reset(figures.metrics, at: loop.now)
            answer(.json { $0.field("reset", true) })
        }
    }

    private func answerMetrics(_ answer: @escaping AdminAnswer) {
        gather { [weak self] figures in
            guard let self else { return }
            var buffer = ByteBuffer(capacity: 64 << 10)
            PrometheusText.write(figures.metrics, gauges(figures), into: &buffer)
            answer(
                AdminResponse(
                    status: 200, contentType: PrometheusText.contentType,
                    content: ContiguousArray(copying: buffer.span)))
        }
    }

    private static func response(to result: ReloadResult) -> AdminResponse {
        guard result.succeeded else {
            let message = result.problem ?? result.errors.map(\.description).joined(separator: "\n")
            return AdminResponse(AdminError("configuration_refused", message))
        }
        return .json { json in
            json.field("reloaded", true)
            json.array("warnings") { json in for warning in result.warnings { json.string(warning) } }
        }
    }
}
