// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import HTTPMessages
import HTTPWire
import Settings
import Storage

/// One client of the admin address on HTTP/1: requests are judged by their heads, read whole, and answered one after
/// the other.
final class AdminConnection: StreamChannel {
    private enum State {
        case head
        case content(BodyDecoder, of: AdminCall)
        /// The answer is being made.
        case answering
        /// No request is read any more; the rest of the input is thrown away.
        case lingering
    }

    private let server: AdminServer
    private let peer: String
    /// It came while all others were at work: it may ask for health, once.
    let isReserve: Bool
    /// Counts those that were opened, or answered last, before it.
    private(set) var place: UInt64 = 0
    private var state = State.head
    private var input = ByteBuffer()
    private var parser = RequestParser()
    private var head = RequestHead()
    private var content = ContiguousArray<UInt8>()
    private var receivedByteCount = 0
    private var keepsOpen = true
    private var isClosing = false
    private var inputEnded = false

    init(server: AdminServer, peer: String, isReserve: Bool) {
        self.server = server
        self.peer = peer
        self.isReserve = isReserve
        super.init()
    }

    func opened() {
        place = server.nextPlace()
        expect(server.limits.headNanoseconds)
    }

    /// It has not asked for anything yet, and may give way to others.
    var awaitsHead: Bool {
        if case .head = state { return pendingByteCount == 0 }
        return false
    }

    private func expect(_ nanoseconds: Int64) {
        setDeadline(nanoseconds: loop.now.monotonicNanoseconds + nanoseconds)
    }

    // MARK: Events

    override func ready(_ events: ReadyEvents) {
        if events.contains(.failed) || events.contains(.hungUp) { return close() }
        if events.contains(.writable), pendingByteCount > 0 {
            sendQueued()
            if isOpen, pendingByteCount == 0 { outputSent() }
        }
        guard isOpen, events.contains(.readable) || events.contains(.peerClosed) else { return }
        mayHaveInput = true
        advance()
    }

    override func outputFailed(_ error: SystemError) { loop.later { self.close() } }

    override func closed() {
        forgetContent()
        server.connectionClosed(self)
    }

    override func deadlinePassed() {
        switch state {
        case .head where !input.isEmpty:
            readMethodAlone()
            refuseSlowness()
        case .content: refuseSlowness()
        case .answering where pendingByteCount == 0: break
        default: close()
        }
    }

    // MARK: Reading

    private func advance() {
        while isOpen {
            switch state {
            case .lingering: return discardInput()
            case .answering: return
            case .head, .content:
                if takeInput() { continue }
                guard readMore() else { return }
            }
        }
    }

    /// Whether something came of what has been read.
    private func takeInput() -> Bool {
        guard pendingByteCount == 0 else { return false }
        switch state {
        case .head: return takeHead()
        case .content(var decoder, let call): return takeContent(&decoder, of: call)
        case .answering, .lingering: return false
        }
    }

    private func readMore() -> Bool {
        guard mayHaveInput, !inputEnded, pendingByteCount == 0 else { return false }
        let wasIdle = input.isEmpty
        let result = kernel.read(descriptor, appendingTo: &input)
        if result.bytes > 0 {
            if wasIdle, case .head = state { expect(server.limits.headNanoseconds) }
            return true
        }
        mayHaveInput = false
        if result.isWouldBlock { return false }
        inputEnded = true
        close()
        return false
    }

    private func takeHead() -> Bool {
        guard !input.isEmpty else { return false }
        switch parser.parse(input.span, into: &head) {
        case .incomplete: return false
        case .failed(let error):
            readMethodAlone()
            refuse(error.status.code, "bad_request", "\(error.reason)")
            return true
        case .complete(let length):
            input.consume(length)
            begin()
            return true
        }
    }

    /// What a parser leaves of a head that is not whole means nothing; the answer to HEAD must have no content though.
    private func readMethodAlone() {
        head.removeAll()
        if RequestParser.isForHead(input.span) { head.method = .head }
    }

    private func refuseSlowness() { refuse(408, "request_timeout", "the request came too slowly") }

