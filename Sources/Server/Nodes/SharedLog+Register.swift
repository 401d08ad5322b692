// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Nodes
import Redis
import Storage
import Telemetry

/// This node and the others, as each says of itself.
extension SharedLog {
    /// Tells that this node lives, and calls `arrived` when that stands in the register, where it was not known before
    /// or was.
    func report(arrived: @escaping (_ isNew: Bool) -> Void) {
        let session = session
        loop.refreshNow()
        let sent = loop.now
        let report = register.renew(applied: follower.applied)
        let retry: (String) -> Void = { [weak self] reason in
            guard let self, self.session == session, isAttached, !follower.isCaughtUp else { return }
            events.write(.warning, "node_not_registered", ["error": .text(reason)])
            startAnew()
        }
        ask(
            failed: { retry($0.rawValue) },
            { [keys] in $0.command("HSET", keys.nodes, report.id, report.text) },
            answered: { [weak self] reply in
                guard let self, self.session == session else { return }
                guard let added = reply.integer(of: reply.root) else { return retry(reply.text.text()) }
                register.renewed(sent: sent)
                arrived(added > 0)
            })
    }

    /// Only while the log is being followed: others shall not wait for a node that does not hear of anything.
    func renewLease() {
        guard isAttached, isInTouch else { return }
        report { [weak self] isNew in
            guard let self else { return }
            loop.refreshNow()
            // After a gap, or where this node was forgotten, others did not wait for it; what they confirmed without it
            // has to be read.
            guard store.isConfirmed(loop.now), !isNew else { return readAnew() }
            askRegister { [weak self] in
                self?.confirmLease()
                self?.prune()
            }
        }
    }

    /// What this node knows may be relied on for as long as others wait for it.
    func confirmLease() {
        guard follower.isCaughtUp, let until = register.confirmedUntilNanoseconds else { return }
        store.confirmShared(untilMonotonicNanoseconds: until)
    }

    /// Unless it is that of another log by now: then that is read.
    func askRegister(read: @escaping () -> Void) {
        readRegister { [weak self] reading in
            guard let self else { return }
            guard reading.log?.generation == register.generation else { return readAnew() }
            if reading.settled != register.generation, register.isComplete(loop.now) { settle() }
            read()
        }
    }

    func readRegister(_ read: @escaping (RegisterReading) -> Void) {
        loop.refreshNow()
        let asked = loop.now
        askOrStartAnew({ [keys] in $0.command("HGETALL", keys.nodes) }) { [weak self] reply in
            guard let self else { return }
            guard let reading = LogReplies.register(reply) else {
                if !isInTouch { refused(reply, "HGETALL") }
                return
            }
            loop.refreshNow()
            register.observed(reading.reports, asked: asked, now: loop.now)
            read(reading)
        }
    }

    /// Those who come later need not wait a lease for nodes that the register may not know.
    private func settle() {
        ask { [keys, register] in
            $0.command("HSET", keys.nodes, RegisterReading.Name.settled, register.generation.text)
        }
    }

    func reading(now: Moment) -> LogReading {
        var reading = LogReading()
        reading.isFollowing = follower.isCaughtUp
        reading.waiting = outbox.count
        reading.liveNodes = register.live(now: now).count + 1
        reading.applied = [LabelledCount("own", figures.appliedOwn), LabelledCount("other", figures.appliedOthers)]
        reading.restarts = LogRestart.allCases.map { LabelledCount($0.rawValue, figures.restarts[$0] ?? 0) }
        reading.collapses = outbox.collapses
        reading.foreign = figures.notUnderstood
        reading.confirmations = [
            LabelledCount("complete", figures.confirmed), LabelledCount("incomplete", figures.unconfirmed),
        ]
        reading.sweepPasses = sweeper.figures.passes
        reading.sweepRecords = sweeper.figures.seen
        reading.sweepRemoved = sweeper.figures.removed
        reading.sweeps = sweeper.hasLock
        return reading
    }

    /// The oldest of the entries that live nodes have applied last, and will look for.
    var oldestNeeded: SharedEpoch {
        register.live(now: loop.now).map(\.applied).reduce(follower.applied ?? .zero) { min($0, $1) }
    }

    private func prune() {
        answerConfirmed()
        let gone = register.prunable(now: loop.now)
        guard !gone.isEmpty else { return }
        ask { [keys] in $0.command("HDEL", ([keys.nodes] + gone).map { Array($0.utf8) }) }
    }
}
