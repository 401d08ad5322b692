// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import Storage

/// What a node says of itself in the register.
package struct NodeReport: Equatable, Sendable {
    /// Random, of one process.
    package var id: String
    /// For people.
    package var name: String
    /// Counts its reports; 0: it has ended, and is not waited for.
    package var turn: UInt64
    /// Up to where it has applied the log.
    package var applied: SharedEpoch

    package init(id: String, name: String, turn: UInt64, applied: SharedEpoch) {
        self.id = id
        self.name = name
        self.turn = turn
        self.applied = applied
    }

    /// What stands in the register under its ID.
    package var text: String { "\(turn) \(applied) \(name)" }

    /// nil for what no node wrote.
    package init?(id: String, text: String) {
        let parts = text.split(separator: " ", maxSplits: 2)
        guard parts.count == 3, let turn = UInt64(parts[0]), let applied = SharedEpoch(Array(parts[1].utf8).span)
        else { return nil }
        self.init(id: id, name: String(parts[2]), turn: turn, applied: applied)
    }
}

/// Which nodes there are. Pure.
///
/// Every node writes a report with a number that grows; one whose report does not change for the length of a lease, by
/// the clock of whoever looks, is not waited for. The node itself counts from before it wrote: it knows that its lease
/// is over no later than anybody else. No clock is compared with another's, and none that can be set is asked.
///
/// When Redis loses the register, the reports in it are lost too, though the nodes that wrote them rely on them until
/// their lease is over. So in a log that has just begun, nobody knows all nodes before it has stood for a lease.
package struct NodeRegister: Sendable {
    package struct Peer: Equatable, Sendable {
        package var report: NodeReport
        /// When its report last changed, as seen from here.
        package var changedNanoseconds: Int64
    }

    package let own: String
    package let name: String
    private let leaseNanoseconds: Int64
    private var turn: UInt64 = 0
    package private(set) var peers: [String: Peer] = [:]
    /// When the newest report that has arrived was sent.
    private var confirmedNanoseconds: Int64?
    /// When the register was last asked, of the times that it answered.
    private var askedNanoseconds = Int64.min
    /// The log by whose name the register is known.
    package private(set) var generation = LogGeneration.none
    /// From when on every node that is relied on has reported to this register.
    private var completeFromNanoseconds = Int64.max

    package init(own: String, name: String, leaseMilliseconds: Int) {
        self.own = own
        self.name = name
        leaseNanoseconds = Int64(leaseMilliseconds) * 1_000_000
    }

    // MARK: Oneself

    /// The next report of this node, which is about to be sent.
    package mutating func renew(applied: SharedEpoch?) -> NodeReport {
        turn += 1
        return NodeReport(id: own, name: name, turn: turn, applied: applied ?? .zero)
    }

    /// One that was sent then has arrived.
    package mutating func renewed(sent: Moment) {
        confirmedNanoseconds = max(confirmedNanoseconds ?? .min, sent.monotonicNanoseconds)
    }

    /// Until when others wait for this node; nil when they do not.
    package var confirmedUntilNanoseconds: Int64? { confirmedNanoseconds.map { $0 + leaseNanoseconds } }

    // MARK: The others

    /// What this node says when it ends.
    package var farewell: NodeReport { NodeReport(id: own, name: name, turn: 0, applied: .zero) }

    /// The register is that of another log, or this node's first.
    ///
    /// - Parameter settled: of the register.
    package mutating func adopted(_ generation: LogGeneration, settled: LogGeneration?, now: Moment) {
        guard generation != self.generation else { return }
        self.generation = generation
        completeFromNanoseconds = now.monotonicNanoseconds
        if settled != generation { completeFromNanoseconds += leaseNanoseconds }
    }

    /// Whether all nodes that may be relied on are in the register, or will read the log before they are.
    package func isComplete(_ now: Moment) -> Bool { now.monotonicNanoseconds >= completeFromNanoseconds }

    /// The whole register. Who is not in it any more is waited for as if it were: Redis may have lost it.
    ///
    /// - Parameter asked: when the question was sent.
    package mutating func observed(_ reports: [NodeReport], asked: Moment, now: Moment) {
        askedNanoseconds = max(askedNanoseconds, asked.monotonicNanoseconds)
        var next = peers.filter { !isGone($0.key) }
        for report in reports where report.id != own {
            let known = peers[report.id]
            let isSame = known?.report.turn == report.turn
            next[report.id] = Peer(
                report: report,
                changedNanoseconds: isSame ? known?.changedNanoseconds ?? 0 : now.monotonicNanoseconds)
        }
        peers = next
    }

    package func isLive(_ peer: Peer, now: Moment) -> Bool {
        peer.report.turn > 0 && now.monotonicNanoseconds - peer.changedNanoseconds < leaseNanoseconds
    }

    /// Whether it has not renewed its lease in time, which takes a look at the register from after its end: while Redis
    /// cannot be reached from here, it may be from there.
    package func isGone(_ id: String) -> Bool {
        guard let peer = peers[id] else { return true }
        return peer.report.turn == 0 || askedNanoseconds - peer.changedNanoseconds >= leaseNanoseconds
    }

    /// Who has to be waited for, sorted.
    var awaited: [NodeReport] { peers.values.map(\.report).filter { !isGone($0.id) }.sorted { $0.id < $1.id } }

    /// Whether enough time has passed since the register was asked for it to tell of another end of a lease.
    package func isDue(_ now: Moment) -> Bool {
        askedNanoseconds < now.monotonicNanoseconds - leaseNanoseconds / 10
    }

    /// Sorted, so that the order is stable.
    package func live(now: Moment) -> [NodeReport] {
        peers.values.filter { isLive($0, now: now) }.map(\.report).sorted { $0.id < $1.id }
    }

    /// Gone for so long that nobody asks for them any more.
    package func prunable(now: Moment) -> [String] {
        peers.values.filter { now.monotonicNanoseconds - $0.changedNanoseconds >= 10 * leaseNanoseconds }
            .map(\.report.id).sorted()
    }
}
