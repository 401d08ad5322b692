// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings
import Storage
import Telemetry
import Upstreams

/// The way up: a connection, the request's head, its body.
extension Exchange {
    func fetch(conditional: Bool) {
        adoptEpoch()
        switch machine.fetchBegins() {
        case .searchSecondTier: searchSecondTier()
        case .fetch: fetchFromOrigin()
        }
    }

    func fetchFromOrigin() {
        answer.forward = machine.forwardReason
        guard !request.wantsUpgrade || takeTunnelPlace() else { return fail(Status(503), detail: "too-many-tunnels") }
        if driver.isDraining, let successor = worker.successor(of: driver) { driver = successor }
        driver.request(self, onNewConnection: false)
    }

    /// A connection is ours: the head goes out, together with what of the body is at hand.
    func connectionGranted(_ connection: UpstreamConnection) {
        upstream = connection
        wait = nil
        sentAt = worker.loop.now
        answer.wasForwarded = true
        answer.server = driver.serverNumber(of: connection)
        worker.upstreamOutput.clear()
        RequestHeadWriter.write(self, into: &worker.upstreamOutput)
        connection.send(&worker.upstreamOutput)
        if let content = request.content {
            let bytes = content.bytes
            connection.write(bytes.span)
            return connection.requestSent()
        }
        if machine.discardsBody { return connection.requestSent() }
        if !collected.isEmpty {
            var prefix = ByteBuffer()
            swap(&prefix, &collected)
            send(prefix.span, to: connection)
            held.empty(into: worker.shared.heldForClients)
        }
        if requestBody.isComplete {
            endRequestBody(on: connection)
        } else {
            connection.requestContinues()
            client?.advance()
        }
    }

    /// Its head is to say that a body follows.
    var sendsBody: Bool { !isBackground && !machine.discardsBody && request.framing != .none }

    var wantsRequestBody: Bool {
        if requestBody.isUnwanted { return !requestBody.isComplete }
        if case .tunnel = intake { return upstreamTakesMore }
        if requestBody.isComplete { return false }
        if requestBody.isGathering { return true }
        if takesBodyItself { return true }
        return upstreamTakesMore
    }

    private var upstreamTakesMore: Bool {
        guard let upstream else { return false }
        return upstream.pendingByteCount < worker.relayHighWaterBytes
    }

    /// Answers how many bytes were used.
    func requestBodyReceived(_ bytes: borrowing Span<UInt8>) -> Int {
        if requestBody.isUnwanted { return passOver(bytes) }
        if takesBodyItself { return takeRequestBody(bytes) }
        if requestBody.isGathering {
            let used = gather(bytes)
            if used > 0 || requestBody.isGathering { return used }
        }
        guard let upstream else { return 0 }
        if case .tunnel(let tunnel) = intake {
            upstream.write(bytes)
            tunnel.moved()
            answer.receivedContentByteCount += bytes.count
            return bytes.count
        }
        guard !requestBody.isComplete else { return 0 }
        worker.upstreamOutput.clear()
        let used = passOn(bytes, to: upstream)
        // It is refused where it has no upstream any more.
        guard self.upstream === upstream else { return used }
        sendPassedOn(to: upstream)
        if requestBody.isComplete { endRequestBody(on: upstream) }
        return used
    }

    /// What leaves is put together as far as it is small, so that a body in tiny chunks is not one of tiny writes.
    private func passOn(_ bytes: borrowing Span<UInt8>, to upstream: UpstreamConnection) -> Int {
        var used = 0
        while used < bytes.count, !requestBody.isComplete {
            let rest = bytes.extracting(used..<bytes.count)
            switch requestBody.next(rest) {
            case .data(let range, let consumed):
                used += consumed
                if exceedsBodyLimit { return refuseBody(Status(413), "body-too-large", bytes.count) }
                passOn(piece: rest.extracting(range), to: upstream)
            case .finished(let consumed): used += consumed
            case .needMore: return bytes.count
            case .failed: return refuseBody(Status(400), "malformed-chunk", bytes.count)
            }
        }
        return used
    }

    private func refuseBody(_ status: Status, _ detail: StaticString, _ used: Int) -> Int {
        worker.upstreamOutput.clear()
        requestBodyFailed(status, detail: detail)
        return used
    }

    private static var smallPieceBytes: Int { 4 << 10 }

    private func passOn(piece: borrowing Span<UInt8>, to upstream: UpstreamConnection) {
        guard piece.count < Self.smallPieceBytes else {
            sendPassedOn(to: upstream)
            return send(piece, to: upstream)
        }
        requestBody.hasBeenSent = true
        let isChunked = requestBody.framing.isChunked
        if isChunked { HeadWriter.chunkHeader(piece.count, into: &worker.upstreamOutput) }
        worker.upstreamOutput.append(piece)
        if isChunked { worker.upstreamOutput.append("\r\n") }
        if worker.upstreamOutput.count >= 4 * Self.smallPieceBytes { sendPassedOn(to: upstream) }
    }

    private func sendPassedOn(to upstream: UpstreamConnection) {
        guard !worker.upstreamOutput.isEmpty else { return }
        upstream.send(&worker.upstreamOutput)
        upstream.progressed()
    }

    var exceedsBodyLimit: Bool { worker.snapshot.exceedsBodyLimit(requestBody.receivedByteCount) }

