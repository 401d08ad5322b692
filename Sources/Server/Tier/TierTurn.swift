// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import Redis
import RequestFlow
import Settings
import Storage
import Telemetry

/// Carries out what `FetchTurn` decides: the lock lies in Redis, and the time is the exchange's own deadline.
final class TierTurn {
    private unowned let exchange: Exchange
    private unowned let tier: RedisTier
    private var machine: FetchTurn
    private var lock: TierLock
    private let coding: ContentCoding
    /// Of the first question: it and the lookup before it take no longer than one may.
    private let deadlineNanoseconds: Int64

    init(_ exchange: Exchange, after lookup: TierLookup, tier: RedisTier) {
        self.exchange = exchange
        self.tier = tier
        let settings = exchange.request.route.settings.coalesce
        machine = FetchTurn(
            token: tier.worker.loop.kernel.randomUInt64(), lockMilliseconds: settings.lockMilliseconds,
            waitMilliseconds: settings.waitMilliseconds, now: tier.worker.loop.now)
        lock = TierLock(key: exchange.key, variant: lookup.variant ?? [])
        coding = lookup.coding
        deadlineNanoseconds = lookup.deadlineNanoseconds
    }

    private var now: Moment { tier.worker.loop.now }

    func begin() {
        exchange.setDeadline(nanoseconds: deadlineNanoseconds)
        ask()
    }

    func timePassed() { perform(machine.timePassed(now: now)) }

    /// The fetch is over, and the exchange thinks of this no more.
    func ended(_ end: FetchEnd) {
        switch machine.ended(end, now: now) {
        case .remove: tier.unlock(lock)
        case .mark(let mark, let milliseconds): write(mark, milliseconds, if: nil, answered: nil)
        case .leave: break
        }
    }

    /// The head of our fetch has told for which of the key's variants it is: who wants another one need not wait for its
    /// end, and learns that by the rule.
    func fetches(_ variant: FlightVariant, _ metadata: CachedMetadata, lifetimeMilliseconds: Int64) {
        guard lock.variant.isEmpty, machine.mayNarrow(now: now) else { return }
        let milliseconds = metadata.usableForMilliseconds(now, lifetimeMilliseconds: lifetimeMilliseconds)
        guard milliseconds > 0 else { return }
        let wide = lock
        send(nil) {
            tier.writeVaryRule(variant.rule.span, under: wide.key.span, metadata, milliseconds, into: &$0)
        }
        lock = TierLock(key: wide.key, variant: variant.secondaryKey)
        write(.held(by: machine.token), machine.lockMilliseconds, if: "NX", answered: nil)
        // Behind both.
        send(nil) { output in
            output.beginCommand("DEL", arguments: 1)
            tier.keys.writeLock(wide, into: &output)
        }
    }

    /// The key varies, which was not known before: the turn is one for the variant.
    private func narrow(to variant: FlightVariant, _ mark: TurnMark) {
        if mark == .held(by: machine.token) { tier.unlock(lock) }
        lock = TierLock(key: lock.key, variant: variant.secondaryKey)
        exchange.learnedVariant(variant)
        ask()
    }

    private func perform(_ action: TurnAction) {
        switch action {
        case .ask: ask()
        case .look: look()
        case .renew: renew()
        case .wait(let until): exchange.setDeadline(nanoseconds: until)
        case .fetch(let end): fetch(end)
        case .fetchAlone(let remembersUncacheable):
            if remembersUncacheable {
                let until = now.monotonicMilliseconds + Int64(FetchTurn.uncacheableMilliseconds)
                tier.worker.store.rememberUncacheable(
                    hash: exchange.keyHash, untilMonotonicMilliseconds: until)
            }
            fetch(.released)
        case .serve: serve()
        case .serveAndRelease:
            tier.unlock(lock)
            serve()
        case .release: tier.unlock(lock)
        case .nothing: break
        }
    }

    private func fetch(_ end: TurnEnd) {
        count(end)
        if machine.state == .leading {
            exchange.setDeadline(nanoseconds: machine.renewalNanoseconds)
        } else {
            exchange.clearDeadline()
        }
        exchange.turnEnded()
    }

    private func serve() {
        count(.served)
        exchange.clearDeadline()
        exchange.turn = nil
        exchange.serveWhatTurnBrought()
    }

    private func count(_ end: TurnEnd) {
        tier.figures.turns[end, default: 0] += 1
        if let waited = machine.waitedNanoseconds { tier.figures.turnWaits.record(nanoseconds: UInt64(max(0, waited))) }
    }

