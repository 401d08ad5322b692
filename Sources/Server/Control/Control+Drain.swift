// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Settings
import Synchronization
import Telemetry

/// SIGTERM and what follows (promise 9).
extension Control {
    /// The first time begins to drain, the second ends at once.
    package func stop() {
        let timeout = snapshot.settings.drainTimeoutMilliseconds
        switch drainMachine.stopRequested(now: loop.now, timeoutMilliseconds: timeout) {
        case .beginDrain: beginDrain(timeoutMilliseconds: timeout)
        case .endNow: end(cut: connectionCount)
        case .none: break
        }
    }

    private func beginDrain(timeoutMilliseconds: Int) {
        events.write(
            .notice, "draining",
            [
                "connections": .number(connectionCount),
                "timeout_ms": .milliseconds(nanoseconds: UInt64(timeoutMilliseconds) * 1_000_000),
            ])
        tell(.stopping, status: "draining \(connectionCount) connections")
        WorkerPoll.start(links, on: loop, { $0.drain() }) { [weak self] _ in self?.watchDrain() }
        drainTimer.start()
    }

    func watchDrain() {
        guard !drainMachine.isServing else { return }
        switch drainMachine.counted(connections: connectionCount, now: loop.now) {
        case .wait: break
        case .report:
            events.write(.notice, "drain_progress", ["connections": .number(connectionCount)])
            tell(.status, status: "draining \(connectionCount) connections")
        case .end(let cut): end(cut: cut)
        }
    }

    private var connectionCount: Int { proxy.shared.connectionCount.load(ordering: .relaxed) }
}
