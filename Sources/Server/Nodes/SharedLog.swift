// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Nodes
import Redis
import Storage
import Telemetry

/// Carries out on the control loop what the machines of `Nodes` decide: keeps this node in step with the log of
/// invalidations that it shares with others through Redis (promises 3 and 5).
///
/// Two connections: on one it waits for entries, on the other it writes and asks.
final class SharedLog {
    struct Settings {
        var link: RedisLinkSettings
        var prefix: String
        var leaseMilliseconds: Int
        /// How often the second tier is swept when there is a reason.
        var sweepMilliseconds: Int
        /// About how many entries the log is kept at.
        var maximumEntries = 100_000
        /// Of the rules of one entry; more are spread over several.
        var entryBytes = 64 << 10
    }

    let loop: Loop
    let store: MemoryStore
    let hasher: ByteHasher
    let settings: Settings
    let events: EventLogWriter
    let keys: Keys
    let follow: RedisLink
    let commands: RedisLink

    var follower = LogFollower()
    var outbox = Outbox()
    var register: NodeRegister
    var confirmations = Confirmations()
    var answers: [UInt64: (ConfirmationReport) -> Void] = [:]
    var figures = SharedLogFigures()
    /// Counts the times that both connections came about, or the log was left; what was asked in an earlier one is not
    /// heard.
    private(set) var session: UInt64 = 0
    private(set) var isAttached = false
    /// Whether the register has shown, since the log was read to its end, that it is the one that was meant.
    var isInTouch = false
    /// The Redis process that the log is in.
    var server = LogServer(information: nil)
    /// The last that were loaded.
    private var loaded: [PlacedEntry] = []
    /// Up to where other nodes' acknowledgements have been read.
    private var acknowledged = SharedEpoch.zero
    /// Of the register, while somebody waits for a lease to end.
    var lastAskedNanoseconds = Int64.min
    /// Called when others' entries, which may be none, have been applied: memory is to be swept.
    var appliedOthers: ([PlacedEntry]) -> Void = { _ in }

    lazy var sweeper = SecondTierSweeper(log: self, intervalMilliseconds: settings.sweepMilliseconds)
    lazy var renewal = ControlTimer(
        loop: loop, every: .milliseconds(min(max(settings.leaseMilliseconds / 3, 10), 2000))
    ) {
        [unowned self] in renewLease()
    }
    lazy var patience = ControlTimer(loop: loop, every: .milliseconds(5)) { [unowned self] in answerConfirmed() }

    /// How long Redis keeps a question for new entries.
    private static let blockMilliseconds = 1000

    struct Keys {
        let log: String
        let acknowledgements: String
        let nodes: String

        init(prefix: String) {
            log = prefix + ":invalidations"
            acknowledgements = prefix + ":applied"
            nodes = prefix + ":nodes"
        }
    }

    init(
        loop: Loop, store: MemoryStore, hasher: ByteHasher, settings: Settings, name: String, resolver: NameResolver,
        events: EventLogWriter
    ) {
        self.loop = loop
        self.store = store
        self.hasher = hasher
        self.settings = settings
        self.events = events
        keys = Keys(prefix: settings.prefix)
        let id = String(loop.kernel.randomUInt64(), radix: 16)
        register = NodeRegister(own: id, name: name, leaseMilliseconds: settings.leaseMilliseconds)
        follow = RedisLink(loop: loop, settings: settings.link, resolver: resolver)
        commands = RedisLink(loop: loop, settings: settings.link, resolver: resolver)
    }

    func start() {
        for link in [follow, commands] { link.readinessChanged = { [weak self] _ in self?.readinessChanged() } }
        follow.start()
        commands.start()
        renewal.start()
        sweeper.start()
    }

    /// Others need not wait for this node any longer.
    func stop() {
        if isAttached {
            let farewell = register.farewell
            ask { [keys] in $0.command("HSET", keys.nodes, farewell.id, farewell.text) }
        }
        renewal.stop()
        sweeper.stop()
        patience.stop()
        for link in [follow, commands] { link.readinessChanged = nil }
        // What was just written goes out at the end of this turn.
        loop.later { [follow, commands] in
            follow.stop()
            commands.stop()
        }
    }

