// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import Foundation
import HTTPMessages
import Testing

@testable import Telemetry

func sampleGauges() -> Gauges {
    var gauges = Gauges(
        version: "1.2.3", startWallSeconds: 1_795_250_000, uptimeSeconds: 5_200.5,
        lastReloadWallSeconds: 1_795_250_001)
    gauges.clientConnections = 12
    gauges.heldBytes = 700
    gauges.heldLimitBytes = 1000
    gauges.connectionsCut = [LabelledCount("memory", 4)]
    gauges.l1.bytes = 1_048_576
    gauges.l1.limitBytes = 268_435_456
    gauges.l1.entries = 42
    gauges.l1.evictions = [LabelledCount("capacity", 3), LabelledCount("expired", 4)]
    var upstream = UpstreamReading(name: "api")
    upstream.connectionsActive = 95
    upstream.connectionsIdle = 5
    upstream.connectionsTunnelled = 2
    upstream.connectionsStreaming = 3
    upstream.connectionsLimit = 100
    upstream.waiting = 7
    upstream.errors = [LabelledCount("connect", 2)]
    gauges.upstreams = [upstream]
    gauges.purges = [LabelledCount("tag", 9)]
    gauges.rules.pending = [LabelledCount("url", 6)]
    gauges.rules.folded = 8
    gauges.rules.waits = 9
    gauges.rules.unproved = [LabelledCount("memory", 2)]
    var log = LogReading()
    log.isFollowing = true
    log.waiting = 2
    log.liveNodes = 3
    log.applied = [LabelledCount("own", 5), LabelledCount("other", 6)]
    log.restarts = [LabelledCount("start", 1)]
    log.confirmations = [LabelledCount("complete", 4)]
    log.sweepPasses = 7
    log.sweepRecords = 80
    log.sweepRemoved = 9
    log.sweeps = true
    gauges.log = log
    gauges.residentBytes = 7_753_728
    gauges.logLinesDropped = [LogLossReading(log: "access_log", reason: "disk_full", lines: 1)]
    var recoded = RecodingReading(route: "/api/users/*", coding: .brotli)
    recoded.results = [LabelledCount("made", 3)]
    recoded.inputBytes = 300
    recoded.outputBytes = 20
    recoded.nanoseconds = 2_000_000
    gauges.recoded = [recoded]
    return gauges
}

func sampleCounts() -> MetricsSnapshot {
    var worker = WorkerMetrics(labels: sampleLabels)
    var miss = sampleRecord(.miss, milliseconds: 20)
    miss.upstreamNanoseconds = 19_000_000
    miss.bytesSent = 500
    miss.bytesReceived = 100
    miss.isSlow = true
    miss.forwardReason = .uriMiss
    miss.notStoredReason = 0
    worker.record(miss)
    worker.record(sampleRecord(.collapsed, milliseconds: 5, method: .head))
    var stale = sampleRecord(.stale, status: 503, milliseconds: 1)
    stale.staleReason = 1
    worker.record(stale)
    worker.record(sampleRecord(route: RequestRecord.noRoute, .local, status: 404))
    var coded = CodingMetrics()
    coded.answers = 2
    coded.codedBytes = 100
    coded.savedBytes = 900
    coded.nanoseconds = 1_500_000
    worker.record(coded, .gzip, route: 0)
    return worker.snapshot()
}

@Suite struct PrometheusTextTests {
    func lines() -> [String] {
        written { PrometheusText.write(sampleCounts(), sampleGauges(), into: &$0) }
            .split(separator: "\n").map(String.init)
    }

