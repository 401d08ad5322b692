// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Foundation
import Testing

@testable import Telemetry

@Suite struct PerformanceReportTests {
    func report(_ window: MetricsSnapshot = sampleCounts(), gauges: Gauges = sampleGauges()) throws -> [String: Any] {
        let report = PerformanceReport(
            window: .init(counts: window, seconds: 64), sinceReset: .init(counts: sampleCounts(), seconds: 5_000),
            gauges: gauges)
        return try jsonObject(bytesWritten { report.write(into: &$0) })
    }

    @Test func theTotalsStandOnTop() throws {
        let object = try report()
        #expect(object["uptime_seconds"] as? Double == 5_200.5)
        #expect(object["requests"] as? Int == 4 && object["errors"] as? Int == 1)
        #expect(object["requests_per_second"] as? Double == 0.0625)
        #expect(object["hit_rate"] as? Double == 2.0 / 3)
    }

    @Test(arguments: ["window", "since_reset"])
    func eachViewTellsEachRoute(view: String) throws {
        let object = try #require(try report()[view] as? [String: Any])
        let routes = try #require(object["routes"] as? [[String: Any]])
        #expect(routes.map { $0["route"] as? String } == ["/api/users/*", "none"])
        let route = routes[0]
        #expect(route["count"] as? Int == 3 && route["slow"] as? Int == 1 && route["bytes_sent"] as? Int == 500)
        #expect(route["min_ms"] as? Double == 1 && route["max_ms"] as? Double == 20)
        #expect(route["mean_ms"] as? Double == 8.666 && route["p99_9_ms"] as? Double == 20)
        #expect(["p50_ms", "p90_ms", "p95_ms", "p99_ms"].allSatisfy { route[$0] is Double })
        #expect(route["hit_rate"] as? Double == 2.0 / 3)
        let outcomes = try #require(route["by_outcome"] as? [String: [String: Any]])
        #expect(outcomes.keys.sorted() == ["collapsed", "miss", "stale"])
        #expect(outcomes["miss"]?["p50_ms"] as? Double == 20)
        #expect(route["by_method"] as? [String: Int] == ["GET": 2, "HEAD": 1])
        #expect(route["forwarded"] as? [String: Int] == ["uri-miss": 1])
        #expect(route["not_stored"] as? [String: Int] == ["no-store": 1])
        #expect((route["upstream"] as? [String: Any])?["max_ms"] as? Double == 19)
        #expect(routes[1]["hit_rate"] is NSNull)
    }

    @Test func memoryAndUpstreamsAreTold() throws {
        var gauges = sampleGauges()
        #expect((try report()["memory"] as? [String: Any])?["limit_bytes"] is NSNull)
        gauges.memoryLimitBytes = 1_000
        let object = try report(gauges: gauges)
        #expect(object["memory"] as? [String: Int] == ["resident_bytes": 7_753_728, "limit_bytes": 1_000])
        let l1 = try #require(object["l1"] as? [String: Any])
        #expect(l1["evictions"] as? [String: Int] == ["capacity": 3, "expired": 4] && l1["entries"] as? Int == 42)
        let upstream = try #require((object["upstreams"] as? [[String: Any]])?.first)
        #expect(upstream["utilisation"] as? Double == 0.95)
        #expect(
            upstream["warnings"] as? [String] == [
                "7 requests wait for a connection", "95 of 100 connections in use",
            ])
    }

    @Test(arguments: [(5, 90, 0), (6, 90, 1), (0, 91, 1), (6, 91, 2), (0, 0, 0)])
    func warningsBeginAboveTheirThresholds(waiting: Int, active: Int, warnings: Int) {
        var upstream = UpstreamReading(name: "api")
        upstream.waiting = waiting
        upstream.connectionsActive = active
        upstream.connectionsLimit = 100
        #expect(upstream.warnings.count == warnings)
        upstream.connectionsLimit = 0
        #expect(upstream.utilisation == nil)
    }

    @Test func theHitRateLeavesOutWhatTheCacheMayNotAnswer() {
        var worker = WorkerMetrics(labels: sampleLabels)
        for outcome in CacheOutcome.allCases { worker.record(sampleRecord(outcome)) }
        #expect(worker.snapshot().routes[0].hitRate == 5.0 / 6)
        #expect(worker.snapshot().routes[1].hitRate == nil)
    }

    @Test func anEmptyReportIsStillWhole() throws {
        let object = try report(MetricsSnapshot(labels: sampleLabels))
        #expect(object["hit_rate"] is NSNull && object["requests_per_second"] as? Double == 0)
    }
}
