// SPDX-License-Identifier: Apache-2.0
import Telemetry

/// The document behind `GET /health`.
struct HealthReport: Sendable {
    enum State: String, Sendable { case healthy, degraded, draining }

    var isDraining: Bool
    var version: String
    var uptimeSeconds: Double
    var residentBytes: UInt64
    var memoryLimitBytes: UInt64?
    var cachedBytes: UInt64
    var connections: Int
    var workerCount: Int
    /// Those that did not answer in time.
    var silentWorkers: [Int]
    var upstreams: [UpstreamHealth.Reading]
    var reloadSucceeded: Bool
    /// nil where there is none.
    var redis: RedisHealth?

    var state: State {
        if isDraining { return .draining }
        let isWell = silentWorkers.isEmpty && reloadSucceeded && upstreams.allSatisfy(\.isUp)
        return isWell && redis?.state ?? .up == .up ? .healthy : .degraded
    }

    func response() -> AdminResponse {
        .json(isDraining ? 503 : 200) { json in
            json.field("status", state.rawValue)
            json.field("version", version)
            json.field("uptime_seconds", uptimeSeconds)
            json.object("memory") { json in
                json.field("resident_bytes", residentBytes)
                json.key("limit_bytes")
                if let memoryLimitBytes { json.number(Int(clamping: memoryLimitBytes)) } else { json.null() }
                json.field("cached_bytes", cachedBytes)
            }
            json.field("connections", connections)
            json.object("workers") { json in
                json.field("count", workerCount)
                json.array("silent") { json in for worker in silentWorkers { json.number(worker) } }
            }
            json.array("upstreams") { json in
                for upstream in upstreams {
                    json.object { json in
                        json.field("name", upstream.name)
                        json.field("status", upstream.isUp ? "up" : "down")
                        json.field("recent_failures", upstream.recentFailures)
                    }
                }
            }
            redis?.write(to: &json)
            json.field("last_reload_succeeded", reloadSucceeded)
        }
    }
}
