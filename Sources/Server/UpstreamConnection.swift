// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import HTTPMessages
import HTTPWire
import Settings
import Upstreams

/// One connection to a server of an upstream: carries one exchange at a time.
final class UpstreamConnection: StreamChannel {
    private enum Phase {
        case connecting, idle, awaitingHead, body, tunnel
        /// The rest of an answer that nobody wants is read and thrown away.
        case draining
        /// What waits is sent before it closes.
        case closing
    }

    let driver: UpstreamDriver
    let id: UpstreamConnectionID
    private(set) var exchange: Exchange?
    private var phase = Phase.connecting
    private var head = ResponseHead()
    private var parser: ResponseParser
    private var decoder = BodyDecoder(.none)
    private var framing = BodyFraming.none
    /// A head that has not come whole.
    private var input = ByteBuffer()
    private(set) var isPaused = false
    /// Of its request's content some has still to come.
    private var isUnfinished = false
    private var isReusable = false
    var isConnecting: Bool { phase == .connecting }
    private var requestIsSent = false
    private var isReceiving = false
    /// It receives again when others have had their turn.
    private var comesBack = false
    private var hasReceived = false
    private var interim = InterimLimit()
    private var drainedByteCount = 0
    /// Of the exchange's route; 0 for none.
    private var firstByteTimeoutMilliseconds = 0
    private var idleTimeoutMilliseconds = 0

    init(driver: UpstreamDriver, id: UpstreamConnectionID) {
        self.driver = driver
        self.id = id
        parser = ResponseParser(limits: driver.worker.wireLimits)
        super.init()
    }

    private var worker: Worker { driver.worker }

    /// How long it may take to be opened; nil before that begins.
    private(set) var connectMilliseconds: Int?

    func begin(connectTimeoutMilliseconds: Int) {
        connectMilliseconds = connectTimeoutMilliseconds
        expect(milliseconds: connectTimeoutMilliseconds)
    }

    /// Connected and nobody's: watched for being closed.
    func park() {
        phase = .idle
        clearDeadline()
    }

    /// The connection is this exchange's until its answer is complete.
    func carry(_ exchange: Exchange) {
        self.exchange = exchange
        phase = .awaitingHead
        isPaused = false
        requestIsSent = false
        hasReceived = false
        isUnfinished = exchange.isUnfinished
        interim = InterimLimit()
        let route = exchange.request.route
        firstByteTimeoutMilliseconds = route.firstByteTimeoutMilliseconds
        idleTimeoutMilliseconds = route.idleTimeoutMilliseconds
        exchange.connectionGranted(self)
    }

    // MARK: Sending

    /// The request has gone out whole; its answer is awaited.
    func requestSent() {
        requestIsSent = true
        if isUnfinished {
            isUnfinished = false
            driver.contentCame(on: self)
        }
        if phase == .awaitingHead { expect(milliseconds: firstByteTimeoutMilliseconds) }
    }

    func requestContinues() { expect(milliseconds: idleTimeoutMilliseconds) }

    func progressed() { if !requestIsSent { expect(milliseconds: idleTimeoutMilliseconds) } }

    private func expect(milliseconds: Int) {
        if milliseconds == 0 {
            clearDeadline()
        } else {
            setDeadline(nanoseconds: loop.now.monotonicNanoseconds + Int64(milliseconds) * 1_000_000)
        }
    }

    // MARK: Events

    override func ready(_ events: ReadyEvents) {
        if phase == .connecting { return connected(events) }
        if events.contains(.writable), pendingByteCount > 0 {
            sendQueued()
            if phase == .closing, pendingByteCount == 0 { return driver.closed(self) }
            if isOpen, pendingByteCount < worker.relayHighWaterBytes / 2 { exchange?.upstreamBecameWritable() }
        }
        guard isOpen else { return }
        if !events.isDisjoint(with: [.readable, .peerClosed, .hungUp, .failed]) {
            mayHaveInput = true
            if !events.isDisjoint(with: [.peerClosed, .hungUp, .failed]) { peerHasEnded = true }
            receive()
        }
    }

    private func connected(_ events: ReadyEvents) {
        guard !events.isDisjoint(with: [.writable, .failed, .hungUp]) else { return }
        if let error = kernel.connectionError(descriptor) { return driver.connectFailed(self, error) }
        driver.connected(self)
    }

    override func outputFailed(_ error: SystemError) {
        // An answer may have come before the server closed its side; reading tells.
        mayHaveInput = true
        loop.later { if self.isOpen { self.receive() } }
    }

    override func deadlinePassed() {
        switch phase {
        case .connecting: driver.connectFailed(self, .timedOut)
        case .draining, .closing: driver.closed(self)
        default: failed(.timedOut)
        }
    }

    // MARK: Receiving

    /// The limit for the first byte of an answer holds all the same.
    func pause() {
        isPaused = true
        if phase != .awaitingHead { clearDeadline() }
    }

