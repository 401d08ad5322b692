// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO

/// One connection of a link: moves bytes between the kernel and the machine that understands them.
final class RedisSocket: Channel {
    private unowned let link: RedisLink
    private var machine: RedisConnection<RedisCall>
    private let reader: RESPReader
    private var output = ByteBuffer()
    private let maximumOutputBytes: Int
    private var isFlushing = false
    /// The kernel's buffer was full; it says when it no longer is.
    private var isBlocked = false

    init(link: RedisLink, settings: RedisLinkSettings, now: Moment) {
        self.link = link
        machine = RedisConnection(login: settings.login, limits: settings.limits, now: now)
        reader = RESPReader(limits: settings.replyLimits)
        maximumOutputBytes = settings.maximumOutputBytes
        super.init()
    }

    var isReady: Bool { isOpen && machine.isReady }
    var pendingCount: Int { machine.pendingCount }
    var outputByteCount: Int { output.count }
    var isFull: Bool { machine.isFull || output.count >= maximumOutputBytes }

    /// Attached, whether connected already or not.
    func begin(isConnected: Bool) {
        watchTime()
        if isConnected { logIn() }
    }

    private func logIn() {
        machine.connected(into: &output)
        flushLater()
        watchTime()
    }

    // MARK: Sending

    /// Everything sent in one turn of the loop goes out by one write.
    func send(
        _ call: RedisCall, extraMilliseconds: Int, _ write: (inout ByteBuffer) -> Void
    ) throws(RedisFailure) {
        guard !isFull else { throw .queueFull }
        write(&output)
        machine.commandSent(call, extraMilliseconds: extraMilliseconds, now: loop.now)
        watchTime()
        flushLater()
    }

    private func flushLater() {
        guard !isFlushing, !isBlocked else { return }
        isFlushing = true
        loop.later { [self] in
            isFlushing = false
            flush()
        }
    }

    private func flush() {
        while isOpen, !output.isEmpty {
            let result = kernel.send(descriptor, output.span)
            if result.isWouldBlock {
                isBlocked = true
                return
            }
            guard !result.isFailure else { return link.lost(self, .connectionLost) }
            output.consume(result.bytes)
            link.figures.bytesSent += UInt64(result.bytes)
        }
        if output.capacity > Self.keptByteCount { output.release() }
    }

    private static let keptByteCount = 1 << 20

    // MARK: Receiving

    override func ready(_ events: ReadyEvents) {
        if machine.state == .connecting {
            guard !events.isDisjoint(with: [.writable, .failed, .hungUp]) else { return }
            if kernel.connectionError(descriptor) != nil { return link.lost(self, .connectFailed) }
            return logIn()
        }
        if events.contains(.writable), isBlocked {
            isBlocked = false
            flush()
            guard isOpen else { return }
        }
        let isEnding = !events.isDisjoint(with: [.peerClosed, .hungUp, .failed])
        if isEnding || events.contains(.readable) { receive(isEnding: isEnding) }
    }

    /// When the peer's end was told, which happens once, reading goes on until that end is read.
    private func receive(isEnding: Bool) {
        while isOpen {
            let result = loop.read(descriptor)
            if result.isWouldBlock { break }
            guard result.bytes > 0 else { return link.lost(self, .connectionLost) }
            link.figures.bytesReceived += UInt64(result.bytes)
            do throws(RESPError) {
                try reader.feed(loop.bytesRead(result.bytes))
                while isOpen, try reader.next() { replied() }
            } catch {
                return link.lost(self, .malformed)
            }
            guard isOpen else { return }
            if result.bytes < loop.readByteLimit, !isEnding { break }
        }
        watchTime()
    }

    private func replied() {
        switch machine.replyReceived(reader.reply) {
        case .none: return
        case .becomeReady: link.becameReady(self)
        case .giveUp(let failure): link.lost(self, failure)
        case .answer(let call):
            link.answered(reader.reply)
            call.answered(reader.reply)
        }
    }

    // MARK: Time

    private func watchTime() { setDeadline(nanoseconds: machine.nextDeadlineNanoseconds ?? Deadline.never) }

    override func deadlinePassed() {
        while isOpen {
            switch machine.timePassed(now: loop.now) {
            case .nothing: return watchTime()
            case .giveUp(let failure): return link.lost(self, failure)
            case .timeOut(let call):
                call.failed(.timedOut)
                if isOpen { link.timedOut(self) }
            }
        }
    }

    /// Closes, and tells those that wait.
    func end(_ failure: RedisFailure) {
        close()
        while let call = machine.takeUnanswered() {
            link.count(failure)
            call.failed(failure)
        }
    }
}