    private func send(_ data: borrowing Span<UInt8>, to upstream: UpstreamConnection) {
        requestBody.hasBeenSent = true
        if requestBody.framing.isChunked {
            worker.upstreamOutput.clear()
            HeadWriter.chunkHeader(data.count, into: &worker.upstreamOutput)
            upstream.send(&worker.upstreamOutput, data)
            worker.upstreamOutput.append("\r\n")
            upstream.send(&worker.upstreamOutput)
        } else {
            upstream.write(data)
        }
        upstream.progressed()
    }

    private func endRequestBody(on upstream: UpstreamConnection) {
        if requestBody.framing.isChunked {
            worker.upstreamOutput.clear()
            var trailers = requestBody.trailers
            let dropped = RequestTrailers.drop(from: &trailers, except: request.route.sentTrailers)
            worker.recordDropped(.trailer, dropped, request.route)
            HeadWriter.lastChunk(trailers: trailers, into: &worker.upstreamOutput)
            upstream.send(&worker.upstreamOutput)
        }
        upstream.requestSent()
    }

    /// The client ended its stream in the middle of a request, or of a tunnel.
    func requestBodyEndedEarly() {
        if isTunnel { return clientEndedTunnel() }
        guard !requestBody.isComplete, !requestBody.isUnwanted else { return }
        requestBodyFailed(Status(400), detail: "body-ended-early")
    }

    func requestBodyTimedOut() { requestBodyFailed(Status(408), detail: "body-timeout") }

    /// Nobody upstream may take what came for a whole request.
    func requestBodyFailed(_ status: Status, detail: StaticString) {
        if delivery.hasBegun { return breakOff(detail: detail) }
        // Where it ends is not known.
        request.keepsOpen = false
        fail(status, detail: detail)
    }

    func upstreamBecameWritable() {
        if case .tunnel(let tunnel) = intake { tunnel.moved() }
        client?.advance()
    }

    /// Before any head came. True when the request has been sent again.
    private func retried(after failure: ExchangeFailure) -> Bool {
        if driver.isDraining, let successor = worker.successor(of: driver) { driver = successor }
        let decision = RetryPolicy.decision(
            after: failure, methodIsIdempotent: head.method.isIdempotent || machine.facts.isKeyedByBody,
            retries: retries,
            limit: driver.settings.retries, budget: &driver.retryBudget)
        guard decision == .retryOnNewConnection else { return false }
        retries += 1
        upstream = nil
        driver.request(self, onNewConnection: true)
        return true
    }

    /// No answer, or no more of it, will come. The connection has let go of this exchange already.
    func upstreamFailed(_ kind: ExchangeFailure.Kind, onReusedConnection: Bool = false, responseReceived: Bool = false)
    {
        upstream = nil
        if isTunnel { return tunnelFailed(detail: kind.label) }
        var failure = ExchangeFailure(kind)
        failure.onReusedConnection = onReusedConnection
        failure.requestSent = true
        failure.responseReceived = responseReceived || delivery.hasBegun
        failure.contentReplayable = request.content != nil || !requestBody.hasBeenSent
        if retried(after: failure) { return }
        giveUp(kind == .timedOut ? Status(504) : Status(502), detail: kind.label, isOwn: kind.mayBeDueToRequest)
    }

    /// No connection could be had.
    func connectionRefused(_ rejection: ConnectionRefusal) {
        wait = nil
        giveUp(rejection.status, detail: rejection.label, isOwn: rejection.mayBeDueToClient)
    }

    /// - Parameter isOwn: another request for the same key may fare better.
    private func giveUp(_ status: Status, detail: StaticString, isOwn: Bool) {
        if case .store = intake { return storingFailed(detail: detail) }
        if case .relay = intake { return breakOff(detail: detail) }
        if isStoredInvalidated { machine.storedInvalidated() }
        switch machine.upstreamFailed() {
        case .serveStored:
            answer.detail = detail
            endFlight(.failed(status, isOwn: isOwn))
            serveStored()
        case .fail:
            endFlight(.failed(status, isOwn: isOwn))
            fail(status, detail: detail)
        case .breakOff: breakOff(detail: detail)
        }
    }
}

/// Why no connection was had.
enum ConnectionRefusal {
    case queueFull, waitTimedOut, noAddress, draining, connectFailed, connectTimedOut

    var status: Status {
        switch self {
        case .queueFull, .waitTimedOut, .draining: Status(503)
        case .noAddress, .connectFailed: Status(502)
        case .connectTimedOut: Status(504)
        }
    }

    /// The client has more than its share of the connections; another one may get one.
    var mayBeDueToClient: Bool { self == .queueFull || self == .waitTimedOut }

    var label: StaticString {
        switch self {
        case .queueFull: "upstream-queue-full"
        case .waitTimedOut: "upstream-queue-timeout"
        case .noAddress: "upstream-not-resolved"
        case .draining: "upstream-draining"
        case .connectFailed: "upstream-connect-failed"
        case .connectTimedOut: "upstream-connect-timeout"
        }
    }
}

extension ExchangeFailure.Kind {
    /// The server may have choked on what this request sent. A server that cannot be reached, or is too slow, would
    /// keep the next ones waiting as long, one after the other.
    var mayBeDueToRequest: Bool {
        switch self {
        case .closed, .malformed, .excessiveInterim, .transferCoding: true
        case .connect, .timedOut: false
        }
    }

    var label: StaticString {
        switch self {
        case .connect: "upstream-connect-failed"
        case .closed: "upstream-closed"
        case .timedOut: "upstream-timeout"
        case .malformed: "upstream-malformed"
        case .excessiveInterim: "upstream-excessive-interim"
        case .transferCoding: "upstream-transfer-coding"
        }
    }
}
