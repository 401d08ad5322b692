import Bytes
// SPDX-License-Identifier: Apache-2.0
package import EventIO
package import Settings
import Storage
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

    package init(settings: ProxySettings, kernel: Kernel, loops: [Loop], blockingLoop: Loop) throws(SystemError) {
        self.kernel = kernel
        self.blockingLoop = blockingLoop
        snapshot = ProxySnapshot(settings, workerCount: loops.count)
        let store = MemoryStore(
            limitBytes: settings.memory.limitBytes, maximumVariants: 32,
            maximumEntryBytes: settings.memory.maxObjectBytes + (64 << 10))
        shared = SharedState(store: store, hashSeed: kernel.randomUInt64())
        resolver = try NameResolver(kernel: kernel)
        let sink = LogSink(kernel: kernel, mailbox: blockingLoop.mailbox, descriptor: FileDescriptor(rawValue: 2))
        events = EventLogWriter(kernel: kernel, sink: sink, level: EventLevel(settings.log.level))
        let access = try Self.accessSink(settings.log, kernel: kernel, mailbox: blockingLoop.mailbox)
        for (index, loop) in loops.enumerated() {
            let log = access.map { AccessLogWriter(loop: loop, sink: $0.sink, format: $0.format) }
            workers.append(
                Worker(
                    index: index, loop: loop, shared: shared, snapshot: snapshot, resolver: resolver, log: log,
                    events: events))
        }
    }

    private static func accessSink(
        _ settings: LogSettings, kernel: Kernel, mailbox: Mailbox
    ) throws(SystemError) -> (sink: LogSink, format: AccessLog.Format)? {
        let format: AccessLog.Format
        switch settings.accessFormat {
        case .off: return nil
        case .json: format = .json
        case .combined: format = .combined
        }
        switch settings.accessDestination {
        case .standardOutput:
            return (LogSink(kernel: kernel, mailbox: mailbox, descriptor: FileDescriptor(rawValue: 1)), format)
        case .standardError:
            return (LogSink(kernel: kernel, mailbox: mailbox, descriptor: FileDescriptor(rawValue: 2)), format)
        case .file(let path): return (try LogSink(kernel: kernel, mailbox: mailbox, path: path), format)
        }
    }

    /// Every worker listens on every address; port 0 is chosen by the first and shared by the others.
    package func listen() throws(SystemError) {
        for listener in snapshot.settings.listeners {
            guard var address = SocketAddress(listener.address.description) else { throw SystemError.noSuchFile }
            for worker in workers { address = try worker.listen(on: address, settings: listener) }
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
