// SPDX-License-Identifier: Apache-2.0
package import Bytes
import CacheRules
import HTTPMessages

/// The document behind `GET /performance`.
package struct PerformanceReport: Sendable {
    package var window: WindowedMetrics.View
    package var sinceReset: WindowedMetrics.View
    package var gauges: Gauges

    package init(window: WindowedMetrics.View, sinceReset: WindowedMetrics.View, gauges: Gauges) {
        self.window = window
        self.sinceReset = sinceReset
        self.gauges = gauges
    }

    /// The totals on top are those since the reset, the rates those of the window.
    package func write(into buffer: inout ByteBuffer) {
        let recent = window.counts.total()
        JSONWriter.write(into: &buffer) { json in
            json.object { json in
                json.field("uptime_seconds", gauges.uptimeSeconds)
                json.field("requests", sinceReset.counts.requests)
                json.field("requests_per_second", window.requestsPerSecond)
                json.field("hit_rate", recent.hitRate)
                json.field("errors", sinceReset.counts.total().errors)
                json.object("window") { window.write(to: &$0) }
                json.object("since_reset") { sinceReset.write(to: &$0) }
                gauges.write(to: &json)
            }
        }
    }
}

extension RouteMetrics {
    /// The share of the requests that the cache may answer which it did answer: hit, l2-hit, revalidated, stale and
    /// collapsed, of all but pass and local. Nil when there was none.
    package var hitRate: Double? {
        let answered = [CacheOutcome.hit, .l2Hit, .revalidated, .stale, .collapsed].reduce(0) {
            $0 &+ self[$1].requests
        }
        let eligible = requests &- self[.pass].requests &- self[.local].requests
        return eligible > 0 ? Double(answered) / Double(eligible) : nil
    }

    /// Answers with 5xx.
    package var errors: UInt64 { sum { $0.requests(.serverError) } }
}

extension WindowedMetrics.View {
    package var requestsPerSecond: Double { seconds > 0 ? Double(counts.requests) / seconds : 0 }

    fileprivate func write(to json: inout JSONWriter) {
        let total = counts.total()
        json.field("seconds", seconds)
        json.field("requests", total.requests)
        json.field("requests_per_second", requestsPerSecond)
        json.field("hit_rate", total.hitRate)
        json.field("errors", total.errors)
        json.array("routes") { json in
            for (index, route) in counts.routes.enumerated() where route.requests > 0 {
                json.object { route.write(index, counts.labels, to: &$0) }
            }
        }
    }
}

extension RouteMetrics {
    fileprivate func write(_ index: Int, _ labels: MetricLabels, to json: inout JSONWriter) {
        json.field("route", labels.route(index))
        let total = total()
        total.write(to: &json)
        json.field("hit_rate", hitRate)
        json.field("errors", errors)
        json.object("upstream") { upstreamDurations.write(to: &$0) }
        json.object("by_outcome") { json in
            for outcome in CacheOutcome.allCases where self[outcome].requests > 0 {
                json.object(outcome.label) { self[outcome].write(to: &$0) }
            }
        }
        json.object("by_method") { json in
            for method in Method.labelled where requests(method) > 0 { json.field(method.label, requests(method)) }
        }
        json.object("forwarded") { json in
            for reason in ForwardReason.allCases where forwarded(reason) > 0 {
                json.field(reason.label, forwarded(reason))
            }
        }
        json.object("not_stored") { json in
            for (reason, count) in notStored.enumerated() where count > 0 {
                json.key(labels.notStoredReason(reason))
                json.number(Int(clamping: count))
            }
        }
    }
}

extension OutcomeMetrics {
    fileprivate func write(to json: inout JSONWriter) {
        durations.write(to: &json)
        json.field("bytes_received", bytesReceived)
        json.field("bytes_sent", bytesSent)
        json.field("slow", slow)
    }
}

extension LatencyHistogram {
    fileprivate func write(to json: inout JSONWriter) {
        json.field("count", count)
        json.field("min_ms", milliseconds: minNanoseconds)
        json.field("max_ms", milliseconds: maxNanoseconds)
        json.field("mean_ms", milliseconds: meanNanoseconds)
        json.field("p50_ms", milliseconds: percentile(0.5))
        json.field("p90_ms", milliseconds: percentile(0.9))
        json.field("p95_ms", milliseconds: percentile(0.95))
        json.field("p99_ms", milliseconds: percentile(0.99))
        json.field("p99_9_ms", milliseconds: percentile(0.999))
    }
}

extension Gauges {
    fileprivate func write(to json: inout JSONWriter) {
        json.object("memory") { json in
            json.field("resident_bytes", residentBytes)
            json.key("limit_bytes")
            if let memoryLimitBytes { json.number(Int(clamping: memoryLimitBytes)) } else { json.null() }
        }
        json.object("l1") { json in
            json.field("bytes", l1.bytes)
            json.field("entries", l1.entries)
            json.field("limit_bytes", l1.limitBytes)
            json.object("evictions") { json in
                for eviction in l1.evictions {
                    json.key(eviction.label)
                    json.number(Int(clamping: eviction.count))
                }
            }
        }
        json.array("upstreams") { json in
            for upstream in upstreams { json.object { upstream.write(to: &$0) } }
        }
    }
}

extension UpstreamReading {
    fileprivate func write(to json: inout JSONWriter) {
        json.field("name", name)
        json.field("connections_active", connectionsActive)
        json.field("connections_idle", connectionsIdle)
        json.field("waiting", waiting)
        json.field("utilisation", utilisation)
        json.array("warnings") { json in
            for warning in warnings { json.string(warning) }
        }
    }
}
