// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
package import EventIO
package import Settings
import Storage
import Synchronization
import Telemetry

/// The data plane put together: workers on their loops, and what they share.
package final class Proxy {
    let kernel: Kernel
    let shared: SharedState
    let snapshot: ProxySnapshot
    private(set) var workers: [Worker] = []
    package private(set) var addresses: [SocketAddress] = []
    /// Threads that may block: logs, names.
    let blockingLoop: Loop
    let resolver: NameResolver
    let events: EventLogWriter
    let eventSink: LogSink
    /// Where workers log requests; nil when they do not.
    var access: AccessLogTarget?
    let accessLosses = LogLossCounts()
    let eventLosses = LogLossCounts()

    package init(settings: ProxySettings, kernel: Kernel, loops: [Loop], blockingLoop: Loop) throws(SystemError) {
        self.kernel = kernel
        self.blockingLoop = blockingLoop
        snapshot = ProxySnapshot(
            settings, workerCount: loops.count, ownName: ViaName.ofProcess(number: kernel.randomUInt64()))
        let store = MemoryStore(
            limitBytes: settings.memory.storeBytes,
            maximumEntryBytes: Self.largestEntryBytes(settings),
            residentCeilingBytes: kernel.isSimulated
                ? .max : MemoryGovernor.ceilingBytes(configuredBytes: settings.memory.limitBytes))
        shared = SharedState(
            store: store, connections: ConnectionBudget(limitBytes: settings.memory.connectionBytes),
            compressor: try CompressionPool(store: store, kernel: kernel), hashSeed: kernel.randomUInt64())
        resolver = try NameResolver(kernel: kernel)
        let events = EventLogWriter(kernel: kernel, level: EventLevel(settings.log.level))
        self.events = events
        eventSink = try LogSink(
            kernel: kernel, mailbox: blockingLoop.mailbox, to: settings.log.eventDestination, losses: eventLosses
        ) { [weak events] in events?.tell($0, of: "event_log") }
        events.begin(on: eventSink)
        access = try AccessLogTarget(
            settings.log, kernel: kernel, mailbox: blockingLoop.mailbox, losses: accessLosses, events: events)
        for (index, loop) in loops.enumerated() {
            let log = access.map { AccessLogWriter(loop: loop, target: $0) }
            workers.append(
                Worker(
                    index: index, loop: loop, shared: shared, snapshot: snapshot, resolver: resolver, log: log,
                    events: events))
        }
        shared.links.withLock { $0 = workers.compactMap(\.link) }
    }

    /// An object with its head and its key.
    static func largestEntryBytes(_ settings: ProxySettings) -> Int { settings.memory.maxObjectBytes + (64 << 10) }

    private static func inUse(_ listener: ListenSettings) -> String {
        guard listener.address.kind != .unix, listener.portReuse == .auto else { return "the address is in use" }
        return "the address is in use by another process; two that say reuseport=on share a port"
    }

    /// Every worker listens on every address; port 0 is chosen by the first and shared by the others.
    package func listen() throws(StartError) {
        for listener in snapshot.settings.listeners {
            let attempt = "listen on \(listener.address)"
            var address = try listener.address.resolved(by: kernel, attempt: attempt)
            let turn = kernel.takeListeningTurn()
            defer { if let turn { kernel.close(turn) } }
            do throws(SystemError) {
                // Workers share a port by a flag with which another process could slip in.
                if listener.portReuse == .auto, listener.address.kind != .unix { try kernel.requireFree(address) }
                // Without one socket each, one worker accepts for all; a path can be bound only once.
                let isShared = listener.portReuse != .off && listener.address.kind != .unix
                for worker in isShared ? workers[...] : workers.prefix(1) {
                    address = try worker.listen(on: address, settings: listener)
                }
            } catch {
                guard error == .addressInUse else { throw StartError(attempt, error) }
                throw StartError(attempt, reason: Self.inUse(listener))
            }
            addresses.append(address)
        }
    }
}

extension EventLevel {
    init(_ level: LogSettings.Level) {
        switch level {
        case .debug: self = .debug
        case .info: self = .info
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}
