// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import HTTPMessages
import HTTPWire
import Settings

/// One client of the admin address on HTTP/1: requests are read whole, and answered one after the other.
final class AdminConnection: StreamChannel {
    private enum State {
        case head
        case content(BodyDecoder)
        /// The answer is being made.
        case answering
        /// No request is read any more; the rest of the input is thrown away.
        case lingering
    }

    private let server: AdminServer
    private let peer: String
    private var state = State.head
    private var input = ByteBuffer()
    private var parser = RequestParser()
    private var head = RequestHead()
    private var content = ContiguousArray<UInt8>()
    private var keepsOpen = true
    private var isClosing = false
    private var inputEnded = false

    init(server: AdminServer, peer: String) {
        self.server = server
        self.peer = peer
        super.init()
    }

    func opened() { expect(server.limits.messageNanoseconds) }

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

    override func closed() { server.connectionClosed(self) }

    override func deadlinePassed() {
        switch state {
        case .head where !input.isEmpty, .content: refuse(408, "request_timeout", "the request came too slowly")
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
        case .content(var decoder): return takeContent(&decoder)
        case .answering, .lingering: return false
        }
    }

    private func readMore() -> Bool {
        guard mayHaveInput, !inputEnded, pendingByteCount == 0 else { return false }
        let wasIdle = input.isEmpty
        let result = kernel.read(descriptor, appendingTo: &input)
        if result.bytes > 0 {
            if wasIdle, case .head = state { expect(server.limits.messageNanoseconds) }
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
            refuse(error.status.code, "bad_request", "\(error.reason)")
            return true
        case .complete(let length):
            input.consume(length)
            begin()
            return true
        }
    }

    private func begin() {
        let framing: BodyFraming
        do throws(RequestError) {
            framing = try MessageFraming.ofRequest(head)
            if try RequestExpectation.ofRequest(head) == .continue {
                write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8).span)
            }
        } catch {
            return refuse(error.status.code, "bad_request", "\(error.reason)")
        }
        keepsOpen = ConnectionOptions.parse(head.fields).persists(head.version)
        content.removeAll()
        if case .length(let count) = framing, count > server.limits.contentBytes { return refuseLength() }
        state = .content(BodyDecoder(framing))
    }

    private func refuseLength() {
        refuse(413, "too_large", "the content is larger than \(server.limits.contentBytes) bytes")
    }

    private func takeContent(_ decoder: inout BodyDecoder) -> Bool {
        let step = decoder.next(input.span)
        state = .content(decoder)
        switch step {
        case .needMore: return false
        case .data(let range, let consumed):
            guard content.count + range.count <= server.limits.contentBytes else {
                refuseLength()
                return true
            }
            content += ContiguousArray(copying: input.span.extracting(range))
            input.consume(consumed)
        case .finished(let consumed):
            input.consume(consumed)
            state = .answering
            clearDeadline()
            ask()
        case .failed(let error): refuse(400, "bad_request", "\(error.reason)")
        }
        return true
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

    private func ask() {
        let path = head.path.text()
        guard let call = AdminCall.find(path: path) else {
            return answer(isAuthorized ? AdminResponse(AdminCall.unknown(path)) : Self.unauthorized)
        }
        guard !call.needsToken || isAuthorized else { return answer(Self.unauthorized) }
        guard call.takes(head.method) else {
            var response = AdminResponse(
                AdminError(status: 405, "method_not_allowed", "\(call.path) takes \(call.allowed)"))
            response.allow = call.allowed
            return answer(response)
        }
        server.control.perform(call, content: content, peer: peer) { [weak self] in self?.answer($0) }
    }

    private var isAuthorized: Bool { Self.carries(server.token, head) }

    private static func carries(_ token: Secret?, _ head: borrowing RequestHead) -> Bool {
        guard let token else { return true }
        guard let index = head.fields.firstIndex(of: .authorization) else { return false }
        return BearerToken.matches(head.fields.value(at: index), token)
    }

    private static let unauthorized = AdminResponse(
        AdminError(status: 401, "unauthorized", "the token is missing or wrong: Authorization: Bearer TOKEN"))

    private func answer(_ response: AdminResponse) {
        guard isOpen, case .answering = state else { return }
        send(response)
        if !keepsOpen { isClosing = true }
        state = .head
        if input.isEmpty { input.release() }
        expect(pendingByteCount > 0 ? server.limits.messageNanoseconds : server.limits.idleNanoseconds)
        guard pendingByteCount == 0 else { return }
        // Not from within this call: a client that sends on and on would make it ever deeper.
        loop.later { self.outputSent() }
    }

    /// What follows cannot be told from what was refused.
    private func refuse(_ status: UInt16, _ code: String, _ message: String) {
        keepsOpen = false
        isClosing = true
        state = .lingering
        send(AdminResponse(AdminError(status: status, code, message)))
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
        if let allow = response.allow { HeadWriter.field("Allow", allow, into: &output) }
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
