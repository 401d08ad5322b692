// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import HTTPMessages
import HTTPWire
import Settings

/// One client on HTTP/1: bytes become requests in order, each is answered before the next is begun.
///
/// An idle connection holds no buffer: input is read into the loop's and only an unfinished piece is kept.
final class ClientConnection: StreamChannel {
    /// What the connection waits for, which decides what its deadline means.
    enum Waiting: UInt8 {
        /// The first byte of a request.
        case request
        /// The rest of a request's head.
        case head
        case body
        /// The rest of a body that nobody wants.
        case unwantedBody
        /// Something that has limits of its own: an upstream, a flight.
        case others
        /// That the client takes bytes.
        case output
        /// The end of a stream that is read and thrown away, so that the client gets our last answer.
        case lingering
    }

    let worker: Worker
    let peer: IPAddress?
    let peerPort: UInt16
    /// Received bytes that could not be used yet.
    private(set) var input = ByteBuffer()
    private var parser: RequestParser
    /// What the parser has made of a head that has not come whole; it goes on with the same.
    private var partialHead: HeadSlot?
    /// The request that is being answered, when that takes longer than this call.
    var exchange: Exchange?
    private(set) var requestCount: UInt32 = 0
    private(set) var waiting = Waiting.request
    /// Where it stands among the worker's connections.
    var place = ConnectionPlace()
    private var isAdvancing = false
    /// It goes on when others have had their turn.
    private var comesBack = false
    /// `input` holds a beginning that means nothing before more comes.
    private var inputIsPartial = false
    /// Comes before the next request.
    private var unwanted: UnwantedBody?
    /// The client has ended its stream.
    private(set) var inputEnded = false
    /// No request is read any more, and the connection ends when its output is sent.
    private(set) var isClosing = false
    private(set) var lingers = false
    private var mustLinger = false
    /// An answer has told the client that it is the last one.
    var saidClose = false
    /// As far as the client knows the connection goes on, so that its next request may be under way already.
    var clientMayGoOn = false
    /// Of the request being answered: its first byte, on the monotonic clock.
    private(set) var startedNanoseconds: Int64 = 0

    init(worker: Worker, peer: SocketAddress) {
        self.worker = worker
        self.peer = peer.ip
        peerPort = peer.port
        parser = RequestParser(limits: worker.wireLimits)
        super.init()
    }

    /// Above this many bytes that the client does not take, what feeds it pauses.
    static var outputHighWaterBytes: Int { 256 << 10 }
    private static var lingerNanoseconds: Int64 { 2_000_000_000 }
    private static var discardedReads: Int { 64 }

    func opened() {
        place.seat = worker.connections.insert(self, into: .idle)
        becameIdle()
        expect(.request, milliseconds: worker.snapshot.settings.client.headTimeoutMilliseconds)
    }

    // MARK: Events

    override func ready(_ events: ReadyEvents) {
        // Both streams of a tunnel may have ended while there is still something to read.
        if events.contains(.failed) || (events.contains(.hungUp) && !isTunnel) { return clientLeft() }
        if events.contains(.writable), pendingByteCount > 0 {
            let before = pendingByteCount
            sendQueued()
            guard isOpen else { return }
            place.progressed(by: before - pendingByteCount)
            outputMoved()
            guard isOpen else { return }
        }
        if events.contains(.readable) || events.contains(.peerClosed) {
            mayHaveInput = true
            if events.contains(.peerClosed) { peerHasEnded = true }
            advance()
        }
    }

    override func outputFailed(_ error: SystemError) {
        // Whoever is writing just now must not lose the ground under its feet.
        loop.later { self.clientLeft() }
    }

    private func clientLeft() {
        guard isOpen else { return }
        close()
    }

    override func closed() {
        giveBackHeld()
        worker.connectionClosed(self)
        held.empty(into: worker.shared.heldForClients)
        if let exchange {
            self.exchange = nil
            exchange.clientLeft()
        }
    }

    /// Output beyond what a connection needs, so that the upstream need not wait.
    private var held = ClientHold()

