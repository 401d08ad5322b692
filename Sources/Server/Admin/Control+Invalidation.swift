// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Nodes
import Storage
import Telemetry

/// `POST /invalidate` (promise 3).
extension Control {
    /// How many entries times rules are looked at, some 100 ns each, to tell how many match beside invalidating them.
    private static let countingLimit = 20_000
    /// The same for a dry run, which does nothing else and may take its time.
    private static let dryRunLimit = 200_000_000

    func invalidate(_ content: ContiguousArray<UInt8>, peer: String, answer: @escaping AdminAnswer) {
        let start = kernel.monotonicNanoseconds()
        let call: InvalidationCall
        let plan: InvalidationPlan
        do throws(AdminError) {
            call = try InvalidationCall.read(content)
            plan = try InvalidationPlan(call, snapshot: snapshot, hasher: proxy.shared.hasher)
        } catch {
            return answer(AdminResponse(error))
        }
        if call.dryRun { return dryRun(call, plan, answer: answer) }
        var effect = InvalidationEffect(call)
        let isExact = plan.others.isEmpty && !call.soft
        effect.matched = isExact ? nil : countIfCheap(plan.rules)
        if !call.soft { for key in plan.keys { effect.removed += store.remove(key: key.text.span, hash: key.hash) } }
        if isExact { effect.matched = effect.removed }
        effect.isPending = !plan.others.isEmpty
        if effect.isPending { sweepTimer.start() }
        for (kind, count) in plan.counts { purges[kind, default: 0] &+= UInt64(count) }
        issue(plan, call, peer: peer) { [weak self] epoch, report in
            guard let self else { return }
            effect.epoch = epoch
            effect.report = report
            effect.durationNanoseconds = UInt64(max(0, kernel.monotonicNanoseconds() - start))
            record(effect, peer: peer)
            answer(effect.response)
        }
    }

    /// Applies it here at once; calls `done` when it has come as far as the call asks.
    private func issue(
        _ plan: InvalidationPlan, _ call: InvalidationCall, peer: String,
        done: @escaping (InvalidationEffect.Epoch, ConfirmationReport?) -> Void
    ) {
        guard let log else { return done(.own(store.invalidate(plan.rules)), nil) }
        let own = log.issue(plan.named, isSoft: call.soft, wantsConfirmation: call.wait == .all, by: peer)
        // Who does not wait for the nodes does not wait for Redis either when it is known to be away.
        let patience = call.wait == .all ? call.timeoutMilliseconds : log.follower.isCaughtUp ? 1000 : 0
        log.confirm(own, awaitsNodes: call.wait == .all, timeoutMilliseconds: patience) { report in
            done(.shared(report.epoch), report)
        }
    }

    private func record(_ effect: InvalidationEffect, peer: String) {
        let call = effect.call
        let entry = InvalidationAudit.Entry(
            at: kernel.now(), peer: peer, epoch: effect.epoch, isSoft: call.soft, rules: call.counts,
            sample: call.sample, removed: effect.removed, durationNanoseconds: effect.durationNanoseconds)
        audit.add(entry)
        events.write(
            .info, "invalidated",
            [
                "epoch": .text(entry.epoch.text), "peer": .text(entry.peer),
                "rules": .text(entry.rules.map { "\($0.name):\($0.count)" }.joined(separator: ",")),
                "sample": .text(entry.sample.joined(separator: " ")), "soft": .boolean(entry.isSoft),
                "removed": .number(entry.removed),
                "duration_ms": .milliseconds(nanoseconds: entry.durationNanoseconds),
            ])
    }

    /// What other nodes were asked to invalidate, with which this one has just dealt.
    func applied(_ entries: [PlacedEntry]) {
        sweepTimer.start()
        for placed in entries where !placed.entry.by.isEmpty {
            let entry = placed.entry
            let counts = NamedRule.Kind.allCases.map { kind in
                (name: kind.rawValue, count: entry.rules.count { $0.kind == kind })
            }
            let sample = entry.rules.prefix(InvalidationAudit.sampleLimit).map {
                String(String(decoding: $0.text, as: UTF8.self).prefix(200))
            }
            audit.add(
                InvalidationAudit.Entry(
                    at: kernel.now(), peer: entry.by, node: log?.name(of: entry.node), epoch: .shared(placed.epoch),
                    isSoft: entry.isSoft, rules: counts.filter { $0.count > 0 }, sample: sample, removed: 0,
                    durationNanoseconds: 0))
        }
    }

    /// nil when there is so much to look at that counting would take longer than the call may.
    private func countIfCheap(_ rules: [InvalidationRule]) -> Int? {
        let entries = store.statistics.entries
        guard entries <= Self.countingLimit / max(rules.count, 1) else { return nil }
        return store.count(matching: rules, budgetBytes: Self.countingLimit * Self.usualKeyBytes)
    }

    private static var usualKeyBytes: Int { 100 }

    /// Counts where blocking holds up nobody.
    private func dryRun(_ call: InvalidationCall, _ plan: InvalidationPlan, answer: @escaping AdminAnswer) {
        let rules = plan.rules
        guard store.statistics.entries <= Self.dryRunLimit / max(rules.count, 1) else {
            return answer(
                AdminResponse(
                    AdminError(
                        status: 413, "too_many_items",
                        "counting \(rules.count) rules would take too long: try fewer at a time")))
        }
        let store = store
        var effect = InvalidationEffect(call)
        effect.epoch = log == nil ? .own(store.currentEpoch) : .shared(store.appliedSharedEpoch)
        let bound = LoopBound((effect, answer), to: loop)
        proxy.blockingLoop.mailbox.post { _ in
            let matched = store.count(matching: rules)
            bound.mailbox.post { _ in
                var (effect, answer) = bound.value
                effect.matched = matched
                answer(effect.response)
            }
        }
    }
}

extension InvalidationCall {
    /// The first few things named.
    var sample: [String] {
        let named =
            urls.prefix(5) + keys.prefix(5) + prefixes.prefix(5) + patterns.prefix(5) + tags.prefix(5)
            + groups.prefix(5)
        return named.prefix(InvalidationAudit.sampleLimit).map { String($0.prefix(200)) }
    }
}
