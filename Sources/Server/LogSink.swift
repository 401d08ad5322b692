// SPDX-License-Identifier: Apache-2.0
import EventIO
import Settings
import Synchronization
import Telemetry

/// Where the lines of one log go. Any thread hands lines over; the log thread writes them, without waiting for whoever
/// reads: what a pipe does not take is kept up to a limit, what is lost is counted.
final class LogSink: Sendable {
    private let kernel: Kernel
    private let mailbox: Mailbox
    private let destination: Mutex<LogSettings.Destination>
    /// Made by the first letter to the log thread.
    private let writer = Mutex<LoopBound<LogWriter>?>(nil)

    /// - Parameters:
    ///   - mailbox: of the log thread's loop.
    ///   - tell: that lines are lost, and that it is over; called on the log thread.
    init(
        kernel: Kernel, mailbox: Mailbox, to destination: LogSettings.Destination, losses: LogLossCounts,
        tell: @escaping @Sendable (LogNews) -> Void
    ) throws(SystemError) {
        self.kernel = kernel
        self.mailbox = mailbox
        self.destination = Mutex(destination)
        let target = try Target(destination, kernel: kernel).descriptor
        mailbox.post { [weak self] loop in
            let bound = LoopBound(LogWriter(loop: loop, target: target, losses: losses, tell: tell), to: loop)
            self?.writer.withLock { $0 = bound }
        }
    }

    deinit {
        guard let writer = writer.withLock({ $0.take() }) else { return }
        mailbox.post { _ in writer.value.close() }
    }

    /// A place that is open, so that nothing can fail any more when lines go there.
    struct Target: Sendable {
        fileprivate let descriptor: LogDescriptor
        fileprivate let destination: LogSettings.Destination

        fileprivate init(_ destination: LogSettings.Destination, kernel: Kernel) throws(SystemError) {
            self.destination = destination
            switch destination {
            case .standardOutput: descriptor = try kernel.openLog(standardStream: FileDescriptor(rawValue: 1))
            case .standardError: descriptor = try kernel.openLog(standardStream: FileDescriptor(rawValue: 2))
            case .file(let path): descriptor = try kernel.openLog(path)
            }
        }
    }

    private func onLogThread(_ work: @escaping @Sendable (LogWriter) -> Void) {
        mailbox.post { [self] _ in
            if let writer = writer.withLock({ $0 }) { work(writer.value) }
        }
    }

    /// nil for a standard stream.
    var path: String? {
        if case .file(let path) = destination.withLock({ $0 }) { path } else { nil }
    }

    /// - Parameter taken: runs on the log thread when the lines are written, kept or lost.
    func write(_ lines: ContiguousArray<UInt8>, taken: @escaping @Sendable () -> Void = {}) {
        onLogThread { writer in
            writer.write(lines)
            taken()
        }
    }

    /// After a rotation (SIGUSR1). Keeps the old file when the new one cannot be opened.
    func reopen() throws(SystemError) {
        if let path { redirect(to: try open(.file(path))) }
    }

    func open(_ destination: LogSettings.Destination) throws(SystemError) -> Target {
        try Target(destination, kernel: kernel)
    }

    /// Nothing is to be written there after all.
    func discard(_ target: Target) { if target.descriptor.isOwned { kernel.close(target.descriptor.descriptor) } }

    /// What can still be written goes to the old place.
    func redirect(to opened: Target) {
        destination.withLock { $0 = opened.destination }
        onLogThread { $0.redirect(to: opened.descriptor) }
    }

    /// Before the log thread ends: whoever reads slowly has a moment.
    func finish(patience: Duration) {
        onLogThread { $0.finish(patience: patience) }
    }
}

/// What there is to tell of a log.
enum LogNews: Sendable {
    case losesLines(LogLoss)
    /// It is written again.
    case writesAgain(lost: UInt64)
}

/// Writes one log, on the log thread.
final class LogWriter {
    private let loop: Loop
    private var target: LogDescriptor
    private var backlog = LogBacklog(byteLimit: LogWriter.byteLimit)
    private let losses: LogLossCounts
    private let tell: @Sendable (LogNews) -> Void
    /// Since the log was last written.
    private var lostLines: UInt64 = 0
    /// Tells when a pipe has room again; made when one had none.
    private var watch: LogWatch?

    init(loop: Loop, target: LogDescriptor, losses: LogLossCounts, tell: @escaping @Sendable (LogNews) -> Void) {
        self.loop = loop
        self.target = target
        self.losses = losses
        self.tell = tell
    }

    private static var byteLimit: Int { 4 << 20 }

    func write(_ lines: ContiguousArray<UInt8>) {
        count(backlog.add(lines), .unread)
        flush()
    }

    /// Writes what waits, as far as there is room.
    func flush() {
        while let result = backlog.withNext({ bytes in loop.kernel.writeLog(target, bytes) }) {
            if result.value > 0 {
                backlog.wrote(result.value)
            } else if result.isWouldBlock {
                return watchForRoom()
            } else {
                return count(backlog.lose(), Self.loss(result.error))
            }
        }
        guard lostLines > 0 else { return }
        let lost = lostLines
        lostLines = 0
        tell(.writesAgain(lost: lost))
    }

    private static func loss(_ error: SystemError?) -> LogLoss {
        guard let error else { return .writeError }
        return error == .brokenPipe ? .readerGone : error.isFullDisk ? .diskFull : .writeError
    }

    private func count(_ lines: UInt64, _ loss: LogLoss) {
        guard lines > 0 else { return }
        losses.add(lines, loss)
        lostLines += lines
        if lostLines == lines { tell(.losesLines(loss)) }
    }

    private func watchForRoom() {
        guard watch == nil else { return }
        let watch = LogWatch(self)
        do throws(SystemError) {
            try watch.attach(loop.kernel.duplicate(target.descriptor), to: loop, events: .room)
            self.watch = watch
        } catch {
            // The next lines try again.
        }
    }

    func redirect(to next: LogDescriptor) {
        flush()
        count(backlog.beginAnew(), .unread)
        close()
        target = next
        flush()
    }

    func close() {
        watch?.close()
        watch = nil
        if target.isOwned { loop.kernel.close(target.descriptor) }
    }

    func finish(patience: Duration) {
        let end = loop.monotonicNanoseconds() + Int64(patience / .nanoseconds(1))
        while true {
            flush()
            let rest = end - loop.monotonicNanoseconds()
            guard !backlog.isEmpty, rest > 0 else { return count(backlog.lose(), .unread) }
            loop.kernel.waitForRoom(target.descriptor, milliseconds: Int32(clamping: rest / 1_000_000 + 1))
        }
    }
}

/// Hears when a pipe or a socket takes lines again.
private final class LogWatch: Channel {
    private weak var writer: LogWriter?

    init(_ writer: LogWriter) {
        self.writer = writer
        super.init()
    }

    override func ready(_ events: ReadyEvents) { writer?.flush() }
}