    /// Whether there is room for what is left of an answer, so that the upstream's connection is free before the
    /// client has read it.
    func holdsRest(of upstream: UpstreamConnection?) -> Bool {
        let rest = upstream?.remainingByteCount ?? worker.loop.readByteLimit
        let wanted = pendingByteCount + rest
        guard wanted <= Self.outputHighWaterBytes else { return false }
        // In steps, so that an answer of unknown length is not counted anew with each piece.
        let step = Self.heldStepBytes
        return held.grow(to: (wanted + step - 1) / step * step, of: worker.shared.heldForClients)
    }

    private static var heldStepBytes: Int { 32 << 10 }

    private var isTunnel: Bool {
        if let exchange { exchange.isTunnel } else { false }
    }

    private func outputMoved() {
        if pendingByteCount == 0 { held.empty(into: worker.shared.heldForClients) }
        if let exchange, exchange.isTunnel { return exchange.clientBecameWritable() }
        if pendingByteCount > 0 {
            expect(.output, milliseconds: worker.snapshot.settings.client.sendIdleMilliseconds)
            return account()
        }
        if isClosing, exchange == nil { return endOutput() }
        if let exchange {
            waiting = .others
            clearDeadline()
            exchange.clientBecameWritable()
        }
        if isOpen { advance() }
    }

    // MARK: Input

    private var takesInput: Bool {
        guard !isClosing, isOpen else { return false }
        guard let exchange else { return pendingByteCount == 0 }
        return exchange.wantsRequestBody && (pendingByteCount == 0 || exchange.isTunnel)
    }

    /// Uses input as long as there is some and somebody wants it.
    func advance() {
        guard !isAdvancing, !comesBack else { return }
        if lingers { return discardInput() }
        // Who sends all of a body before it reads would never get the answer.
        if isClosing, mustLinger { discardInput() }
        isAdvancing = true
        var share: TurnShare?
        while takesInput, takeStep(), !isTurnOver(&share) {}
        isAdvancing = false
        guard isOpen else { return }
        if comesBack { return flush() }
        if exchange == nil, !isClosing, !inputEnded, !worker.isDraining {
            // Nothing depends on when these answers leave within this turn.
            worker.deferOutput()
            return settle()
        }
        flush()
        guard isOpen else { return }
        if isClosing, exchange == nil {
            if pendingByteCount == 0 { endOutput() }
        } else if inputEnded, exchange == nil {
            close()
        } else {
            settle()
        }
    }

    /// Asked only where there is more at hand.
    private func isTurnOver(_ share: inout TurnShare?) -> Bool {
        guard isOpen, mayHaveInput || (!input.isEmpty && !inputIsPartial), takesInput else { return false }
        let loop = worker.loop
        var used = share ?? TurnShare(loop)
        let isOver = used.isUsedUp(by: loop.readByteLimit, loop)
        share = used
        guard isOver else { return false }
        comesBack = true
        loop.later {
            self.comesBack = false
            if self.isOpen { self.advance() }
        }
        return true
    }

    private func takeStep() -> Bool {
        if !input.isEmpty, !inputIsPartial {
            var pending = ByteBuffer()
            swap(&pending, &input)
            let used = take(pending.span)
            pending.consume(used)
            if pending.isEmpty { pending.release() }
            swap(&pending, &input)
            return true
        }
        guard mayHaveInput, !inputEnded else { return false }
        return input.isEmpty ? readAndTake() : readMore()
    }

    private func readAndTake() -> Bool {
        let loop = worker.loop
        let result = loop.read(descriptor)
        guard received(result, room: loop.readByteLimit) else { return false }
        let bytes = loop.bytesRead(result.bytes)
        if exchange == nil { startedNanoseconds = loop.now.monotonicNanoseconds }
        let used = take(bytes)
        if used < bytes.count { input.append(bytes.extracting(used..<bytes.count)) }
        return true
    }

