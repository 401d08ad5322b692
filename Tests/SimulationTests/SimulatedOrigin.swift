// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import HTTPMessages
import HTTPWire
import TestKit

/// A server that answers `/route/number` in virtual time, with all the vices that its temper has.
final class SimulatedOrigin {
    let addresses: [SocketAddress]
    let temper: OriginTemper
    var lifetimes: RouteLifetimes
    var random: SeededRandom
    /// By serial number.
    private(set) var responses: [OriginResponse] = []
    /// By target: what the test counts up.
    private var versions: [String: Int] = [:]
    var onRequest: ((OriginResponse) -> Void)?
    var trace: ((() -> String) -> Void)?
    let world: VirtualKernel
    private var listeners: [VirtualListener] = []
    private var connections: [ObjectIdentifier: OriginConnection] = [:]

    init(
        world: VirtualKernel, addresses: [SocketAddress], temper: OriginTemper, lifetimes: RouteLifetimes, seed: UInt64
    ) throws {
        self.world = world
        self.addresses = addresses
        self.temper = temper
        self.lifetimes = lifetimes
        random = SeededRandom(seed: seed)
        try open()
    }

    func open() throws {
        guard listeners.isEmpty else { return }
        for address in addresses {
            let listener = try world.listenSocket(on: address) { [unowned self] socket in
                connections[ObjectIdentifier(socket)] = OriginConnection(socket, of: self)
            }
            listeners.append(listener)
        }
    }

    /// Refuses connections until it is opened again; `kills` those that are open too.
    func close(kills: Bool) {
        for listener in listeners { listener.close() }
        listeners = []
        guard kills else { return }
        let open = connections.values.sorted { $0.number < $1.number }
        for connection in open { connection.die() }
        connections = [:]
    }

    var isOpen: Bool { !listeners.isEmpty }
    var openConnectionCount: Int { connections.count }

    func bump(_ target: String) { versions[target, default: 0] += 1 }

    /// Whether what was sent as `serial` still is what would be sent.
    func isCurrent(_ serial: Int, for request: OriginRequest) -> Bool {
        guard responses.indices.contains(serial) else { return false }
        let old = responses[serial]
        return [200, 206].contains(old.status) && old.flaw == .none && old.request.target == request.target
            && old.request.user == request.user && old.version == versions[request.target, default: 0]
    }

    /// What a request for a part gets a part of: the representation that If-Range names, or mostly that of the
    /// last answer; nil for a new one.
    private func representation(for request: OriginRequest) -> OriginResponse? {
        guard request.range != nil, request.method == "GET" else { return nil }
        if let tag = request.ifRange { return tagged(tag).flatMap { isCurrent($0.serial, for: request) ? $0 : nil } }
        guard random.chance(0.8) else { return nil }
        return responses.suffix(200).last {
            $0.eTag != nil && $0.isShareable && isCurrent($0.serial, for: request)
        }
    }

    private func tagged(_ tag: String) -> OriginResponse? {
        guard let serial = Int(tag.filter(\.isNumber)), responses.indices.contains(serial) else { return nil }
        return responses[serial].isShareable ? responses[serial] : nil
    }

    func begin(_ request: OriginRequest) -> (OriginResponse, OriginPlan) {
        let response = OriginResponse(
            serial: responses.count, request: request, version: versions[request.target, default: 0],
            beganAt: world.time)
        response.represents = representation(for: request)
        let plan = temper.plan(response, lifetimes: lifetimes, random: &random) { isCurrent($0, for: request) }
        responses.append(response)
        trace? {
            "origin: #\(response.serial) \(request.method) \(request.target) user=\(request.user) for \(request.asked)"
                + " -> \(response.status) v\(response.version) \(response.isShareable ? "" : "unshareable ")"
                + "\(response.flaw) \(plan.framing) \(response.body.count)B head+\(plan.headDelayMilliseconds)ms"
                + " \(plan.pieceCount)x\(plan.pieceDelayMilliseconds)ms life=\(response.lifetimeMilliseconds)"
        }
        onRequest?(response)
        return (response, plan)
    }

    func closed(_ socket: VirtualSocket) { connections[ObjectIdentifier(socket)] = nil }

    private var lastConnection = 0

    func nextConnectionNumber() -> Int {
        lastConnection += 1
        return lastConnection
    }
}

/// One connection of the proxy: reads requests strictly, one after the other.
final class OriginConnection {
    let number: Int
    private let socket: VirtualSocket
    private unowned let origin: SimulatedOrigin
    private var parser = RequestParser()
    private var head = RequestHead()
    private var input: [UInt8] = []
    private var body: (request: OriginRequest, decoder: BodyDecoder)?
    private var current: OriginResponse?
    /// As a server has that closed its socket: what was on its way to it is heard by nobody, and may be sent again
    /// elsewhere (RFC 9112 §9.3.1).
    private var hasEnded = false

