// SPDX-License-Identifier: Apache-2.0
import EventIO
import HTTPMessages
import HTTPWire
import TestKit

/// A client that asks, waits, reads strictly, and sometimes misbehaves.
final class SimulatedClient {
    struct Manners {
        var pipelines = 0.2
        var leaves = 0.08
        var readsSlowly = 0.1
        var pauseMilliseconds = 10...900
        var talksGarbage = 0.02
        var asksHalf = 0.02
        var requestsPerConnection = 1...6
        var thinkMilliseconds = 0...700
    }

    let number: Int
    private let world: VirtualKernel
    private let proxy: SocketAddress
    private let manners: Manners
    private let judge: Judge
    private let makeRequest: (inout SeededRandom) -> SimulatedRequest
    private var random: SeededRandom
    private var socket: VirtualSocket?
    /// Sent and not answered, in order.
    private var pending: [SimulatedRequest] = []
    private var left = 0
    private var isStopping = false
    private(set) var isIdle = true
    // The answer being read.
    private var input: [UInt8] = []
    private var hasLastAnswer = false
    private var parser = ResponseParser()
    private var head = ResponseHead()
    private var reading: (answer: SimulatedAnswer, decoder: BodyDecoder, framing: BodyFraming)?

    init(
        number: Int, world: VirtualKernel, proxy: SocketAddress, manners: Manners, judge: Judge, seed: UInt64,
        makeRequest: @escaping (inout SeededRandom) -> SimulatedRequest
    ) {
        self.number = number
        self.world = world
        self.proxy = proxy
        self.manners = manners
        self.judge = judge
        self.makeRequest = makeRequest
        random = SeededRandom(seed: seed)
    }

    /// Goes on until `stop`, connection after connection.
    func start() { after(0...500) { $0.open() } }

    /// Lets what is under way end.
    func stop() { isStopping = true }

    private func after(_ milliseconds: ClosedRange<Int>, _ action: @escaping (SimulatedClient) -> Void) {
        world.after(.microseconds(Int.random(in: milliseconds, using: &random) * 1000 + 137)) { [weak self] in
            if let self { action(self) }
        }
    }

    private func open() {
        guard !isStopping else { return }
        isIdle = false
        left = Int.random(in: manners.requestsPerConnection, using: &random)
        input = []
        hasLastAnswer = false
        reading = nil
        parser = ResponseParser()
        let socket = world.connectSocket(to: proxy)
        self.socket = socket
        socket.onChange = { [weak self] socket in self?.changed(socket) }
        if random.chance(manners.readsSlowly) { pauseReading(socket) }
        ask()
    }

    private func pauseReading(_ socket: VirtualSocket) {
        socket.isReading = false
        after(manners.pauseMilliseconds) { [weak socket] client in
            guard let socket, client.socket === socket else { return }
            socket.isReading = true
        }
    }

    private func ask() {
        guard let socket, !socket.isClosed else { return }
        let count = random.chance(manners.pipelines) ? min(left, Int.random(in: 2...4, using: &random)) : 1
        for _ in 0..<count where left > 0 {
            let request = makeRequest(&random)
            left = request.asksToClose || request.kind != .whole ? 0 : left - 1
            if left == 0, request.kind == .whole, random.chance(0.5) { request.asksToClose = true }
            request.sentAt = world.time
            request.isReadSlowly = !socket.isReading
            pending.append(request)
            judge.sent(request, by: number)
            socket.write(request.bytes)
        }
        if random.chance(manners.leaves) {
            after(0...600) { [weak socket] client in
                guard let socket, client.socket === socket, !client.pending.isEmpty else { return }
                client.leave(socket)
            }
        }
    }

    private func leave(_ socket: VirtualSocket) {
        judge.trace("client \(number) leaves")
        for request in pending { request.isGivenUp = true }
        if random.chance(0.5) { socket.close() } else { socket.reset() }
        ended()
    }

    /// The connection is over; what has not been answered will not be.
    private func ended() {
        if let reading, let request = pending.first {
            pending.removeFirst()
            judge.answered(request, reading.answer)
            if judge.isLaggard(request, reading.answer) { for later in pending { later.isGivenUp = true } }
        }
        reading = nil
        for request in pending { judge.unanswered(request) }
        pending = []
        socket = nil
        isIdle = true
        after(manners.thinkMilliseconds) { $0.open() }
    }

