// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import Redis
import Settings
import Synchronization
import Telemetry

/// The access log of one worker: lines gather and are handed over together.
final class AccessLogWriter: Deadline {
    private var queue = LogQueue()
    private let losses: LogLossCounts
    private var format: AccessLog
    private let sink: LogSink
    private let mailbox: Mailbox
    private var clientAddress: IPAddress?
    /// Of the proxy in between; nil where it is the client itself.
    private var peerAddress: IPAddress?
    private var lent = ByteBuffer(capacity: 128)

    init(loop: Loop, target: AccessLogTarget) {
        sink = target.sink
        losses = target.losses
        format = AccessLog(format: target.format, redaction: target.redaction)
        mailbox = loop.mailbox
        super.init()
        attachDeadline(to: loop)
    }

    /// A quiet server's lines are not later than this.
    private static var patienceNanoseconds: Int64 { 20_000_000 }

    func write(
        _ record: RequestRecord, contentByteCount: UInt64, route: CompiledRoute?, head: borrowing RequestHead,
        client: ClientConnection,
        answer: borrowing Answer, worker: Worker
    ) {
        guard queue.admitsLine() else { return losses.add(1, .overload) }
        var facts = AccessFacts(
            time: loop.now, status: record.status, outcome: answer.outcome,
            durationNanoseconds: record.durationNanoseconds)
        // As other servers' logs have it: without the head.
        facts.bytesSent = contentByteCount
        facts.bytesReceived = record.bytesReceived
        facts.upstreamNanoseconds = record.upstreamNanoseconds
        facts.upstreamStatus = answer.forwardStatus > 0 ? answer.forwardStatus : nil
        facts.ttlSeconds = answer.ttlSeconds
        facts.wasCollapsed = answer.isCollapsed
        facts.wasStored = answer.isStored
        clientAddress = head.client?.address ?? client.peer
        peerAddress = clientAddress == client.peer ? nil : client.peer
        writeLine(
            facts, reason: answer.detail ?? answer.notStored?.label ?? answer.forward?.label ?? "",
            route: route?.labelBytes ?? [], server: worker.serverTexts[answer.server], head: head)
        if queue.lineEnded() == .handOver {
            handOver()
        } else if deadlineNanoseconds == Deadline.never {
            setDeadline(nanoseconds: loop.now.monotonicNanoseconds + Self.patienceNanoseconds)
        }
    }

    private func writeLine(
        _ facts: AccessFacts, reason: StaticString, route: ContiguousArray<UInt8>, server: ContiguousArray<UInt8>,
        head: borrowing RequestHead
    ) {
        var texts = ByteBuffer()
        swap(&texts, &lent)
        texts.clear()
        let clientEnd = texts.append(address: clientAddress)
        let peerEnd = clientEnd + texts.append(address: peerAddress)
        texts.append(reason)
        writeLine(facts, texts: texts, ends: (clientEnd, peerEnd), route: route, server: server, head: head)
        swap(&texts, &lent)
    }

    /// - Parameter texts: the client's address, the peer's, and then the reason.
    private func writeLine(
        _ facts: AccessFacts, texts: borrowing ByteBuffer, ends: (client: Int, peer: Int),
        route: ContiguousArray<UInt8>, server: ContiguousArray<UInt8>, head: borrowing RequestHead
    ) {
        let version = head.version == .http11 ? Self.version11 : Self.version10
        let all = texts.span
        let line = AccessTexts(
            client: all.extracting(0..<ends.client), method: head.methodBytes, target: head.target,
            version: version.span, host: head.authority, reason: all.extracting(ends.peer..<all.count),
            route: route.span, peer: all.extracting(ends.client..<ends.peer), upstream: server.span,
            userAgent: head.fields.firstValue(of: .userAgent),
            referer: head.fields.firstValue(of: .referer), requestID: head.fields.firstValue(of: .xRequestID))
        format.write(facts, line, into: &queue.lines)
    }

    private static let version11 = ContiguousArray("HTTP/1.1".utf8)
    private static let version10 = ContiguousArray("HTTP/1.0".utf8)

    override func deadlinePassed() { if queue.turnEnded() == .handOver { handOver() } }

