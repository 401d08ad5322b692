// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Nodes
import Redis
import Storage
import Telemetry

/// Carries out what `RecordSweep` decides, on the control loop: small steps with pauses between them, so that neither
/// Redis nor admin calls are kept.
final class SecondTierSweeper {
    private unowned let log: SharedLog
    private var sweep: RecordSweep
    private let keys: Keys
    private let token: String
    private(set) var figures = SweepFigures()
    private lazy var timer = ControlTimer(loop: log.loop, every: .milliseconds(100)) { [unowned self] in look() }

    /// Of a record: enough to tell what it is about. One with a longer key is left to its end.
    private static let prefixByteCount = 4096
    private static let pause = Duration.milliseconds(5)

    private struct Keys {
        let lock: String
        let mark: String
        let records: String

        init(prefix: String) {
            lock = prefix + ":sweeper"
            mark = prefix + ":swept"
            records = prefix + ":obj:*"
        }
    }

    init(log: SharedLog, intervalMilliseconds: Int) {
        self.log = log
        keys = Keys(prefix: log.settings.prefix)
        token = log.register.own
        sweep = RecordSweep(intervalMilliseconds: intervalMilliseconds, now: log.loop.now)
    }

    var hasLock: Bool { sweep.state == .scanning }

    func start() { timer.start() }
    func stop() { timer.stop() }

    private func look() {
        let applied = log.isInTouch ? log.follower.applied : nil
        let place = applied.map { RecordEpoch(generation: log.register.generation, epoch: $0) }
        perform(sweep.timePassed(applied: place, ruleFill: log.store.sharedRuleFill, now: log.loop.now))
    }

    private func perform(_ action: SweepAction) {
        switch action {
        case .wait: break
        case .readMark:
            ask({ [keys] in $0.command("GET", keys.mark) }) { sweeper, reply in
                sweeper.perform(sweeper.sweep.markRead(LogReplies.mark(reply)))
            }
        case .lock(let milliseconds):
            ask({ [keys, token] in $0.command("SET", keys.lock, token, "NX", "PX", "\(milliseconds)") }) {
                sweeper, reply in
                sweeper.perform(sweeper.sweep.locked(reply.kind == .status, now: sweeper.log.loop.now))
            }
        case .scan(let cursor, let count): scan(cursor, count)
        case .finish(let oldest, let mark): finish(trimBefore: oldest, mark)
        case .unlock: unlock()
        }
    }

    private func ask(
        _ write: (inout ByteBuffer) -> Void, _ answered: @escaping (SecondTierSweeper, borrowing RESPReply) -> Void
    ) {
        log.ask(
            failed: { [weak self] _ in self?.sweep.failed() }, write,
            answered: { [weak self] reply in if let self { answered(self, reply) } })
    }

    // MARK: Steps

    private func scan(_ cursor: [UInt8], _ count: Int) {
        let arguments = [cursor] + ["MATCH", keys.records, "COUNT", "\(count)"].map { Array($0.utf8) }
        ask({ $0.command("SCAN", arguments) }) { sweeper, reply in
            guard let (next, names) = LogReplies.scan(reply) else { return sweeper.sweep.failed() }
            sweeper.inspect(names, next: next)
        }
    }

    private func inspect(_ names: [[UInt8]], next: [UInt8]) {
        for name in names {
            let arguments = [name] + ["0", "\(Self.prefixByteCount - 1)"].map { Array($0.utf8) }
            ask({ $0.command("GETRANGE", arguments) }) { sweeper, reply in
                if reply.kind == .string { sweeper.judge(name, reply.text) }
            }
        }
        // Behind the answers to those.
        ask({ $0.command("PING") }) { sweeper, _ in
            Postponement.run(on: sweeper.log.loop, after: Self.pause) { [weak sweeper] in
                guard let sweeper else { return }
                let needed = sweeper.log.oldestNeeded
                sweeper.perform(sweeper.sweep.scanned(cursor: next, needed: needed, now: sweeper.log.loop.now))
            }
        }
    }

    private func judge(_ name: [UInt8], _ bytes: borrowing Span<UInt8>) {
        guard let subject = StoredRecord.subject(bytes) else { return }
        figures.seen += 1
        let key = subject.key
        let isDead = log.store.isInvalidated(
            key: key.span, hash: log.hasher.hash64(key.span), tags: subject.tags.span, since: subject.epoch)
        guard isDead else { return sweep.kept(subject.epoch.epoch) }
        figures.removed += 1
        // Should a newer one have taken its place meanwhile, that costs a fetch.
        ask({ $0.command("UNLINK", [name]) }) { _, _ in }
    }

    private func finish(trimBefore oldest: SharedEpoch, _ mark: RecordEpoch) {
        figures.passes += 1
        log.events.write(
            .info, "second_tier_swept",
            [
                "epoch": .text("\(mark.epoch)"), "records": .number(Int(clamping: figures.seen)),
                "removed": .number(Int(clamping: figures.removed)),
            ])
        ask({ [log] in $0.command("XTRIM", log.keys.log, "MINID", "~", "\(oldest)") }) { sweeper, reply in
            guard reply.isError else { return }
            // Before Redis 6.2 there is no MINID; the log's own limit holds it then.
            sweeper.log.events.write(.debug, "log_not_trimmed", ["error": .text(reply.text.text())])
        }
        ask({ [keys] in $0.command("SET", keys.mark, "\(mark.generation.text) \(mark.epoch)") }) { _, _ in }
        unlock()
    }

    /// Unless somebody else has it by now.
    private func unlock() {
        ask({ [keys] in $0.command("GET", keys.lock) }) { sweeper, reply in
            guard reply.kind == .string, reply.text.text() == sweeper.token else { return }
            sweeper.ask({ [keys = sweeper.keys] in $0.command("DEL", keys.lock) }) { _, _ in }
        }
    }
}

/// What sweeping the second tier came to.
struct SweepFigures: Sendable {
    var passes: UInt64 = 0
    /// Records that were looked at.
    var seen: UInt64 = 0
    var removed: UInt64 = 0
}