    @Test(arguments: [
        #"larder_requests_total{route="/api/users/*",status_class="2xx",cache="miss"} 1"#,
        #"larder_requests_total{route="/api/users/*",status_class="5xx",cache="stale"} 1"#,
        #"larder_requests_total{route="none",status_class="4xx",cache="local"} 1"#,
        #"larder_requests_by_method_total{route="/api/users/*",method="HEAD"} 1"#,
        "larder_log_following 1", "larder_log_waiting 2", "larder_nodes_live 3",
        #"larder_log_applied_total{origin="other"} 6"#, #"larder_log_restarts_total{reason="start"} 1"#,
        #"larder_confirmations_total{result="complete"} 4"#,
        "larder_sweep_passes_total 7", "larder_sweep_records_total 80", "larder_sweep_removed_total 9",
        "larder_sweep_lock 1",
        #"larder_request_duration_seconds_bucket{route="/api/users/*",cache="miss",le="0.01"} 0"#,
        #"larder_request_duration_seconds_bucket{route="/api/users/*",cache="miss",le="0.025"} 1"#,
        #"larder_request_duration_seconds_bucket{route="/api/users/*",cache="miss",le="+Inf"} 1"#,
        #"larder_request_duration_seconds_bucket{route="/api/users/*",cache="collapsed",le="0.005"} 1"#,
        #"larder_request_duration_seconds_sum{route="/api/users/*",cache="miss"} 0.020000000"#,
        #"larder_request_duration_seconds_count{route="/api/users/*",cache="miss"} 1"#,
        #"larder_upstream_duration_seconds_sum{route="/api/users/*"} 0.019000000"#,
        #"larder_received_bytes_total{route="/api/users/*"} 100"#,
        #"larder_sent_bytes_total{route="/api/users/*"} 500"#,
        #"larder_slow_requests_total{route="/api/users/*"} 1"#,
        #"larder_forwarded_total{route="/api/users/*",reason="uri-miss"} 1"#,
        #"larder_not_stored_total{route="/api/users/*",reason="no-store"} 1"#,
        #"larder_coded_answers_total{route="/api/users/*",coding="gzip"} 2"#,
        #"larder_coding_saved_bytes_total{route="/api/users/*",coding="gzip"} 900"#,
        #"larder_coding_seconds_total{route="/api/users/*",coding="gzip"} 0.001500000"#,
        #"larder_coded_bytes_total{route="/api/users/*",coding="gzip"} 100"#,
        #"larder_recoded_total{route="/api/users/*",coding="br",result="made"} 3"#,
        #"larder_recoding_input_bytes_total{route="/api/users/*",coding="br"} 300"#,
        #"larder_recoding_output_bytes_total{route="/api/users/*",coding="br"} 20"#,
        #"larder_recoding_seconds_total{route="/api/users/*",coding="br"} 0.002000000"#, "larder_recoding_queue 0",
        #"larder_coalesced_total{route="/api/users/*"} 1"#,
        #"larder_stale_served_total{why="if-error"} 1"#,
        "larder_connections 12", "larder_connections_held_bytes 700", "larder_connections_held_limit_bytes 1000",
        #"larder_connections_cut_total{reason="memory"} 4"#, "larder_l1_bytes 1048576",
        "larder_l1_limit_bytes 268435456",
        "larder_l1_entries 42", #"larder_l1_evictions_total{reason="capacity"} 3"#,
        #"larder_upstream_connections{upstream="api",state="active"} 95"#,
        #"larder_upstream_connections{upstream="api",state="idle"} 5"#,
        #"larder_upstream_connections{upstream="api",state="tunnel"} 2"#,
        #"larder_upstream_connections{upstream="api",state="stream"} 3"#,
        #"larder_upstream_waiting{upstream="api"} 7"#,
        #"larder_upstream_errors_total{upstream="api",kind="connect"} 2"#,
        #"larder_invalidation_rules{kind="url"} 6"#, "larder_invalidation_rules_folded_total 8",
        "larder_invalidation_waits_total 9",
        #"larder_invalidation_unproved_total{tier="memory"} 2"#,
        #"larder_purges_total{kind="tag"} 9"#, "larder_config_last_reload_success 1",
        "larder_config_last_reload_timestamp_seconds 1795250001",
        "larder_process_resident_memory_bytes 7753728", "larder_process_start_time_seconds 1795250000",
        #"larder_log_lines_dropped_total{log="access_log",reason="disk_full"} 1"#,
        #"larder_build_info{version="1.2.3"} 1"#,
    ])
    func everyMetricHasItsSample(sample: String) {
        #expect(lines().contains(sample))
    }

    @Test func everyMetricIsDeclaredOnceBeforeItsSamples() {
        let lines = lines()
        for metric in Metric.allCases {
            let type = "# TYPE \(metric.name) \(metric.definition.kind.rawValue)"
            #expect(lines.count { $0 == type } == 1)
            #expect(lines.contains("# HELP \(metric.name) \(metric.definition.help)"))
        }
        var declared = ""
        for line in lines {
            if line.hasPrefix("# TYPE ") {
                declared = String(line.split(separator: " ")[2])
            } else if !line.hasPrefix("#") {
                #expect(line.hasPrefix(declared))
            }
        }
    }

    @Test func seriesThatCountedNothingAreLeftOut() {
        let lines = lines()
        #expect(!lines.contains { $0.contains("/static/*") })
        #expect(!lines.contains { $0.contains("cache=\"pass\"") })
    }

    @Test func labelValuesAreEscaped() {
        var worker = WorkerMetrics(labels: MetricLabels(routes: ["a\\b\"c\nd"]))
        worker.record(sampleRecord())
        let text = written { PrometheusText.write(worker.snapshot(), sampleGauges(), into: &$0) }
        #expect(text.contains("larder_sent_bytes_total{route=\"a\\\\b\\\"c\\nd\"} 0\n"))
    }

    static let promtool = "/usr/bin/promtool"

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: promtool)))
    func theFormatIsWhatThePrometheusToolsAccept() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "larder-\(UUID()).prom")
        defer { try? FileManager.default.removeItem(at: file) }
        try bytesWritten { PrometheusText.write(sampleCounts(), sampleGauges(), into: &$0) }.write(to: file)
        let check = Process()
        check.executableURL = URL(filePath: Self.promtool)
        check.arguments = ["check", "metrics"]
        check.standardInput = try FileHandle(forReadingFrom: file)
        try check.run()
        check.waitUntilExit()
        #expect(check.terminationStatus == 0)
    }
}

@Suite struct MetricTableTests {
    @Test(arguments: Metric.allCases)
    func namesFollowTheConventions(metric: Metric) {
        let definition = metric.definition
        #expect(metric.name.hasPrefix("larder_"))
        #expect(metric.name.hasSuffix("_total") == (definition.kind == .counter))
        #expect("\(definition.help)".hasSuffix("."))
        let base = metric.name.hasSuffix("_total") ? String(metric.name.dropLast(6)) : metric.name
        #expect(definition.unit == .none || base.hasSuffix("_\(definition.unit.rawValue)"))
    }

    @Test func theDocumentationHasOneRowForEach() {
        let rows = MetricTable.markdown().split(separator: "\n")
        #expect(rows.count == Metric.allCases.count + 2)
        #expect(
            rows[2]
                == "| `larder_requests_total` | counter |  | `route`, `status_class`, `cache` | Requests answered, each counted once. |"
        )
    }
}