    /// By way of the loop's buffer, so that what is kept is no more than what came.
    private func readMore() -> Bool {
        let loop = worker.loop
        let result = loop.read(descriptor)
        guard received(result, room: loop.readByteLimit) else { return false }
        input.append(loop.bytesRead(result.bytes))
        inputIsPartial = false
        return true
    }

    /// Whether bytes came; remembers when none are left, and when none will come.
    private func received(_ result: IOResult, room: Int) -> Bool {
        if result.bytes > 0 {
            place.progressed(by: result.bytes)
            // Less than there was room for: the socket is empty until the next event.
            if result.bytes < room, !peerHasEnded { mayHaveInput = false }
            return true
        }
        mayHaveInput = false
        if result.bytes == 0 {
            inputEnded = true
            exchange?.requestBodyEndedEarly()
        } else if result.isFailure {
            clientLeft()
        }
        return false
    }

    private func take(_ bytes: borrowing Span<UInt8>) -> Int {
        var used = 0
        while used < bytes.count, takesInput {
            let rest = bytes.extracting(used..<bytes.count)
            let taken: Int
            if let exchange {
                taken = exchange.requestBodyReceived(rest)
            } else if let unwanted {
                taken = pass(over: unwanted, rest)
            } else {
                taken = takeHead(rest)
            }
            used += taken
            if taken == 0 {
                inputIsPartial = exchange == nil
                break
            }
            if worker.output.count > Self.outputHighWaterBytes { flush() }
        }
        return used
    }

    private func takeHead(_ bytes: borrowing Span<UInt8>) -> Int {
        worker.claimOutput(for: self)
        let slot = partialHead.take() ?? worker.headSlots.take()
        switch parser.parse(bytes, into: &slot.head) {
        case .complete(let length):
            requestCount &+= 1
            if !begin(slot, headByteCount: length, in: bytes) { worker.headSlots.give(back: slot) }
            return length
        case .incomplete:
            partialHead = slot
            return 0
        case .failed(let error):
            worker.headSlots.give(back: slot)
            requestCount &+= 1
            refuse(error.status, detail: error.reason, isHead: RequestParser.isForHead(bytes))
            return bytes.count
        }
    }

    /// The last request is answered without the rest of its body; nil when that is not read, and the connection ends.
    func passOver(_ body: UnwantedBody?) {
        unwanted = body
        if body == nil { closeAfterOutput(lingering: true) }
    }

    var isPassingOver: Bool { unwanted != nil }

    private func pass(over body: UnwantedBody, _ bytes: borrowing Span<UInt8>) -> Int {
        switch body.pass(over: bytes) {
        case .ended(let consumed):
            unwanted = nil
            return consumed
        case .needMore: return bytes.count
        case .lost:
            passOver(nil)
            return bytes.count
        }
    }

    /// Put together for this client, and not yet written: parts that wait for the end of the turn.
    var deferredByteCount = 0
    private var countedByteCount: UInt64 = 0
    private var headEndByteCount: UInt64 = 0

    /// The head of an answer is put together up to here; `staged` bytes wait in the worker's output.
    func headEnded(staged: Int) { headEndByteCount = writtenByteCount + UInt64(deferredByteCount + staged) }

    /// Bytes sent since this was last asked, and those that are about to be; of these, what follows the last head.
    func takeSentByteCount(adding staged: Int) -> (all: UInt64, content: UInt64) {
        // What was counted while it waited is not sent when the connection breaks meanwhile.
        let total = max(countedByteCount, writtenByteCount + UInt64(deferredByteCount + staged))
        defer { countedByteCount = total }
        return (total - countedByteCount, total - min(total, max(headEndByteCount, countedByteCount)))
    }

    /// Bytes that it has really been sent: the kernel may hold megabytes for a client that takes few.
    var takenByteCount: Int { Int(writtenByteCount) - untakenByteCount }

    /// Of what was written.
    var untakenByteCount: Int { pendingByteCount + kernel.unsentByteCount(descriptor) }

    /// What was put together for it during this turn.
    func writeDeferred(_ bytes: borrowing Span<UInt8>) {
        guard isOpen else { return }
        deferredByteCount -= bytes.count
        write(bytes)
        outputQueued()
    }

