// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Nodes
import Redis
import Storage
import Telemetry

/// Invalidations on their way from here to all nodes.
extension SharedLog {
    /// Applies them here at once, and writes them to the log, or keeps them until it can be written to.
    ///
    /// - Returns: the epoch of the last of them in this process, which `confirm` takes.
    @discardableResult
    func issue(_ rules: [NamedRule], isSoft: Bool, wantsConfirmation: Bool = false, by peer: String = "") -> UInt64 {
        var last: UInt64 = 0
        let parts = Self.parts(rules, entryBytes: settings.entryBytes)
        for (index, part) in parts.enumerated() {
            let own = store.issue(part.rules(isSoft: isSoft, hasher: hasher))
            var entry = LogEntry(
                node: register.own, ownEpoch: own, isSoft: isSoft,
                wantsConfirmation: wantsConfirmation && index == parts.count - 1, rules: part)
            entry.by = peer
            add(entry)
            last = own
        }
        return last
    }

    /// One that was applied here as `ownEpoch` already.
    func add(_ rules: [NamedRule], ownEpoch: UInt64) {
        add(
            LogEntry(
                node: register.own, ownEpoch: ownEpoch, isSoft: false, wantsConfirmation: false, rules: rules))
    }

    private func add(_ entry: LogEntry) {
        figures.issued += 1
        switch outbox.add(entry) {
        case .write: write(entry)
        case .wait: break
        case .replaced(let earlier): store.withdrawShared(earlier)
        case .collapsed(let newest): collapsed(upTo: newest)
        case .collapsedAndWrite(let all):
            collapsed(upTo: all.ownEpoch)
            write(all)
        }
    }

    private func collapsed(upTo newest: UInt64) {
        store.collapseShared(upTo: newest)
        events.write(.warning, "log_queue_collapsed", ["epoch": .number(Int(clamping: newest))])
    }

    /// So that no entry is so long that it keeps the others waiting.
    private static func parts(_ rules: [NamedRule], entryBytes: Int) -> [[NamedRule]] {
        var parts: [[NamedRule]] = []
        var size = 0
        for rule in rules {
            if parts.isEmpty || size + rule.text.count > entryBytes {
                parts.append([])
                size = 0
            }
            parts[parts.count - 1].append(rule)
            size += rule.text.count + 16
        }
        return parts
    }

    func write(_ entry: LogEntry) {
        let session = session
        // A log that is gone is not made anew by an entry, but under another name.
        let options = server.knowsNoMakeStream ? ["NOMKSTREAM"] : []
        let arguments =
            ([keys.log] + options + ["MAXLEN", "~", "\(settings.maximumEntries)", "*"]).map { Array($0.utf8) }
            + entry.fields
        ask(
            failed: { [weak self] failure in self?.notWritten("\(failure.rawValue)", in: session) },
            { $0.command("XADD", arguments) },
            answered: { [weak self] reply in
                guard let self else { return }
                guard let epoch = LogReplies.epoch(reply) else {
                    return notWritten(reply.kind == .null ? "no such log" : reply.text.text(), in: session)
                }
                written(entry.ownEpoch, as: epoch)
            })
    }

    /// It may or may not stand in the log. The log is read to its end again, and what is not in it is written anew.
    private func notWritten(_ reason: String, in session: UInt64) {
        guard session == self.session, isAttached else { return }
        events.write(.warning, "log_not_written", ["error": .text(reason)])
        startAnew()
    }

    private func written(_ own: UInt64, as epoch: SharedEpoch) {
        if confirmations.written(own, as: epoch) {
            askRegister { [weak self] in
                guard let self else { return }
                confirmations.polled(own, register)
                answerConfirmed()
            }
        }
        answerConfirmed()
    }

    /// After a loss: nodes tell again that they have applied what somebody waits for here. They had it before, or read it
    /// before this entry, or read that everything is invalidated.
    func askAgain(except waiting: Set<UInt64>) {
        for own in confirmations.written where !waiting.contains(own) {
            write(LogEntry(node: register.own, ownEpoch: own, isSoft: false, wantsConfirmation: true, rules: []))
        }
    }

    // MARK: Confirmation

    /// Calls `answer` once: when the invalidation stands in the log, or when every live node has applied it, and at
    /// the latest when the time is up.
    func confirm(
        _ own: UInt64, awaitsNodes: Bool, timeoutMilliseconds: Int, _ answer: @escaping (ConfirmationReport) -> Void
    ) {
        answers[own] = answer
        confirmations.wait(
            for: own, awaitsNodes: awaitsNodes, timeoutMilliseconds: timeoutMilliseconds, now: loop.now)
        patience.start()
    }

    func answerConfirmed() {
        for (own, report) in confirmations.finished(register, now: loop.now) {
            if report.knowsNodes || report.epoch == nil { figures.countConfirmation(report) }
            answers.removeValue(forKey: own)?(report)
        }
        if confirmations.count == 0 { return patience.stop() }
        // Somebody's lease may be over.
        let now = loop.now.monotonicNanoseconds
        guard isInTouch, register.isDue(loop.now), lastAskedNanoseconds < now - 10_000_000 else { return }
        lastAskedNanoseconds = now
        askRegister { [weak self] in self?.answerConfirmed() }
    }
}

/// What came of sharing, since the start.
struct SharedLogFigures: Sendable {
    /// Whether the log is being followed, and was read to its end.
    var isCaughtUp = false
    var issued: UInt64 = 0
    /// Entries read back.
    var appliedOwn: UInt64 = 0
    var appliedOthers: UInt64 = 0
    var notUnderstood: UInt64 = 0
    /// How often the log was read from its first entry.
    var restarts: [LogRestart: UInt64] = [:]
    var confirmed: UInt64 = 0
    /// Not by all nodes, or not in time.
    var unconfirmed: UInt64 = 0

    mutating func countConfirmation(_ report: ConfirmationReport) {
        if report.isComplete { confirmed += 1 } else { unconfirmed += 1 }
    }
}
