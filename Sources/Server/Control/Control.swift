// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
package import EventIO
import Settings
import Storage
import Synchronization
import Telemetry

/// Looks after the workers from a loop of its own: figures, invalidations, memory, reload and the end. Nothing it
/// does holds up traffic.
package final class Control {
    let loop: Loop
    let proxy: Proxy
    let version: String
    let source: ConfigurationSource
    let notice: ServiceNotice
    let startedAt: Moment
    var kernel: Kernel { loop.kernel }
    var events: EventLogWriter { proxy.events }
    var store: MemoryStore { proxy.shared.store }
    let links: [WorkerLink]
    /// The newest configuration; workers may be about to adopt it.
    var snapshot: ProxySnapshot

    var drainMachine = DrainMachine()
    private(set) var admin: AdminServer?
    /// Whether the listeners are open.
    private(set) var isListening = false
    package private(set) var isEnded = false

    var windows: WindowedMetrics
    var upstreamHealth = UpstreamHealth()
    /// By worker: what it last told.
    var lastFigures: [WorkerFigures?]
    var memory: MemoryWatch
    var lastReload: (succeeded: Bool, wallSeconds: Int64)
    var audit = InvalidationAudit()
    var purges: [String: UInt64] = [:]
    var saidMemoryIsLowered = false
    var losses = RuleLosses()
    /// What is shared with other nodes; nil without Redis.
    var log: SharedLog?

    /// Set when nothing is to be freed any more.
    var itself: Control?
    private lazy var secondTimer = ControlTimer(loop: loop, every: .seconds(1)) { [unowned self] in secondPassed() }
    private lazy var figuresTimer = ControlTimer(loop: loop, every: .seconds(10)) { [unowned self] in rotateFigures() }
    /// Runs while the process drains.
    lazy var drainTimer = ControlTimer(loop: loop, every: .milliseconds(20)) { [unowned self] in watchDrain() }
    /// Runs while entries have invalidations to meet.
    lazy var sweepTimer = ControlTimer(loop: loop, every: .milliseconds(Self.sweepIntervalMilliseconds)) {
        [unowned self] in
        sweep()
    }
    private var signals: ControlSignals?

    /// On the thread of `loop`, before the workers' loops run on theirs.
    /// - Parameter notifySocket: what `NOTIFY_SOCKET` holds.
    package init(
        proxy: Proxy, loop: Loop, source: ConfigurationSource, version: String, notifySocket: String? = nil
    ) {
        self.loop = loop
        self.proxy = proxy
        self.source = source
        self.version = version
        notice = ServiceNotice(socket: notifySocket, kernel: loop.kernel)
        startedAt = loop.kernel.now()
        links = proxy.workers.compactMap(\.link)
        snapshot = proxy.snapshot
        windows = WindowedMetrics(start: MetricsSnapshot(labels: proxy.snapshot.labels), at: startedAt)
        lastFigures = Array(repeating: nil, count: links.count)
        memory = MemoryWatch(proxy.snapshot.settings.memory, kernel: loop.kernel)
        lastReload = (true, startedAt.wallSeconds)
    }

    /// Opens the admin address, then the listeners, and begins to look after things.
    package func start() throws(StartError) {
        if let settings = snapshot.settings.admin { try openAdmin(settings) }
        if !kernel.isSimulated {
            let signals = ControlSignals(control: self)
            do throws(SystemError) {
                try signals.listen(on: loop)
            } catch { throw StartError("receive signals", error) }
            self.signals = signals
        }
        shareLog()
        try proxy.listen()
        isListening = true
        secondTimer.start()
        figuresTimer.start()
        limitMemory()
        announceStart()
    }

    /// Where the admin calls are taken, with the port that the kernel chose.
    package private(set) var adminAddress: SocketAddress?

    private func openAdmin(_ settings: AdminSettings) throws(StartError) {
        let attempt = "listen on \(settings.address) for admin calls"
        guard settings.address.isLocal || settings.token != nil else {
            throw StartError(attempt, reason: "an address that others can reach needs a token")
        }
        let address = try settings.address.resolved(by: kernel, attempt: attempt)
        let server = AdminServer(control: self, gate: AdminGate(settings))
        // A socket file that was left must not be taken over by two.
        let turn = kernel.takeListeningTurn()
        defer { if let turn { kernel.close(turn) } }
        do throws(SystemError) {
            try server.listen(on: address, loop: loop, backlog: 128)
            adminAddress = try kernel.localAddress(server.descriptor)
        } catch { throw StartError(attempt, error) }
        admin = server
    }

    private func announceStart() {
        let addresses = proxy.addresses.map(\.description).joined(separator: ",")
        events.write(
            .notice, "started",
            [
                "version": .text(version), "listen": .text(addresses),
                "admin": .text(adminAddress?.description ?? "none"), "workers": .number(links.count),
                "memory_bytes": .number(memory.limitBytes), "routes": .number(snapshot.settings.routes.count),
                "upstreams": .number(snapshot.settings.upstreams.count), "configuration": .text(source.path),
            ])
        tell(.ready, status: "serving on \(addresses)")
    }

    // MARK: Turns

    private func secondPassed() {
        events.writeSuppressed()
        limitMemory()
        tellOfFoldedRules()
        // Requests invalidate too.
        if store.wantsSweep { sweepTimer.start() }
    }

    /// Lets entries meet the invalidations in steps that are short beside an answer, and few: of the requests that come
    /// meanwhile, no more than one in fifty finds its processor or its shard taken.
    private func sweep() {
        let isHurried = store.pendingRuleFill > Self.hurryingFill
        let end = kernel.monotonicNanoseconds() + Self.sweepStepNanoseconds * (isHurried ? 5 : 1)
        for _ in 0..<Self.sweepBatches * (isHurried ? 5 : 1) {
            if store.sweep(maximumEntries: Self.sweepBatchEntries) {
                if !isHurried { sweepTimer.stop() }
                return
            }
            if kernel.monotonicNanoseconds() >= end { return }
        }
    }

    static let sweepIntervalMilliseconds = 1
    private static let sweepStepNanoseconds: Int64 = 20_000
    private static let sweepBatchEntries = 16
    private static let sweepBatches = 64
    /// From so many rules on, steps are longer: requests that come meanwhile wait a little more often.
    private static let hurryingFill = 0.2

    // MARK: Signals

    func received(_ signal: Signal) {
        switch signal {
        case .hangUp: reload(cause: "SIGHUP") { _ in }
        case .user1: reopenLogs()
        case .terminate, .interrupt, .quit: stop()
        }
    }

    private func reopenLogs() {
        let failures = proxy.reopenLogs()
        for (path, error) in failures {
            events.write(.error, "log_not_reopened", ["path": .text(path), "error": .text("\(error)")])
        }
        if failures.isEmpty { events.write(.notice, "logs_reopened") }
    }

    func tell(_ state: ServiceNotice.State, status: String) {
        do throws(SystemError) {
            try notice.send(state, status: status)
        } catch {
            events.write(.warning, "service_manager_not_told", ["error": .text("\(error)")])
        }
    }

    // MARK: The end

    /// Everything is said and done: the workers stop, and then this loop does.
    func end(cut: Int) {
        guard !isEnded else { return }
        isEnded = true
        isListening = false
        if cut > 0 {
            events.write(.warning, "connections_cut_off", ["connections": .number(cut)])
        }
        events.write(.notice, "stopped")
        admin?.closeAll()
        proxy.shared.log.withLock { $0 = nil }
        log?.stop()
        signals?.close()
        for timer in [secondTimer, figuresTimer, drainTimer, sweepTimer] { timer.stop() }
        for link in links {
            link.post { worker in
                worker.closeAll()
                worker.log?.handOver()
                worker.loop.stop()
            }
        }
        loop.stop()
    }
}

/// Signals as events of the control loop.
private final class ControlSignals: SignalChannel {
    private unowned let control: Control

    init(control: Control) {
        self.control = control
        super.init()
    }

    override func received(_ signal: Signal) { control.received(signal) }
}

extension SocketAddressText {
    /// A host's first address. Blocks while a name is looked up, so only before anything is served.
    func resolved(by kernel: Kernel, attempt: String) throws(StartError) -> SocketAddress {
        if let address = SocketAddress(description) { return address }
        do throws(NameError) {
            if let address = try kernel.lookUp(host: host, port: port).first { return address }
        } catch { throw StartError(attempt, reason: "\(error)") }
        throw StartError(attempt, reason: "\(host) has no address")
    }
}
