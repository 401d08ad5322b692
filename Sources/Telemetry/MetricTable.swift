// SPDX-License-Identifier: Apache-2.0

/// Every metric there is. The text for Prometheus and the documentation are made from this table, and names stand
/// nowhere else; a new case does not compile until `PrometheusText` says where its samples come from.
package enum Metric: String, CaseIterable, Sendable {
    case requests = "larder_requests_total"
    case methods = "larder_requests_by_method_total"
    case requestDuration = "larder_request_duration_seconds"
    case upstreamDuration = "larder_upstream_duration_seconds"
    case received = "larder_received_bytes_total"
    case sent = "larder_sent_bytes_total"
    case slow = "larder_slow_requests_total"
    case forwarded = "larder_forwarded_total"
    case notStored = "larder_not_stored_total"
    case droppedFields = "larder_request_fields_dropped_total"
    case coalesced = "larder_coalesced_total"
    case codedAnswers = "larder_coded_answers_total"
    case codedBytes = "larder_coded_bytes_total"
    case codingSaved = "larder_coding_saved_bytes_total"
    case codingInput = "larder_coding_input_bytes_total"
    case codingOutput = "larder_coding_output_bytes_total"
    case codingTime = "larder_coding_seconds_total"
    case recoded = "larder_recoded_total"
    case recodingInput = "larder_recoding_input_bytes_total"
    case recodingOutput = "larder_recoding_output_bytes_total"
    case recodingTime = "larder_recoding_seconds_total"
    case recodingQueue = "larder_recoding_queue"
    case staleServed = "larder_stale_served_total"
    case connections = "larder_connections"
    case tunnels = "larder_tunnels"
    case connectionsHeld = "larder_connections_held_bytes"
    case connectionsHeldLimit = "larder_connections_held_limit_bytes"
    case connectionsCut = "larder_connections_cut_total"
    case l1Bytes = "larder_l1_bytes"
    case l1Limit = "larder_l1_limit_bytes"
    case l1Entries = "larder_l1_entries"
    case l1Evictions = "larder_l1_evictions_total"
    case l2Lookups = "larder_l2_lookups_total"
    case l2Duration = "larder_l2_lookup_duration_seconds"
    case l2Writes = "larder_l2_writes_total"
    case l2Forms = "larder_l2_forms_total"
    case l2FormWrites = "larder_l2_form_writes_total"
    case nodeTurns = "larder_coalesce_nodes_total"
    case nodeWaits = "larder_coalesce_nodes_wait_seconds"
    case l2Queue = "larder_l2_write_queue_bytes"
    case l2Loaded = "larder_l2_hot_keys_loaded_total"
    case l2Bytes = "larder_l2_bytes_total"
    case l2Breakers = "larder_l2_breakers"
    case l2BreakerOpened = "larder_l2_breaker_opened_total"
    case l2Failures = "larder_l2_failures_total"
    case upstreamConnections = "larder_upstream_connections"
    case upstreamWaiting = "larder_upstream_waiting"
    case upstreamErrors = "larder_upstream_errors_total"
    case purges = "larder_purges_total"
    case rules = "larder_invalidation_rules"
    case ruleWaits = "larder_invalidation_waits_total"
    case rulesFolded = "larder_invalidation_rules_folded_total"
    case unproved = "larder_invalidation_unproved_total"
    case logFollowing = "larder_log_following"
    case logWaiting = "larder_log_waiting"
    case logApplied = "larder_log_applied_total"
    case logRestarts = "larder_log_restarts_total"
    case logCollapses = "larder_log_collapses_total"
    case logForeign = "larder_log_foreign_total"
    case confirmations = "larder_confirmations_total"
    case nodesLive = "larder_nodes_live"
    case sweepPasses = "larder_sweep_passes_total"
    case sweepRecords = "larder_sweep_records_total"
    case sweepRemoved = "larder_sweep_removed_total"
    case sweepLock = "larder_sweep_lock"
    case reloadSuccess = "larder_config_last_reload_success"
    case reloadTime = "larder_config_last_reload_timestamp_seconds"
    case residentMemory = "larder_process_resident_memory_bytes"
    case startTime = "larder_process_start_time_seconds"
    case logLinesDropped = "larder_log_lines_dropped_total"
    case buildInfo = "larder_build_info"

    package enum Kind: String, Sendable { case counter, gauge, histogram }

    package enum Unit: String, Sendable { case none = "", seconds, bytes }

    package struct Definition: Sendable {
        package let kind: Kind
        package let unit: Unit
        package let labels: [StaticString]
        package let help: StaticString

        fileprivate init(_ kind: Kind, _ unit: Unit = .none, _ labels: [StaticString] = [], _ help: StaticString) {
            self.kind = kind
            self.unit = unit
            self.labels = labels
            self.help = help
        }
    }

    package var name: String { rawValue }

    package var definition: Definition {
        switch self {
        case .requests:
            Definition(.counter, .none, ["route", "status_class", "cache"], "Requests answered, each counted once.")
        case .methods: Definition(.counter, .none, ["route", "method"], "Requests answered, by method.")
        case .requestDuration:
            Definition(
                .histogram, .seconds, ["route", "cache"], "From the first byte of a request to the last of its answer.")
        case .upstreamDuration:
            Definition(
                .histogram, .seconds, ["route"], "From a request that was sent upstream to the head of its answer.")
        case .received:
            Definition(.counter, .bytes, ["route"], "Bytes received from clients, heads and decoded bodies.")
        case .sent: Definition(.counter, .bytes, ["route"], "Bytes sent to clients.")
        case .slow: Definition(.counter, .none, ["route"], "Requests that took longer than the route's slow setting.")
        case .forwarded:
            Definition(
                .counter, .none, ["route", "reason"], "Clients' requests that the origin was asked for, and why.")
        case .notStored: Definition(.counter, .none, ["route", "reason"], "Responses not stored, and why.")
        case .droppedFields:
            Definition(
                .counter, .none, ["route", "kind"],
                "Field lines of requests that were not sent on, and what they were: identity, unusual-name or trailer.")
        case .coalesced:
            Definition(.counter, .none, ["route"], "Requests answered by a fetch that another request had begun.")
        case .codedAnswers:
            Definition(.counter, .none, ["route", "coding"], "Answers sent whole in a coding that was made here.")
        case .codedBytes:
            Definition(.counter, .bytes, ["route", "coding"], "Bytes that the bodies of such answers had.")
        case .codingSaved:
            Definition(.counter, .bytes, ["route", "coding"], "Bytes that such answers were shorter than plain ones.")
        case .codingInput: Definition(.counter, .bytes, ["route", "coding"], "Bytes given to coders on event loops.")
        case .codingOutput: Definition(.counter, .bytes, ["route", "coding"], "Bytes that these coders made of them.")
        case .codingTime: Definition(.counter, .seconds, ["route", "coding"], "Time that these coders took.")
        case .recoded:
            Definition(
                .counter, .none, ["route", "coding", "result"],
                "Bodies to be coded anew in the background, and what became of them.")
        case .recodingInput:
            Definition(.counter, .bytes, ["route", "coding"], "Bytes given to coders in the background.")
        case .recodingOutput:
            Definition(.counter, .bytes, ["route", "coding"], "Bytes that these coders made of them.")
        case .recodingTime: Definition(.counter, .seconds, ["route", "coding"], "Time that these coders computed.")
        case .recodingQueue: Definition(.gauge, .none, [], "Bodies that wait to be coded in the background.")
        case .staleServed: Definition(.counter, .none, ["why"], "Stale responses served, and why they were allowed.")
        case .connections: Definition(.gauge, .none, [], "Open client connections.")
        case .tunnels:
            Definition(.gauge, .none, ["route"], "Connections that have changed their protocol.")
        case .connectionsHeld:
            Definition(.gauge, .bytes, [], "Memory taken by what clients make Larder hold: heads, bodies, output.")
        case .connectionsHeldLimit: Definition(.gauge, .bytes, [], "Memory that this may take.")
        case .connectionsCut:
            Definition(
                .counter, .none, ["reason"],
                "Client connections closed for others: idle ones for a place, slow ones for memory or an upstream's.")
        case .l1Bytes: Definition(.gauge, .bytes, [], "Memory taken by stored responses, bookkeeping included.")
        case .l1Limit: Definition(.gauge, .bytes, [], "Memory that stored responses may take.")
        case .l1Entries: Definition(.gauge, .none, [], "Stored responses in memory.")
        case .l1Evictions: Definition(.counter, .none, ["reason"], "Stored responses removed from memory, and why.")
        case .l2Lookups: Definition(.counter, .none, ["result"], "Requests that asked Redis, and what it had.")
        case .l2Duration: Definition(.histogram, .seconds, [], "Time that Redis took to answer lookups.")
        case .l2Writes:
            Definition(.counter, .none, ["result"], "Responses to be kept in Redis, and what became of them.")
        case .l2Forms:
            Definition(.counter, .none, ["result"], "Coded bodies that were looked for in Redis, and what it had.")
        case .l2FormWrites:
            Definition(.counter, .none, ["result"], "Coded bodies to be kept in Redis, and what became of them.")
        case .nodeTurns:
            Definition(.counter, .none, ["result"], "Fetches coalesced among nodes, and what became of them.")
        case .nodeWaits:
            Definition(.histogram, .seconds, [], "Time that fetches waited for those of other nodes.")
        case .l2Queue: Definition(.gauge, .bytes, [], "Responses that wait to be written to Redis.")
        case .l2Loaded: Definition(.counter, .none, [], "Responses loaded from Redis at the start.")
        case .l2Bytes: Definition(.counter, .bytes, ["direction"], "Bytes exchanged with Redis.")
        case .l2Breakers:
            Definition(.gauge, .none, ["connection", "state"], "Circuit breakers of connections to Redis, by state.")
        case .l2BreakerOpened: Definition(.counter, .none, ["connection"], "How often a circuit breaker opened.")
        case .l2Failures:
            Definition(.counter, .none, ["connection", "kind"], "Failed commands and connections to Redis.")
        case .upstreamConnections: Definition(.gauge, .none, ["upstream", "state"], "Connections to upstreams.")
        case .upstreamWaiting: Definition(.gauge, .none, ["upstream"], "Requests that wait for a connection.")
        case .upstreamErrors: Definition(.counter, .none, ["upstream", "kind"], "Failed requests to upstreams.")
        case .purges: Definition(.counter, .none, ["kind"], "Invalidations accepted.")
        case .rules:
            Definition(.gauge, .none, ["kind"], "Rules of invalidations that some response in memory has not met yet.")
        case .ruleWaits:
            Definition(
                .counter, .none, [],
                "How often an invalidation waited until responses in memory had met earlier ones.")
        case .rulesFolded:
            Definition(
                .counter, .none, [],
                "Rules too many to be kept one by one: a share of what is older cannot be proved valid any more.")
        case .unproved:
            Definition(
                .counter, .none, ["tier"],
                "Responses dropped, not stored or not used because it was not known any more whether a rule matches.")
        case .logFollowing:
            Definition(.gauge, .none, [], "1 while other nodes' invalidations are heard of as they are made.")
        case .logWaiting: Definition(.gauge, .none, [], "Invalidations made here that other nodes cannot know yet.")
        case .logApplied: Definition(.counter, .none, ["origin"], "Entries of the shared log, own and others'.")
        case .logRestarts:
            Definition(
                .counter, .none, ["reason"], "How often the shared log was read anew and memory dropped, and why.")
        case .logCollapses:
            Definition(
                .counter, .none, [], "How often so many invalidations waited that they became one of everything.")
        case .logForeign:
            Definition(.counter, .none, [], "Entries of the shared log that were not understood and took everything.")
        case .confirmations:
            Definition(.counter, .none, ["result"], "Invalidations that were waited for: complete, or not in time.")
        case .nodesLive: Definition(.gauge, .none, [], "Nodes that share the log, this one included.")
        case .sweepPasses:
            Definition(.counter, .none, [], "Passes over all records in Redis that this node has brought to their end.")
        case .sweepRecords: Definition(.counter, .none, [], "Records in Redis that this node's sweep has looked at.")
        case .sweepRemoved:
            Definition(.counter, .none, [], "Invalidated records that this node's sweep has removed from Redis.")
        case .sweepLock: Definition(.gauge, .none, [], "1 while this node, under the lock of all, sweeps Redis.")
        case .reloadSuccess: Definition(.gauge, .none, [], "1 if the last reload of the configuration took effect.")
        case .reloadTime: Definition(.gauge, .seconds, [], "When the configuration last took effect.")
        case .residentMemory: Definition(.gauge, .bytes, [], "Resident memory of the process.")
        case .startTime: Definition(.gauge, .seconds, [], "When the process started.")
        case .logLinesDropped:
            Definition(
                .counter, .none, ["log", "reason"], "Log lines lost because they could not be written, and why.")
        case .buildInfo: Definition(.gauge, .none, ["version"], "Always 1; the version that runs is its label.")
        }
    }
}

package enum MetricTable {
    /// The table for the documentation.
    package static func markdown() -> String {
        var text = "| Metric | Kind | Unit | Labels | Meaning |\n|---|---|---|---|---|\n"
        for metric in Metric.allCases {
            let definition = metric.definition
            let labels = definition.labels.map { "`\($0)`" }.joined(separator: ", ")
            text += "| `\(metric.name)` | \(definition.kind.rawValue) | \(definition.unit.rawValue) "
            text += "| \(labels) | \(definition.help) |\n"
        }
        return text
    }
}
