// SPDX-License-Identifier: Apache-2.0
import Bytes
import Nodes
import Telemetry

/// The latest invalidations, for those who ask where their cache has gone.
struct InvalidationAudit: Sendable {
    struct Entry: Sendable {
        var at: Moment
        /// The peer's address.
        var peer: String
        /// Where it was asked for; nil for this node.
        var node: String?
        var epoch: InvalidationEffect.Epoch
        var isSoft: Bool
        var rules: [(name: String, count: Int)]
        /// The first few things named.
        var sample: [String]
        var removed: Int
        var durationNanoseconds: UInt64
    }

    static let limit = 100
    static let sampleLimit = 5

    /// Oldest first.
    private(set) var entries: [Entry] = []

    mutating func add(_ entry: Entry) {
        if entries.count == Self.limit { entries.removeFirst() }
        entries.append(entry)
    }

    /// Newest first.
    func write(to json: inout JSONWriter) {
        json.array("invalidations") { json in
            for entry in entries.reversed() { json.object { Self.write(entry, to: &$0) } }
        }
    }

    private static func write(_ entry: Entry, to json: inout JSONWriter) {
        var time = ByteBuffer(capacity: 32)
        Timestamp.write(entry.at, into: &time)
        json.key("time")
        json.string(time.span)
        json.field("peer", entry.peer)
        if let node = entry.node { json.field("node", node) }
        json.key("epoch")
        entry.epoch.write(to: &json)
        json.field("soft", entry.isSoft)
        json.object("rules") { json in
            for rule in entry.rules {
                json.key(rule.name)
                json.number(rule.count)
            }
        }
        json.array("sample") { json in for text in entry.sample { json.string(text) } }
        json.field("removed", entry.removed)
        json.field("duration_ms", milliseconds: entry.durationNanoseconds)
    }
}