    init(_ socket: VirtualSocket, of origin: SimulatedOrigin) {
        self.socket = socket
        self.origin = origin
        number = origin.nextConnectionNumber()
        socket.onChange = { [weak self] _ in self?.changed() }
    }

    func die() {
        current?.ended(at: origin.world.time)
        socket.reset()
    }

    private func changed() {
        input += socket.takeReceived()
        if socket.isOver {
            current?.ended(at: origin.world.time)
            if !socket.isClosed { socket.close() }
            return origin.closed(socket)
        }
        while current == nil, !hasEnded, takeStep() {}
    }

    private func takeStep() -> Bool {
        if body != nil { return takeBody() }
        let bytes = input
        guard !bytes.isEmpty, case .complete(let length) = parser.parse(bytes.span, into: &head) else { return false }
        input.removeFirst(length)
        let request = OriginRequest(head)
        do throws(RequestError) {
            body = (request, BodyDecoder(try MessageFraming.ofRequest(head)))
        } catch {
            preconditionFailure("the proxy framed a request badly: \(error)")
        }
        return true
    }

    private func takeBody() -> Bool {
        guard var (request, decoder) = body else { return false }
        while !decoder.isFinished {
            let bytes = input
            switch decoder.next(bytes.span) {
            case .data(let range, let consumed):
                request.bodyByteCount += range.count
                input.removeFirst(consumed)
            case .finished(let consumed): input.removeFirst(consumed)
            case .needMore:
                body = (request, decoder)
                input = []
                return false
            case .failed(let error): preconditionFailure("the proxy sent a bad body: \(error)")
            }
        }
        body = nil
        let (response, plan) = origin.begin(request)
        current = response
        origin.world.after(.milliseconds(plan.headDelayMilliseconds)) { [weak self] in self?.send(response, plan) }
        return true
    }

    // MARK: Sending

    private func send(_ response: OriginResponse, _ plan: OriginPlan) {
        guard !socket.isOver else { return }
        var head = OriginHead.text(response, plan)
        switch response.flaw {
        case .malformedHead:
            socket.write("HTTP/1.1 2x0 OK\r\nContent-Length: 5\r\n\r\nhello")
            return finish(response, plan)
        case .resetInHead:
            socket.write(head.prefix(head.count / 2))
            origin.world.after(.milliseconds(5)) { [weak self] in self?.die() }
            return
        default: break
        }
        response.headSent(at: origin.world.time)
        let content = OriginHead.content(response)
        let pieces = plan.pieceCount
        let size = max(1, (content.count + pieces - 1) / pieces)
        let isFlawed = response.flaw == .truncated || response.flaw == .resetInBody
        let first = content.prefix(isFlawed && size >= content.count ? content.count / 2 : size)
        head += OriginHead.piece(first, plan.framing)
        socket.write(head)
        sendRest(response, plan, content.dropFirst(first.count), size)
    }

    private func sendRest(_ response: OriginResponse, _ plan: OriginPlan, _ rest: ArraySlice<UInt8>, _ size: Int) {
        guard !socket.isOver else { return }
        let isFlawed = response.flaw == .truncated || response.flaw == .resetInBody
        if isFlawed, rest.count <= size { return breakOff(response) }
        guard !rest.isEmpty else {
            if plan.framing == .chunked, OriginHead.hasBody(response) { socket.write("0\r\n\r\n") }
            return finish(response, plan)
        }
        origin.world.after(.milliseconds(plan.pieceDelayMilliseconds)) { [weak self] in
            guard let self, !socket.isOver else { return }
            socket.write(OriginHead.piece(rest.prefix(size), plan.framing))
            sendRest(response, plan, rest.dropFirst(size), size)
        }
    }

    /// Of what has a length, at least a byte has not been sent.
    private func breakOff(_ response: OriginResponse) {
        origin.world.after(.milliseconds(3)) { [weak self] in
            guard let self, !socket.isOver else { return }
            response.ended(at: origin.world.time)
            if response.flaw == .truncated { end() } else { die() }
        }
    }

    private func finish(_ response: OriginResponse, _ plan: OriginPlan) {
        response.ended(at: origin.world.time)
        current = nil
        if plan.framing == .untilClose || response.flaw == .malformedHead { return end() }
        if let delay = plan.closesAfterMilliseconds {
            origin.world.after(.milliseconds(delay)) { [weak self] in
                guard let self, current == nil, !socket.isOver else { return }
                end()
            }
        }
        if !input.isEmpty { changed() }
    }

    private func end() {
        hasEnded = true
        socket.finishWriting()
    }
}