    // MARK: Connections

    private func readinessChanged() {
        let isReady = follow.isReady && commands.isReady
        guard isReady != isAttached else { return }
        isAttached = isReady
        if isReady { attach() } else { detach() }
    }

    private func attach() {
        session += 1
        // Whoever does not find this node in the register must have written before it reads the log.
        let session = session
        // Redis may have lost those too, and its clock gone back.
        acknowledged = .zero
        report { [weak self] _ in
            guard let self, self.session == session, isAttached else { return }
            identify()
        }
    }

    /// To the end of the log as it is from now on.
    func readAnew() {
        detach()
        attach()
    }

    private func detach() {
        // Answers that are still under way on one of the connections are not heard either.
        session += 1
        let wasFollowing = follower.isCaughtUp
        follower.disconnected()
        outbox.closed()
        figures.isCaughtUp = false
        isInTouch = false
        guard wasFollowing else { return }
        events.write(
            .warning, "log_lost",
            ["reason": .text((follow.lastFailure ?? commands.lastFailure)?.rawValue ?? "connection-lost")])
    }

    /// A question on the second connection; `answered` hears of it unless the connection is lost before.
    func ask(
        failed: @escaping (RedisFailure) -> Void = { _ in }, _ write: (inout ByteBuffer) -> Void,
        answered: @escaping (borrowing RESPReply) -> Void = { _ in }
    ) {
        do throws(RedisFailure) {
            try commands.send(ControlCall(answered, failure: failed), write)
        } catch { failed(error) }
    }

    // MARK: Following

    func perform(_ actions: [LogAction]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: LogAction) {
        switch action {
        case .ask(let question): ask(question)
        case .restart(let generation, let first): store.restartSharedLog(generation, first: first)
        case .adopt(let generation): store.adoptSharedLog(generation)
        case .load(let entries):
            store.loadShared(translate(entries))
            loaded = entries
        case .follow(let epoch, let why):
            store.followSharedLog(from: epoch)
            // Those that were written while this node was about to read may be waiting for it.
            acknowledge(loaded)
            loaded = []
            appliedOthers([])
            figures.restarts[why, default: 0] += 1
            events.write(
                why == .start ? .notice : .warning, "log_read_from_start",
                ["reason": .text(why.rawValue), "epoch": .text("\(epoch)")])
        case .apply(let entries): apply(entries)
        case .caughtUp: caughtUp()
        case .invalidateAll: issue([.all], isSoft: false)
        }
    }

    /// As the store takes them; those that were issued here are off the outbox.
    private func translate(_ entries: [PlacedEntry]) -> [SharedInvalidation] {
        entries.map { placed in
            let entry = placed.entry
            let isOwn = entry.node == register.own
            if isOwn { outbox.seen(entry.ownEpoch) }
            if !entry.isUnderstood { figures.notUnderstood += 1 }
            return SharedInvalidation(
                placed.epoch, entry.rules.rules(isSoft: entry.isSoft, hasher: hasher),
                ownEpoch: isOwn ? entry.ownEpoch : nil)
        }
    }

    private func apply(_ entries: [PlacedEntry]) {
        let invalidations = translate(entries)
        store.applyShared(invalidations)
        let others = invalidations.count { $0.ownEpoch == nil }
        figures.appliedOthers += UInt64(others)
        figures.appliedOwn += UInt64(invalidations.count - others)
        if others > 0 { appliedOthers(entries.filter { $0.entry.node != register.own }) }
        acknowledge(entries)
        // It may be another log by now.
        if entries.contains(where: { $0.entry.isBeginning && $0.entry.node != register.own }) { askRegister {} }
    }