    private func begin() {
        let framing: BodyFraming
        let expectsContinue: Bool
        do throws(RequestError) {
            framing = try MessageFraming.ofRequest(head)
            expectsContinue = try RequestExpectation.ofRequest(head) == .continue
        } catch {
            return refuse(error.status.code, "bad_request", "\(error.reason)")
        }
        keepsOpen = !isReserve && ConnectionOptions.parse(head.fields).persists(head.version)
        let call: AdminCall
        do throws(AdminError) {
            call = try server.gate.call(of: head)
            if isReserve, call.needsToken {
                throw AdminError(status: 503, "busy", "all connections are at work; only health is told meanwhile")
            }
        } catch {
            return refuse(error, hasContent: framing != .none && framing != .length(0))
        }
        if case .length(let count) = framing, count > server.limits.contentBytes { return refuseLength() }
        if expectsContinue { write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8).span) }
        expect(server.limits.messageNanoseconds)
        state = .content(BodyDecoder(framing), of: call)
    }

    /// Judged by its head. What has shown no right to be here is not waited for.
    private func refuse(_ error: AdminError, hasContent: Bool) {
        guard hasContent || [401, 403, 421].contains(error.status) else {
            state = .answering
            return answer(AdminResponse(error))
        }
        refuse(AdminResponse(error))
    }

    private func refuseLength() {
        refuse(413, "too_large", "the content is larger than \(server.limits.contentBytes) bytes")
    }

    private func takeContent(_ decoder: inout BodyDecoder, of call: AdminCall) -> Bool {
        let step = decoder.next(input.span)
        state = .content(decoder, of: call)
        switch step {
        case .needMore: return false
        case .data(let range, let consumed):
            receivedByteCount += range.count
            guard receivedByteCount <= server.limits.contentBytes else {
                refuseLength()
                return true
            }
            // That of GET means nothing (RFC 9110 §9.3.1).
            if call.isPost, !keep(range) { return true }
            input.consume(consumed)
        case .finished(let consumed):
            input.consume(consumed)
            state = .answering
            clearDeadline()
            server.control.perform(call, content: content, peer: peer) { [weak self] in self?.answer($0) }
        case .failed(let error): refuse(400, "bad_request", "\(error.reason)")
        }
        return true
    }

    private func keep(_ range: Range<Int>) -> Bool {
        guard server.held.reserve(range.count, by: content.isEmpty ? .newcomer : .growth) else {
            refuse(503, "memory", "connections hold all the memory that is theirs")
            return false
        }
        content += ContiguousArray(copying: input.span.extracting(range))
        return true
    }

    private func forgetContent() {
        server.held.release(content.count)
        content = []
        receivedByteCount = 0
    }

    /// Closing while input is unread would make the kernel reset the connection, and the client might lose our
    /// answer (RFC 9112 §9.6).
    private func discardInput() {
        while isOpen, mayHaveInput {
            let result = loop.read(descriptor)
            if result.bytes > 0 { continue }
            mayHaveInput = false
            if !result.isWouldBlock { close() }
        }
    }

    // MARK: Answering

    private func answer(_ response: AdminResponse) {
        guard isOpen, case .answering = state else { return }
        forgetContent()
        send(response)
        if !keepsOpen { isClosing = true }
        state = .head
        place = server.nextPlace()
        if input.isEmpty { input.release() }
        expect(pendingByteCount > 0 ? server.limits.messageNanoseconds : server.limits.idleNanoseconds)
        guard pendingByteCount == 0 else { return }
        // Not from within this call: a client that sends on and on would make it ever deeper.
        loop.later { self.outputSent() }
    }

    /// What follows cannot be told from what was refused.
    private func refuse(_ status: UInt16, _ code: String, _ message: String) {
        refuse(AdminResponse(AdminError(status: status, code, message)))
    }

    private func refuse(_ response: AdminResponse) {
        forgetContent()
        input.release()
        keepsOpen = false
        isClosing = true
        state = .lingering
        send(response)
        expect(server.limits.lingerNanoseconds)
        if pendingByteCount == 0 { outputSent() }
    }

    private func outputSent() {
        guard isOpen else { return }
        if isClosing {
            guard case .lingering = state else { return close() }
            kernel.shutdownWrite(descriptor)
            discardInput()
        } else {
            advance()
        }
    }

    private func send(_ response: AdminResponse) {
        var output = ByteBuffer(capacity: response.content.count + 512)
        HeadWriter.statusLine(Status(response.status), into: &output)
        HeadWriter.field("Date", dateSeconds: loop.now.wallSeconds, into: &output)
        HeadWriter.field("Content-Type", response.contentType, into: &output)
        HeadWriter.field("Content-Length", decimal: response.content.count, into: &output)
        HeadWriter.field("Cache-Control", "no-store", into: &output)
        if let allow = response.allow {
            output.append("Allow: ")
            output.append(text: allow)
            output.append("\r\n")
        }
        if response.status == 401 { HeadWriter.field("WWW-Authenticate", "Bearer realm=\"larder\"", into: &output) }
        if !keepsOpen {
            HeadWriter.field("Connection", "close", into: &output)
        } else if head.version == .http10 {
            HeadWriter.field("Connection", "keep-alive", into: &output)
        }
        HeadWriter.endOfHead(into: &output)
        if head.method != .head { output.append(response.content.span) }
        send(&output)
    }
}
