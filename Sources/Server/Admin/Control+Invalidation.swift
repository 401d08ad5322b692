// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
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
        let isExact = plan.others.isEmpty && !call.soft
        let counted = isExact ? nil : countIfCheap(plan.rules)
        var removed = 0
        if !call.soft { for key in plan.keys { removed += store.remove(key: key.text.span, hash: key.hash) } }
        let epoch = store.invalidate(plan.rules)
        if !plan.others.isEmpty { sweepTimer.start() }
        for (kind, count) in plan.counts { purges[kind, default: 0] &+= UInt64(count) }
        let entry = InvalidationAudit.Entry(
            at: kernel.now(), peer: peer, epoch: epoch, isSoft: call.soft, rules: call.counts, sample: call.sample,
            removed: removed, durationNanoseconds: UInt64(max(0, kernel.monotonicNanoseconds() - start)))
        record(entry)
        answer(
            Self.response(
                call, epoch: epoch, removed: removed, matched: isExact ? removed : counted,
                isPending: !plan.others.isEmpty))
    }

    private func record(_ entry: InvalidationAudit.Entry) {
        audit.add(entry)
        events.write(
            .info, "invalidated",
            [
                "epoch": .number(Int(clamping: entry.epoch)), "peer": .text(entry.peer),
                "rules": .text(entry.rules.map { "\($0.name):\($0.count)" }.joined(separator: ",")),
                "sample": .text(entry.sample.joined(separator: " ")), "soft": .boolean(entry.isSoft),
                "removed": .number(entry.removed),
                "duration_ms": .milliseconds(nanoseconds: entry.durationNanoseconds),
            ])
    }

    /// nil when there is so much to look at that counting would take longer than the call may.
    private func countIfCheap(_ rules: [InvalidationRule]) -> Int? {
        let entries = store.statistics.entries
        guard entries <= Self.countingLimit / max(rules.count, 1) else { return nil }
        return store.count(matching: rules)
    }

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
        let epoch = store.currentEpoch
        let bound = LoopBound(answer, to: loop)
        proxy.blockingLoop.mailbox.post { _ in
            let matched = store.count(matching: rules)
            bound.mailbox.post { _ in
                bound.value(Self.response(call, epoch: epoch, removed: 0, matched: matched, isPending: false))
            }
        }
    }

    private static func response(
        _ call: InvalidationCall, epoch: UInt64, removed: Int, matched: Int?, isPending: Bool
    ) -> AdminResponse {
        .json { json in
            json.field("epoch", epoch)
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
