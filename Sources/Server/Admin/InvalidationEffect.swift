// SPDX-License-Identifier: Apache-2.0
import Nodes
import Storage
import Telemetry

/// What came of an invalidation call, and how it is told.
struct InvalidationEffect {
    enum Epoch {
        /// Of this process, which shares no log.
        case own(UInt64)
        /// Of the shared log; nil while it could not be written there.
        case shared(SharedEpoch?)

        var text: String {
            switch self {
            case .own(let epoch): "\(epoch)"
            case .shared(let epoch): epoch?.description ?? ""
            }
        }

        func write(to json: inout JSONWriter) {
            switch self {
            case .own(let number): json.number(Int(clamping: number))
            case .shared(let shared): if let shared { json.string("\(shared)") } else { json.null() }
            }
        }
    }

    let call: InvalidationCall
    var epoch = Epoch.own(0)
    var removed = 0
    /// nil when counting would take long.
    var matched: Int?
    /// Memory is still to be swept.
    var isPending = false
    /// How far it came among the nodes; nil where there is no log.
    var report: ConfirmationReport?
    var durationNanoseconds: UInt64 = 0

    init(_ call: InvalidationCall) { self.call = call }

    /// 202: it holds here, and waits to be told to the others. 504: not all have applied it in time.
    private var status: UInt16 {
        guard let report else { return 200 }
        if call.wait == .all { return report.isComplete ? 200 : 504 }
        return report.epoch == nil ? 202 : 200
    }

    var response: AdminResponse {
        .json(status) { json in
            json.key("epoch")
            epoch.write(to: &json)
            json.field("soft", call.soft)
            json.field("dry_run", call.dryRun)
            json.object("rules") { json in
                for (name, count) in call.counts {
                    json.key(name)
                    json.number(count)
                }
            }
            json.field("removed", removed)
            json.key("matched")
            if let matched { json.number(matched) } else { json.null() }
            json.field("pending_sweep", isPending)
            if call.wait == .all, !call.dryRun { writeNodes(to: &json) }
        }
    }

    private func writeNodes(to json: inout JSONWriter) {
        json.field("confirmed", report?.isComplete ?? true)
        json.field("nodes_known", report?.knowsNodes ?? true)
        json.array("nodes") { json in
            for node in report?.nodes ?? [] {
                json.object { json in
                    json.field("name", node.name)
                    json.field("id", node.id)
                    json.key("applied_ms")
                    if let time = node.nanoseconds {
                        json.milliseconds(nanoseconds: UInt64(max(0, time)))
                    } else {
                        json.null()
                    }
                }
            }
        }
        json.array("missing") { json in for node in report?.missing ?? [] { json.string(node.name) } }
    }
}