    /// What the client does not take at once it must begin to take in time, and is counted.
    func outputQueued() {
        if pendingByteCount > 0, isOpen { settle() }
    }

    // MARK: Ends

    /// Sends what was put together for this connection.
    func flush() {
        worker.sendOutput()
    }

    /// The exchange has said its last word. `reusable`: both messages are complete and neither side is closing.
    func exchangeEnded(reusable: Bool) {
        exchange = nil
        if !reusable || saidClose { closeAfterOutput() }
        if !isAdvancing { advance() }
    }

    /// No further request is taken; the connection ends after what is still to be sent.
    func closeAfterOutput(lingering: Bool = false) {
        isClosing = true
        if lingering { mustLinger = true }
    }

    /// The answer broke: a reset is the one thing no client can take for its end (promise 6).
    func breakOff() {
        worker.dropOutput(of: self)
        exchange = nil
        reset()
    }

    private func endOutput() {
        guard mustLinger || clientMayGoOn, !inputEnded else { return close() }
        lingers = true
        kernel.shutdownWrite(descriptor)
        waiting = .lingering
        input.release()
        account()
        setDeadline(nanoseconds: worker.loop.now.monotonicNanoseconds + Self.lingerNanoseconds)
        discardInput()
    }

    /// Closing while input is unread would make the kernel reset the connection, and the client might lose our
    /// last answer (RFC 9112 §9.6).
    private func discardInput() {
        input.release()
        for _ in 0..<Self.discardedReads {
            guard isOpen, mayHaveInput else { return }
            let result = worker.loop.read(descriptor)
            if result.bytes > 0 { continue }
            mayHaveInput = false
            if result.isWouldBlock { return }
            inputEnded = true
            if lingers || result.isFailure { return close() }
        }
        // Others have their turn.
        worker.loop.later { self.discardInput() }
    }

    // MARK: Deadlines

    private func settle() {
        let client = worker.snapshot.settings.client
        if isTunnel {
            waiting = .others
            clearDeadline()
            account()
        } else if pendingByteCount > 0 {
            if waiting != .output { expect(.output, milliseconds: client.sendIdleMilliseconds) }
            account()
        } else if let exchange {
            if exchange.wantsRequestBody {
                expect(.body, milliseconds: client.bodyIdleMilliseconds)
            } else {
                waiting = .others
                clearDeadline()
            }
            account()
        } else if unwanted != nil {
            if waiting != .unwantedBody { expect(.unwantedBody, milliseconds: UnwantedBody.patienceMilliseconds) }
            account()
        } else if input.isEmpty {
            if worker.isDraining { return endIdle() }
            expect(.request, milliseconds: client.keepAliveMilliseconds)
            becameIdle()
        } else {
            if waiting != .head { expect(.head, milliseconds: client.headTimeoutMilliseconds) }
            account()
        }
    }

    private func expect(_ next: Waiting, milliseconds: Int) {
        waiting = next
        if milliseconds == 0 {
            clearDeadline()
        } else {
            setDeadline(nanoseconds: worker.loop.now.monotonicNanoseconds + Int64(milliseconds) * 1_000_000)
        }
    }

    override func deadlinePassed() {
        switch waiting {
        case .request, .lingering: close()
        case .head:
            refuse(Status(408), detail: "request-head-timeout", isHead: RequestParser.isForHead(input.span))
            advance()
        case .body: exchange?.requestBodyTimedOut()
        case .unwantedBody:
            passOver(nil)
            advance()
        case .output: reset()
        case .others: break
        }
    }

    /// The process is going down: idle connections end now, others after their answer.
    func drain() {
        if exchange == nil, input.isEmpty, pendingByteCount == 0, !lingers { endIdle() }
    }

    /// Nothing of a request is here, nor of an answer.
    var isIdle: Bool {
        exchange == nil && unwanted == nil && input.isEmpty && pendingByteCount == 0 && deferredByteCount == 0
    }

    /// The last answer may still be under way.
    private func endIdle() {
        isClosing = true
        endOutput()
    }
}
