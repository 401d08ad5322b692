// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Upstreams

/// A small generator with a seed, so that a failing run can be repeated.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// An owner of a pool that does what it is told and keeps its own books.
private final class PoolModel {
    let pool: PoolDriver
    var random: SeededRandom
    var milliseconds: Int64 = 0
    var nextWaiter: UpstreamWaiter = 0
    var waiting: [UpstreamWaiter: WaitTicket] = [:]
    var connecting: Set<UpstreamConnectionID> = []
    var idle: Set<UpstreamConnectionID> = []
    var active: [UpstreamConnectionID: UpstreamWaiter] = [:]
    var tunnels: Set<UpstreamConnectionID> = []
    var streams: Set<UpstreamConnectionID> = []
    let clients: UInt64
    var finished: Set<UpstreamWaiter> = []
    let servers: Int

    init(seed: UInt64) {
        var random = SeededRandom(state: seed)
        servers = Int.random(in: 1...3, using: &random)
        let (connections, minimum) = (Int.random(in: 1...9, using: &random), Int.random(in: 0...2, using: &random))
        let waiters = Int.random(in: 1...8, using: &random)
        clients = UInt64.random(in: 0...4, using: &random)
        pool = PoolDriver(weights: [Int](repeating: 1, count: servers), addresses: (0..<servers).map { [$0 * 2] }) {
            $0.maximumConnections = connections
            $0.minimumConnections = minimum
            $0.maximumWaiters = waiters
            $0.maximumStreams = 3
            $0.leastClientPace = 1000
            $0.waitLimitMilliseconds = 50
            $0.idleTimeoutMilliseconds = 30
            $0.firstBackOffMilliseconds = 5
        }
        self.random = random
    }

    var now: Moment { moment(milliseconds: milliseconds) }

    func step() {
        milliseconds += Int64.random(in: 0...4, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35: requestArrives()
        case 35..<55: attemptEnds()
        case 55..<80: exchangeEnds()
        case 80..<84: connectionCloses()
        case 84: tunnelBegins()
        case 85: if Bool.random(using: &random) { streamBegins() } else { streamEnds() }
        case 86..<90: waiterLeaves()
        case 90: contentComes()
        case 91: looksAtClients()
        case 92..<94: addressesChange()
        default: timePasses()
        }
        serveWaiting()
        check()
    }

    func serveWaiting() {
        while let (connection, waiter) = pool.grantIdle(now: now) {
            #expect(idle.remove(connection) != nil)
            serve(waiter, on: connection)
        }
        while let attempt = pool.connectForWaiters(now: now) { start(attempt) }
    }

    func tunnelBegins() {
        guard let (connection, waiter) = active.randomElement(using: &random) else { return }
        pool.becameTunnel(connection)
        active[connection] = nil
        finish(waiter)
        tunnels.insert(connection)
    }