    private func acknowledge(_ entries: [PlacedEntry]) {
        for placed in entries where placed.entry.wantsConfirmation && placed.entry.node != register.own {
            ask { [keys, register] in
                $0.command(
                    "XADD", keys.acknowledgements, "MAXLEN", "~", "1000", "*", "node", register.own, "issuer",
                    placed.entry.node, "own", "\(placed.entry.ownEpoch)")
            }
        }
    }

    private func caughtUp() {
        figures.isCaughtUp = true
        let waiting = outbox.opened()
        if !waiting.isEmpty { events.write(.notice, "log_replayed", ["entries": .number(waiting.count)]) }
        for entry in waiting { write(entry) }
        askAgain(except: Set(waiting.map(\.ownEpoch)))
        // That the name still stands proves that what was read was read under it.
        askRegister { [weak self] in
            guard let self else { return }
            isInTouch = true
            confirmLease()
        }
    }

    // MARK: Questions about the log

    private func ask(_ question: LogQuestion) {
        let session = session
        switch question {
        case .range(let from, let count):
            let start = from == .zero ? "-" : "\(from)"
            askLog({ [keys] in $0.command("XRANGE", keys.log, start, "+", "COUNT", "\(count)") }) { [weak self] reply in
                guard let self, self.session == session else { return }
                guard let entries = LogReplies.entries(reply, reply.root) else { return refused(reply, "XRANGE") }
                perform(follower.entriesRead(entries))
            }
        case .begin: beginLog()
        case .wait(let epoch): wait(after: epoch)
        }
    }

    private func wait(after epoch: SharedEpoch) {
        let session = session
        let arguments = [
            "COUNT", "128", "BLOCK", "\(Self.blockMilliseconds)", "STREAMS", keys.log, keys.acknowledgements,
            "\(epoch)", "\(acknowledged)",
        ]
        askLog({ $0.command("XREAD", arguments.map { Array($0.utf8) }) }, extraMilliseconds: Self.blockMilliseconds) {
            [weak self] reply in
            guard let self, self.session == session else { return }
            guard let log = LogReplies.stream(keys.log, in: reply),
                let others = LogReplies.stream(keys.acknowledgements, in: reply)
            else { return refused(reply, "XREAD") }
            if let others { heard(LogReplies.acknowledgements(reply, others) ?? []) }
            if let log {
                guard let entries = LogReplies.entries(reply, log) else { return refused(reply, "XREAD") }
                perform(follower.entriesRead(entries))
            } else if others != nil {
                wait(after: epoch)
            } else {
                perform(follower.entriesRead([]))
            }
        }
    }

    func askLog(
        _ write: (inout ByteBuffer) -> Void, extraMilliseconds: Int = 0,
        answered: @escaping (borrowing RESPReply) -> Void
    ) {
        let session = session
        let failed: (RedisFailure) -> Void = { [weak self] failure in
            guard let self, self.session == session, failure == .timedOut || failure == .queueFull else { return }
            startAnew()
        }
        do throws(RedisFailure) {
            try follow.send(ControlCall(answered, failure: failed), extraMilliseconds: extraMilliseconds, write)
        } catch {
            // The connection is gone, or about to be told gone; either way `attach` comes again.
            failed(error)
        }
    }

    func refused(_ reply: borrowing RESPReply, _ command: StaticString) {
        events.write(
            .error, "log_refused", ["command": .text("\(command)"), "error": .text(reply.text.text())])
        startAnew()
    }

    /// Some time later, as after a lost connection.
    func startAnew() {
        detach()
        let session = session
        Postponement.run(on: loop, after: .milliseconds(500)) { [weak self] in
            guard let self, self.session == session, isAttached else { return }
            attach()
        }
    }

    private func heard(_ acknowledgements: [LogReplies.Acknowledgement]) {
        for one in acknowledgements {
            acknowledged = max(acknowledged, one.place)
            guard one.issuer == register.own else { continue }
            confirmations.acknowledged(one.ownEpoch, by: one.node, now: loop.now)
        }
        answerConfirmed()
    }
}