    func resume() {
        guard isPaused else { return }
        isPaused = false
        // A tunnel's limit is its own.
        if phase != .awaitingHead, phase != .tunnel { expect(milliseconds: idleTimeoutMilliseconds) }
        if !isReceiving { receive() }
    }

    private func receive() {
        guard !isReceiving, !comesBack else { return }
        isReceiving = true
        var share: TurnShare?
        while isOpen, mayHaveInput, !isPaused {
            let loop = self.loop
            let room = min(loop.readByteLimit, worker.relayPieceBytes)
            let result =
                input.isEmpty
                ? loop.read(descriptor, atMost: room) : kernel.read(descriptor, appendingTo: &input, minimum: 16_384)
            if result.bytes > 0 {
                hasReceived = true
                if input.isEmpty {
                    let bytes = loop.bytesRead(result.bytes)
                    if result.bytes < room, !peerHasEnded { mayHaveInput = false }
                    let used = process(bytes)
                    if used < bytes.count, isOpen { input.append(bytes.extracting(used..<bytes.count)) }
                } else {
                    var pending = ByteBuffer()
                    swap(&pending, &input)
                    let used = process(pending.span)
                    pending.consume(used)
                    swap(&pending, &input)
                }
                exchange?.readEnded()
                if mayHaveInput, isOpen, isTurnOver(&share, result.bytes) { break }
            } else if result.isWouldBlock {
                mayHaveInput = false
            } else {
                mayHaveInput = false
                ended(result.error)
            }
        }
        isReceiving = false
    }

    /// Asked only where there may be more, as most answers come in one read.
    private func isTurnOver(_ share: inout TurnShare?, _ bytes: Int) -> Bool {
        var used = share ?? TurnShare(loop)
        let isOver = used.isUsedUp(by: bytes, loop)
        share = used
        guard isOver else { return false }
        comesBack = true
        loop.later {
            self.comesBack = false
            self.receive()
        }
        return true
    }

    /// Answers how many bytes were used; what is left waits for more.
    private func process(_ bytes: borrowing Span<UInt8>) -> Int {
        var used = 0
        while isOpen {
            let rest = bytes.extracting(used..<bytes.count)
            switch phase {
            case .connecting: return used
            case .idle:
                // A server that speaks unasked is not to be trusted with a request.
                if rest.count > 0 { driver.closed(self) }
                return bytes.count
            case .awaitingHead:
                guard rest.count > 0 else { return used }
                let length = processHead(rest)
                if length == 0 { return used }
                used += length
            case .body:
                let (consumed, goesOn) = processBody(rest)
                used += consumed
                if !goesOn { return used }
            case .draining:
                let (consumed, goesOn) = processDrained(rest)
                used += consumed
                if !goesOn { return used }
            case .tunnel:
                if rest.count > 0 { exchange?.bodyReceived(rest) }
                return bytes.count
            case .closing: return bytes.count
            }
        }
        return bytes.count
    }

    private func processHead(_ bytes: borrowing Span<UInt8>) -> Int {
        guard let exchange else { return 0 }
        // Taken out, so that lending it copies nothing.
        var head = ResponseHead()
        swap(&head, &self.head)
        defer { swap(&head, &self.head) }
        switch parser.parse(bytes, into: &head) {
        case .incomplete: return 0
        case .failed:
            failed(.malformed)
            return bytes.count
        case .complete(let length):
            if head.status.isInformational, head.status.code != 101 {
                guard interim.takes(byteCount: length, limits: worker.wireLimits) else {
                    failed(.excessiveInterim)
                    return bytes.count
                }
                exchange.interimReceived(head)
                return length
            }
            return length + answerBegins(exchange, head, rest: bytes.extracting(length..<bytes.count))
        }
    }

    private func answerBegins(
        _ exchange: Exchange, _ head: borrowing ResponseHead, rest: borrowing Span<UInt8>
    ) -> Int {
        do throws(ResponseError) {
            framing = try MessageFraming.ofResponse(
                head, requestMethod: exchange.head.method,
                ignoresUnregisteredCoding: driver.settings.unregisteredCoding == .ignore)
        } catch {
            failed(error == .unknownTransferCoding ? .transferCoding : .malformed)
            return rest.count
        }
        let connection = ConnectionOptions.parse(head.fields)
        isReusable = connection.persists(head.version) && !framing.endsWithConnection
        if isReusable, let seconds = KeepAliveField.timeoutSeconds(head.fields) { driver.keeps(self, seconds: seconds) }
        decoder.begin(framing, limits: exchange.worker.wireLimits)
        phase = head.status.code == 101 ? .tunnel : .body
        if phase == .tunnel {
            clearDeadline()
            driver.becameTunnel(self)
        } else {
            expect(milliseconds: idleTimeoutMilliseconds)
        }
        if let used = exchange.headReceived(head, framing: framing, rest: rest) {
            // The exchange took the whole body and is over.
            self.exchange = nil
            release(leftOver: rest.count > used)
            return used
        }
        return 0
    }