    func streamBegins() {
        guard let (connection, waiter) = active.randomElement(using: &random) else { return }
        guard pool.becameStream(connection) else { return #expect(!streams.isEmpty, "some are allowed") }
        active[connection] = nil
        finish(waiter)
        streams.insert(connection)
    }

    func streamEnds() {
        guard let connection = streams.randomElement(using: &random) else { return }
        streams.remove(connection)
        switch pool.released(connection, reusable: Bool.random(using: &random), now: now) {
        case .serve(let waiter): serve(waiter, on: connection)
        case .park: idle.insert(connection)
        case .close(let attempt): start(attempt)
        }
    }

    func contentComes() {
        if let connection = active.keys.randomElement(using: &random) { pool.contentCame(on: connection) }
    }

    /// Each client is waited for or not, and has moved little or much.
    func looksAtClients() {
        pool.lookAtClients(now: now) { _ in
            Int.random(in: 0..<4, using: &random) == 0 ? nil : Int.random(in: 0..<9, using: &random)
        }
        milliseconds += 1000
        pool.lookAtClients(now: now) { _ in 4 }
        while let connection = pool.takeSlowest(now: now, { _ in 4 }) {
            guard let waiter = active.removeValue(forKey: connection) else {
                Issue.record("only who is served gives way")
                return
            }
            finish(waiter)
            start(pool.connectionClosed(connection, now: now))
        }
    }

    func requestArrives() {
        nextWaiter += 1
        let client = UpstreamClient(number: UInt64.random(in: 0...clients, using: &random))
        let action = pool.requestArrived(
            nextWaiter, from: client, isUnfinished: Int.random(in: 0..<3, using: &random) == 0,
            onNewConnection: Bool.random(using: &random), now: now)
        switch action {
        case .use(let connection):
            #expect(idle.remove(connection) != nil)
            active[connection] = nextWaiter
        case .connect(let attempt, let wait):
            waiting[nextWaiter] = wait.ticket
            start(attempt)
        case .wait(let wait): waiting[nextWaiter] = wait.ticket
        case .reject: finish(nextWaiter)
        }
    }

    func start(_ attempt: ConnectAttempt?) {
        guard let attempt else { return }
        if let replaced = attempt.replacing { #expect(idle.remove(replaced) != nil) }
        #expect(connecting.insert(attempt.connection).inserted)
    }

    func serve(_ waiter: UpstreamWaiter, on connection: UpstreamConnectionID) {
        #expect(waiting.removeValue(forKey: waiter) != nil, "only who waits is served")
        active[connection] = waiter
    }

    func finish(_ waiter: UpstreamWaiter) { #expect(finished.insert(waiter).inserted, "nobody ends twice") }

    func fail(_ waiter: UpstreamWaiter) {
        #expect(waiting.removeValue(forKey: waiter) != nil)
        finish(waiter)
    }

    func attemptEnds() {
        guard let connection = connecting.randomElement(using: &random) else { return }
        connecting.remove(connection)
        if Int.random(in: 0..<3, using: &random) == 0 {
            let action = pool.connectFailed(connection, now: now, random: random.next())
            if let waiter = action.failedWaiter { fail(waiter) }
            return start(action.retry)
        }
        switch pool.connected(connection, now: now) {
        case .serve(let waiter): serve(waiter, on: connection)
        case .park: idle.insert(connection)
        case .close: break
        }
    }

    func exchangeEnds() {
        guard let (connection, waiter) = active.randomElement(using: &random) else { return }
        active[connection] = nil
        finish(waiter)
        switch pool.released(connection, reusable: Int.random(in: 0..<4, using: &random) > 0, now: now) {
        case .serve(let next): serve(next, on: connection)
        case .park: idle.insert(connection)
        case .close(let attempt): start(attempt)
        }
    }

    func connectionCloses() {
        let all = connecting.union(idle).union(active.keys).union(tunnels).union(streams)
        guard let connection = all.randomElement(using: &random) else { return }
        connecting.remove(connection)
        idle.remove(connection)
        tunnels.remove(connection)
        streams.remove(connection)
        if let waiter = active.removeValue(forKey: connection) { finish(waiter) }
        start(pool.connectionClosed(connection, now: now))
    }

    func waiterLeaves() {
        guard let (waiter, ticket) = waiting.randomElement(using: &random) else { return }
        waiting[waiter] = nil
        finish(waiter)
        #expect(pool.waiterLeft(ticket))
    }

    func addressesChange() {
        let server = Int.random(in: 0..<servers, using: &random)
        let address = server * 2 + Int.random(in: 0...1, using: &random)
        for connection in pool.addressesResolved(server, [address]) { #expect(idle.remove(connection) != nil) }
    }

    func timePasses() {
        while true {
            switch pool.deadlineReached(now: now) {
            case .close(let connection): #expect(idle.remove(connection) != nil)
            case .timeOut(let waiter): fail(waiter)
            case .connect(let attempt): start(attempt)
            case .nothing: return
            }
        }
    }

    func check() {
        let figures = pool.figures
        #expect(figures.open <= pool.limits.maximumConnections)
        #expect(figures.waiting <= pool.limits.maximumWaiters + pool.limits.maximumConnections)
        #expect(figures.waiting == waiting.count)
        #expect(figures.connecting == connecting.count)
        #expect(figures.idle == idle.count)
        #expect(figures.active == active.count)
        #expect(figures.tunnels == tunnels.count)
        #expect(figures.streams == streams.count)
        #expect(finished.count + waiting.count + active.count == Int(nextWaiter), "no waiter is lost")
        #expect(waiting.isEmpty || figures.connecting + figures.active > 0, "who waits, waits for something")
    }
}

@Suite("A pool under random events")
struct UpstreamPoolModelTests {
    @Test("keeps its books and loses nobody", arguments: 1...40 as ClosedRange<UInt64>)
    func randomEvents(seed: UInt64) {
        let model = PoolModel(seed: seed)
        for _ in 0..<500 { model.step() }
        for _ in 0..<10_000 where !(model.waiting.isEmpty && model.active.isEmpty) {
            model.attemptEnds()
            model.exchangeEnds()
            model.serveWaiting()
            model.check()
        }
        #expect(model.finished.count == Int(model.nextWaiter))
    }
}