    func handOver() {
        let taken = queue.take()
        let lines = ContiguousArray(copying: taken.span)
        let bound = LoopBound(self, to: loop)
        sink.write(lines) { bound.mailbox.post { _ in bound.value.queue.writeFinished(bytes: lines.count) } }
    }
}

/// The event log, shared by all threads.
final class EventLogWriter: Sendable {
    private let log: Mutex<EventLogBox>
    private let kernel: Kernel
    private let sink: Mutex<LogSink?>

    private final class EventLogBox {
        var log: EventLog
        init(level: EventLevel) { log = EventLog(level: level) }
    }

    init(kernel: Kernel, level: EventLevel) {
        self.kernel = kernel
        log = Mutex(EventLogBox(level: level))
        sink = Mutex(nil)
    }

    /// Where it is written; what comes before is not.
    func begin(on sink: LogSink) { self.sink.withLock { $0 = sink } }

    func write(_ level: EventLevel, _ event: StaticString, _ facts: EventFacts = [:]) {
        let now = kernel.now()
        let line = log.withLock { box -> ContiguousArray<UInt8> in
            var line = ByteBuffer()
            box.log.write(level, event, facts, at: now, into: &line)
            return ContiguousArray(copying: line.span)
        }
        if !line.isEmpty { sink.withLock { $0 }?.write(line) }
    }

    /// What becomes of the lines of a log, this one included.
    func tell(_ news: LogNews, of log: String) {
        switch news {
        case .losesLines(let loss):
            write(.error, "log_loses_lines", ["log": .text(log), "reason": .text("\(loss.label)")])
        case .writesAgain(let lost):
            write(.warning, "log_written_again", ["log": .text(log), "lost_lines": .number(Int(clamping: lost))])
        }
    }

    func setLevel(_ level: EventLevel) { log.withLock { $0.log.level = level } }

    /// About once a second.
    func writeSuppressed() {
        let now = kernel.now()
        let lines = log.withLock { box -> ContiguousArray<UInt8> in
            var lines = ByteBuffer()
            box.log.writeSuppressed(at: now, into: &lines)
            return ContiguousArray(copying: lines.span)
        }
        if !lines.isEmpty { sink.withLock { $0 }?.write(lines) }
    }

    // MARK: Events of the request path

    func connectionLimitReached(_ limit: Int) {
        write(.warning, "connection_limit_reached", ["limit": .number(limit)])
    }

    /// So that another could be accepted, or had a connection to the upstream.
    func connectionGaveWay(_ state: StaticString) {
        write(.info, "connection_gave_way", ["state": .text("\(state)")])
    }

    /// Connections held more than their share of memory; these were the slowest.
    func connectionsCutOff(_ count: Int, heldBytes: Int) {
        write(
            .warning, "connections_short_of_memory",
            ["cut_off": .number(count), "held_bytes": .number(heldBytes)])
    }

    func acceptFailed(_ error: SystemError) {
        write(.warning, "accept_failed", ["error": .text(error.description)])
    }

    /// Large bodies are copied therefore, which costs more.
    func pagesRefused(_ error: SystemError) {
        write(.notice, "pages_refused", ["error": .text(error.description)])
    }

    func hotKeysLoaded(_ count: Int) { write(.notice, "hot_keys_loaded", ["responses": .number(count)]) }

    func redisConnected(_ address: String) { write(.notice, "redis_connected", ["address": .text(address)]) }

    func redisLost(_ address: String, _ failure: RedisFailure) {
        write(.warning, "redis_lost", ["address": .text(address), "reason": .text(failure.rawValue)])
    }

    func resolveFailed(_ address: String, _ error: NameError) {
        write(.warning, "name_not_resolved", ["address": .text(address), "error": .text(error.description)])
    }

    func upstreamFailed(_ upstream: String, _ kind: StaticString, _ error: SystemError?) {
        write(
            .warning, "upstream_failed",
            ["upstream": .text(upstream), "kind": .text("\(kind)"), "error": .text(error?.description ?? "")])
    }
}

extension ByteBuffer {
    /// Answers how many bytes it took.
    fileprivate mutating func append(address: IPAddress?) -> Int {
        let start = count
        address?.write(into: &self)
        return count - start
    }
}