    // MARK: Questions

    /// What is stored comes along: the fetch that was waited for, or one that ended just now, may have brought it.
    private func ask() {
        write(.held(by: machine.token), machine.lockMilliseconds, if: "NX", answered: nil)
        let key = lock.key
        let variant = lock.variant
        send({ [unowned self] reply in asked(reply) }) { [coding, tier, lock] output in
            output.beginCommand("MGET", arguments: coding == .identity ? 2 : 3)
            tier.keys.writeLock(lock, into: &output)
            tier.keys.writeObject(key.span, variant: variant.span, into: &output)
            if coding != .identity {
                tier.keys.writeObject(key.span, variant: variant.span, coding: coding, into: &output)
            }
        }
    }

    private func asked(_ reply: borrowing RESPReply) {
        guard let first = reply.child(0, of: reply.root), let record = reply.child(1, of: reply.root) else {
            return perform(machine.failed())
        }
        let mark = mark(in: reply, first)
        guard machine.state == .asking, !exchange.isOver else {
            return perform(machine.answered(mark, isUsable: false, now: now))
        }
        let finding = finding(in: reply, record)
        if case .varies(let rule) = finding, lock.variant.isEmpty,
            let variant = tier.worker.variant(of: exchange.head.fields, rule: rule.span)
        {
            return narrow(to: variant, mark)
        }
        perform(machine.answered(mark, isUsable: exchange.isUsable(response(of: finding, in: reply)), now: now))
    }

    private func mark(in reply: borrowing RESPReply, _ element: RESPElement) -> TurnMark {
        reply.kind(of: element) == .string ? TurnMark(reply.text(of: element)) : .none
    }

    private func finding(in reply: borrowing RESPReply, _ record: RESPElement) -> TierFinding {
        let key = lock.key
        return tier.take(reply, record, key: key.span, hash: exchange.keyHash, fields: exchange.head.fields)
    }

    private func response(of finding: TierFinding, in reply: borrowing RESPReply) -> StoredResponse? {
        guard case .found(let response, let digest) = finding else { return nil }
        guard coding != .identity, let form = reply.child(2, of: reply.root) else { return response }
        return tier.adding(coding, from: reply, form, to: response, digest)
    }

    private func look() {
        send({ [unowned self] reply in
            perform(reply.isError ? machine.failed() : machine.looked(mark(in: reply, reply.root), now: now))
        }) { [tier, lock] output in
            output.beginCommand("GET", arguments: 1)
            tier.keys.writeLock(lock, into: &output)
        }
    }

    private func renew() {
        write(.held(by: machine.token), machine.lockMilliseconds, if: "XX") { [unowned self] reply in
            perform(reply.isError ? machine.failed() : machine.renewed(reply.kind == .status))
        }
    }

    // MARK: Sending

    /// - Parameter condition: `NX`: unless somebody has it; `XX`: only if somebody has.
    private func write(
        _ mark: TurnMark, _ milliseconds: Int, if condition: StaticString?,
        answered: ((borrowing RESPReply) -> Void)?
    ) {
        guard let text = mark.text else { preconditionFailure("what is written is something") }
        send(answered) { [tier, lock] output in
            output.beginCommand("SET", arguments: condition == nil ? 4 : 5)
            tier.keys.writeLock(lock, into: &output)
            output.argument(text)
            output.argument("PX" as StaticString)
            output.argument(decimal: milliseconds)
            if let condition { output.argument(condition) }
        }
    }

    /// Over the connection for short questions. Without one, or an answer, the machine hears that it failed, if the
    /// answer matters.
    private func send(_ answered: ((borrowing RESPReply) -> Void)?, _ write: (inout ByteBuffer) -> Void) {
        do throws(RedisFailure) {
            try tier.reading.send(answered.map { TierTurnCall(self, exchange, $0) } ?? RedisCall(), write)
        } catch {
            if answered != nil { failed() }
        }
    }

    fileprivate func failed() { perform(machine.failed()) }
}

/// A question that keeps who asks alive until it is answered.
private final class TierTurnCall: RedisCall {
    private let turn: TierTurn
    private let exchange: Exchange
    private let hear: (borrowing RESPReply) -> Void

    init(_ turn: TierTurn, _ exchange: Exchange, _ hear: @escaping (borrowing RESPReply) -> Void) {
        self.turn = turn
        self.exchange = exchange
        self.hear = hear
        super.init()
    }

    override func answered(_ reply: borrowing RESPReply) { hear(reply) }

    override func failed(_ failure: RedisFailure) { turn.failed() }
}
