// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import Storage

/// How far an invalidation has come, for whoever waits for it.
package struct ConfirmationReport: Equatable, Sendable {
    package struct Node: Equatable, Sendable {
        package var id: String
        package var name: String
        /// After the call, until it was known that the node had applied it; nil when it did not in time.
        package var nanoseconds: Int64?
    }

    /// nil when it could not be written to the log in time.
    package var epoch: SharedEpoch?
    package var nodes: [Node]
    /// Whether `nodes` names all that were live.
    package var knowsNodes: Bool

    /// Whether every live node has applied it.
    package var isComplete: Bool { epoch != nil && knowsNodes && nodes.allSatisfy { $0.nanoseconds != nil } }
    package var missing: [Node] { nodes.filter { $0.nanoseconds == nil } }
}

/// Those who wait until all live nodes have applied their invalidations. Pure.
package struct Confirmations: Sendable {
    private struct Wait {
        let sentNanoseconds: Int64
        let deadlineNanoseconds: Int64
        /// Else only until it stands in the log.
        let awaitsNodes: Bool
        var epoch: SharedEpoch?
        /// Who has to be waited for; nil while that is not known.
        var nodes: [(id: String, name: String)]?
        /// When they had applied it, after it was sent.
        var times: [String: Int64] = [:]
    }

    /// By the issuing node's epoch.
    private var waits: [UInt64: Wait] = [:]

    package init() {}

    package var count: Int { waits.count }

    /// Those that stood in the log, and wait for nodes to have applied them.
    package var written: [UInt64] { waits.filter { $0.value.awaitsNodes && $0.value.epoch != nil }.keys.sorted() }

    package var nextDeadlineNanoseconds: Int64? { waits.values.map(\.deadlineNanoseconds).min() }

    /// - Parameters:
    ///   - ownEpoch: of `LogEntry`.
    ///   - awaitsNodes: no: only until it stands in the log.
    package mutating func wait(
        for ownEpoch: UInt64, awaitsNodes: Bool = true, timeoutMilliseconds: Int, now: Moment
    ) {
        waits[ownEpoch] = Wait(
            sentNanoseconds: now.monotonicNanoseconds,
            deadlineNanoseconds: now.monotonicNanoseconds + Int64(timeoutMilliseconds) * 1_000_000,
            awaitsNodes: awaitsNodes)
    }

    /// It stands in the log. Answers whether somebody waits for the nodes: then the register is to be read, from now on
    /// and not earlier, since a node that is not in it by now will read this entry before it relies on anything.
    package mutating func written(_ ownEpoch: UInt64, as epoch: SharedEpoch) -> Bool {
        waits[ownEpoch]?.epoch = epoch
        return waits[ownEpoch]?.awaitsNodes ?? false
    }

    /// The register, read after `written`.
    package mutating func polled(_ ownEpoch: UInt64, _ register: NodeRegister) {
        waits[ownEpoch]?.times[register.own] = 0
        waits[ownEpoch]?.nodes = [(register.own, register.name)] + register.awaited.map { ($0.id, $0.name) }
    }

    /// A node has applied it. It names the entry itself: IDs of a log that Redis has lost may be higher than those of
    /// the one that came after it.
    package mutating func acknowledged(_ ownEpoch: UInt64, by node: String, now: Moment) {
        guard let wait = waits[ownEpoch], wait.times[node] == nil else { return }
        waits[ownEpoch]?.times[node] = now.monotonicNanoseconds - wait.sentNanoseconds
    }

    /// Those who wait no longer, with what they are told: all is confirmed, or their time is up. A node whose lease ends
    /// meanwhile is not waited for. Nothing is confirmed while there may be nodes that nobody knows of.
    package mutating func finished(_ register: NodeRegister, now: Moment) -> [(ownEpoch: UInt64, ConfirmationReport)] {
        var done: [(ownEpoch: UInt64, ConfirmationReport)] = []
        let isRegisterComplete = register.isComplete(now)
        for (own, wait) in waits {
            let isLate = now.monotonicNanoseconds >= wait.deadlineNanoseconds
            var report = ConfirmationReport(
                epoch: wait.epoch, nodes: [], knowsNodes: wait.nodes != nil && isRegisterComplete)
            for (id, name) in wait.nodes ?? [] {
                report.nodes.append(ConfirmationReport.Node(id: id, name: name, nanoseconds: wait.times[id]))
            }
            if !isLate { report.nodes.removeAll { $0.nanoseconds == nil && register.isGone($0.id) } }
            guard isLate || report.isComplete || (!wait.awaitsNodes && report.epoch != nil) else { continue }
            waits[own] = nil
            done.append((own, report))
        }
        return done.sorted { $0.ownEpoch < $1.ownEpoch }
    }
}