    private func processBody(_ bytes: borrowing Span<UInt8>) -> (consumed: Int, goesOn: Bool) {
        guard let exchange else { return (bytes.count, false) }
        switch decoder.next(bytes) {
        case .data(let range, let consumed):
            exchange.bodyReceived(bytes.extracting(range))
            expectMore()
            return (consumed, isOpen)
        case .needMore: return (bytes.count, false)
        case .finished(let consumed):
            self.exchange = nil
            // Others have none.
            let trailers = framing.isChunked ? decoder.trailers : Fields()
            release(leftOver: consumed < bytes.count)
            exchange.bodyEnded(trailers: trailers)
            return (consumed, false)
        case .failed:
            failed(.malformed)
            return (bytes.count, false)
        }
    }

    private func expectMore() { if isOpen, !isPaused, phase == .body { expect(milliseconds: idleTimeoutMilliseconds) } }

    /// The answer is complete: the connection serves the next, unless anything about it is unclean.
    private func release(leftOver: Bool) {
        clearDeadline()
        phase = .idle
        // A slow client may have paused it: nobody would hear of its end then, and it would be given the next request.
        isPaused = false
        driver.released(self, reusable: isReusable && requestIsSent && pendingByteCount == 0 && !leftOver && !isBroken)
    }

    private func ended(_ error: SystemError?) {
        guard let exchange else { return driver.closed(self) }
        // The other direction of a tunnel may go on.
        if phase == .tunnel, error == nil, !isBroken { return exchange.originEndedTunnel() }
        if phase == .body && error == nil && framing == .untilClose {
            self.exchange = nil
            driver.closed(self)
            exchange.bodyEnded(trailers: Fields())
            return
        }
        failed(.closed)
    }

    private func failed(_ kind: ExchangeFailure.Kind) {
        let exchange = self.exchange
        let reused = driver.isReused(self)
        self.exchange = nil
        driver.failed(self, kind)
        exchange?.upstreamFailed(kind, onReusedConnection: reused, responseReceived: hasReceived)
    }

    /// The tunnel is over: what its client sent before still goes out.
    func endTunnel() {
        exchange = nil
        guard pendingByteCount > 0, !isBroken else { return driver.closed(self) }
        phase = .closing
        isPaused = false
        endStream()
        expect(milliseconds: Tunnel.endMilliseconds)
    }

    /// The client has broken the tunnel off, and so has the server to learn.
    func breakTunnel() {
        exchange = nil
        reset()
        driver.closed(self)
    }

    // MARK: Abandoning

    /// What it carries goes on for as long as somebody listens; false when too many do.
    func becomesStream() -> Bool { driver.becameStream(self) }

    /// How much content is still to come, where that is known.
    var remainingByteCount: Int? { decoder.remainingByteCount }

    /// The exchange wants no more of this answer. What little is left of it is read, so that the connection serves
    /// the next request.
    func abandon(mayDrain: Bool = true) {
        exchange = nil
        guard mayDrain, canDrain else { return driver.closed(self) }
        phase = .draining
        isPaused = false
        drainedByteCount = 0
        // The last bytes are being looked at just now.
        if isReceiving, decoder.isFinished { return }
        expect(milliseconds: Self.drainMilliseconds)
        guard !isReceiving else { return }
        // Whoever abandons it may be looking at what the loop has read.
        loop.later { [self] in if isOpen, phase == .draining { receive() } }
    }

    private var canDrain: Bool {
        guard phase == .body, isReusable, requestIsSent, pendingByteCount == 0, !isBroken else { return false }
        return decoder.remainingByteCount ?? 0 <= Self.drainedByteLimit
    }

    private static var drainedByteLimit: Int { 64 << 10 }
    private static var drainMilliseconds: Int { 1000 }

    private func processDrained(_ bytes: borrowing Span<UInt8>) -> (consumed: Int, goesOn: Bool) {
        switch decoder.next(bytes) {
        case .data(_, let consumed):
            drainedByteCount += consumed
            if drainedByteCount > Self.drainedByteLimit { driver.closed(self) }
            return (consumed, isOpen)
        case .needMore: return (bytes.count, false)
        case .finished(let consumed):
            release(leftOver: consumed < bytes.count)
            return (consumed, false)
        case .failed:
            driver.closed(self)
            return (bytes.count, false)
        }
    }
}

/// The interim answers to one request (RFC 9110 §15.2): past the limit the server is taken to be broken.
struct InterimLimit {
    private var count = 0
    private var byteCount = 0

    static let maximumCount = 16

    /// Counts one more; false when it is one too many, or all together are longer than a head may be.
    mutating func takes(byteCount more: Int, limits: WireLimits) -> Bool {
        count += 1
        byteCount += more
        return count <= Self.maximumCount && byteCount <= limits.responseHeadBytes
    }
}