    // MARK: Reading

    private func changed(_ socket: VirtualSocket) {
        guard self.socket === socket else { return }
        input += socket.takeReceived()
        while takeStep() {}
        guard self.socket === socket else { return }
        if socket.isOver { connectionEnded(socket) }
    }

    private func connectionEnded(_ socket: VirtualSocket) {
        if let (answer, decoder, framing) = reading, socket.failure == nil, framing == .untilClose {
            var (answer, decoder) = (answer, decoder)
            do throws(BodyError) {
                try decoder.inputEnded()
                answer.isWhole = true
            } catch {}  // stays broken
            reading = (answer, decoder, framing)
        }
        if !socket.isClosed { socket.close() }
        ended()
    }

    private func takeStep() -> Bool {
        guard !hasLastAnswer else { return false }
        guard reading == nil else { return takeBody() }
        guard !input.isEmpty else { return false }
        let bytes = input
        switch parser.parse(bytes.span, into: &head) {
        case .incomplete: return false
        case .failed(let error):
            judge.fail("client \(number) got a malformed head: \(error)")
            return false
        case .complete(let length):
            input.removeFirst(length)
            guard let request = pending.first else {
                judge.fail("client \(number) got an answer that it had not asked for")
                return false
            }
            return begin(head, request)
        }
    }

    private func begin(_ head: borrowing ResponseHead, _ request: SimulatedRequest) -> Bool {
        if head.status.isInformational { return true }
        let answer = SimulatedAnswer(head, at: world.time)
        judge.headArrived(request, answer)
        if answer.ends { for later in pending.dropFirst() { later.isGivenUp = true } }
        do throws(ResponseError) {
            let framing = try MessageFraming.ofResponse(head, requestMethod: request.wireMethod)
            reading = (answer, BodyDecoder(framing), framing)
        } catch {
            judge.fail("client \(number) got a badly framed answer: \(error)")
            return false
        }
        return true
    }

    private func takeBody() -> Bool {
        guard var (answer, decoder) = reading.map({ ($0.answer, $0.decoder) }), let framing = reading?.framing else {
            return false
        }
        while !decoder.isFinished {
            let bytes = input
            switch decoder.next(bytes.span) {
            case .data(let range, let consumed):
                answer.body += input[range]
                input.removeFirst(consumed)
            case .finished(let consumed): input.removeFirst(consumed)
            case .needMore:
                input = []
                reading = (answer, decoder, framing)
                return false
            case .failed(let error):
                judge.fail("client \(number) got a bad body: \(error)")
                return false
            }
        }
        answer.isWhole = true
        reading = nil
        let request = pending.removeFirst()
        judge.answered(request, answer)
        // Said before the method was known, an error may have a body that the answer to HEAD has not.
        if answer.ends { hasLastAnswer = true }
        if pending.isEmpty { askAgain(answer) }
        return self.socket != nil
    }

    private func askAgain(_ answer: SimulatedAnswer) {
        guard let socket else { return }
        if answer.ends { return }  // the proxy closes
        if left == 0 || isStopping {
            socket.close()
            return ended()
        }
        after(manners.thinkMilliseconds) { [weak socket] client in
            guard let socket, client.socket === socket, client.pending.isEmpty, !socket.isOver else { return }
            if client.isStopping {
                socket.close()
                return client.ended()
            }
            client.ask()
        }
    }
}

extension SimulatedAnswer {
    init(_ head: borrowing ResponseHead, at time: Int64) {
        status = Int(head.status.code)
        headAt = time
        eTag = head.fields.text(of: .eTag)
        cacheStatus = head.fields.text(of: .cacheStatus) ?? ""
        contentRange = head.fields.text(of: .contentRange)
        let connection = head.fields.text(of: .connection)
        ends = connection == "close" || (head.version == .http10 && connection != "keep-alive")
        for index in head.fields.slots.indices
        where String(copying: head.fields.name(at: index)).lowercased() == "x-serial" {
            serial = Int(String(copying: head.fields.value(at: index)))
        }
    }
}
