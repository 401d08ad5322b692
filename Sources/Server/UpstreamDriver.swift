// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import EventIO
import Settings
import Upstreams

/// Runs one upstream's `UpstreamPool` on one loop: opens, keeps and closes its connections.
final class UpstreamDriver: Deadline {
    unowned let worker: Worker
    let settings: UpstreamSettings
    /// Its servers get the Host that the client named.
    let passesHostOn: Bool
    /// What the access log knows them by.
    private let serverNumbers: [ServerNumber]
    private var pool: UpstreamPool
    /// By the pool's slot.
    private var connections: [UpstreamConnection?] = []
    private var waiting: [UpstreamWaiter: Exchange] = [:]
    private var nextWaiter: UpstreamWaiter = 0
    /// Numbers that the pool knows addresses by.
    private var addresses: [SocketAddress] = []
    /// By server: where its name led to last; empty before it was resolved.
    private var locations: [[SocketAddress]]
    var retryBudget = RetryBudget()
    private(set) var isDraining = false
    private lazy var nameTimer = NameTimer(driver: self)
    private lazy var paceWatch = PaceWatch(self)

    init(worker: Worker, settings: UpstreamSettings, limits: UpstreamPoolLimits) {
        self.worker = worker
        self.settings = settings
        if case .client = settings.hostField { passesHostOn = true } else { passesHostOn = false }
        serverNumbers = settings.servers.map { worker.serverTexts.number(of: $0.address.description) }
        locations = Array(repeating: [], count: settings.servers.count)
        pool = UpstreamPool(
            weights: settings.servers.map(\.weight), limits: limits, seed: worker.loop.kernel.randomUInt64())
        super.init()
        attachDeadline(to: worker.loop)
    }

    private var now: Moment { loop.now }
    var figures: UpstreamPoolFigures { pool.figures }
    var isEmpty: Bool { pool.isEmpty }

    func isReused(_ connection: UpstreamConnection) -> Bool { pool.isReused(connection.id) }

    // MARK: Requests

    func request(_ exchange: Exchange, onNewConnection: Bool) {
        nextWaiter &+= 1
        if !onNewConnection { retryBudget.requestSent() }
        let client = worker.poolClient(of: exchange)
        let action = pool.requestArrived(
            nextWaiter, from: client, isUnfinished: exchange.isUnfinished, onNewConnection: onNewConnection, now: now)
        switch action {
        case .use(let id):
            guard let connection = connections[Int(id.slot)] else { preconditionFailure("an idle connection is open") }
            connection.carry(exchange)
        case .connect(let attempt, let wait):
            queue(exchange, wait)
            connect(attempt, milliseconds: exchange.request.route.settings.timeouts.connectMilliseconds)
        case .wait(let wait):
            queue(exchange, wait)
            if pool.isTight {
                paceWatch.begin()
                paceWatch.tellSoon()
            }
        case .reject(let reason): exchange.connectionRefused(reason.refusal)
        }
    }

    private func queue(_ exchange: Exchange, _ wait: UpstreamWait) {
        waiting[nextWaiter] = exchange
        exchange.wait = wait
        exchange.waiter = nextWaiter
        watchTime()
    }

    /// Its client has gone before it had a connection.
    func left(_ exchange: Exchange) {
        guard let wait = exchange.wait, let waiter = exchange.waiter else { return }
        exchange.wait = nil
        waiting[waiter] = nil
        _ = pool.waiterLeft(wait.ticket)  // false: it was just being served
    }

    // MARK: Connections

    /// - Parameter milliseconds: what the route of the request allows for which it is opened; else the upstream's.
    private func connect(_ attempt: ConnectAttempt, milliseconds: Int? = nil) {
        if let replaced = attempt.replacing { take(replaced)?.close() }
        let connection = UpstreamConnection(driver: self, id: attempt.connection)
        while connections.count <= Int(attempt.connection.slot) { connections.append(nil) }
        connections[Int(attempt.connection.slot)] = connection
        if pool.isTight { paceWatch.begin() }
        do throws(SystemError) {
            let (descriptor, isConnected) = try worker.loop.kernel.connect(to: addresses[attempt.address])
            try connection.attach(descriptor, to: worker.loop)
            connection.begin(connectTimeoutMilliseconds: milliseconds ?? settings.timeouts.connectMilliseconds)
            if isConnected {
                worker.loop.later { if connection.isOpen, connection.isConnecting { self.connected(connection) } }
            }
        } catch {
            worker.loop.later { self.connectFailed(connection, error) }
        }
    }

    func connected(_ connection: UpstreamConnection) {
        switch pool.connected(connection.id, now: now) {
        case .serve(let waiter): serve(waiter, on: connection)
        case .park:
            connection.park()
            watchTime()
        case .close: close(connection)
        }
        // It may have been opened for another one.
        serveWaiting()
    }

    func connectFailed(_ connection: UpstreamConnection, _ error: SystemError) {
        guard connections.indices.contains(Int(connection.id.slot)), connections[Int(connection.id.slot)] === connection
        else { return }
        connections[Int(connection.id.slot)] = nil
        connection.close()
        worker.upstreamFailed(settings.name, "connect", error)
        let action = pool.connectFailed(connection.id, now: now, random: worker.loop.kernel.randomUInt64())
        if let retry = action.retry { connect(retry, milliseconds: connection.connectMilliseconds) }
        if let waiter = action.failedWaiter, let exchange = waiting.removeValue(forKey: waiter) {
            exchange.connectionRefused(error == .timedOut ? .connectTimedOut : .connectFailed)
        }
        watchTime()
    }

    private func serve(_ waiter: UpstreamWaiter, on connection: UpstreamConnection) {
        if let exchange = waiting.removeValue(forKey: waiter) { return connection.carry(exchange) }
        released(connection, reusable: true)
    }

    /// A connection carries an upgraded protocol from now on, and leaves its place to requests.
    func becameTunnel(_ connection: UpstreamConnection) {
        pool.becameTunnel(connection.id)
        serveWaiting()
    }

    /// The same with a stream of events; false when there are too many.
    func becameStream(_ connection: UpstreamConnection) -> Bool {
        guard pool.becameStream(connection.id) else { return false }
        serveWaiting()
        return true
    }

    /// The content of the request that a connection carries has come whole.
    func contentCame(on connection: UpstreamConnection) {
        pool.contentCame(on: connection.id)
        serveWaiting()
    }

    // MARK: Clients that keep connections waiting

    private func awaitedByteCount(_ id: UpstreamConnectionID) -> Int? {
        connections[Int(id.slot)]?.exchange?.awaitedByteCount
    }

    /// Whether to look again.
    func lookAtClients() -> Bool {
        guard pool.isTight else {
            pool.becameCalm()
            return false
        }
        let least = pool.limits.leastClientPace
        pool.lookAtClients(now: now) {
            connections[Int($0.slot)]?.exchange?.lookAtReaders(leastPerSecond: least)
            return awaitedByteCount($0)
        }
        serveWaiting()
        makeRoom()
        return true
    }

    /// The slowest give connections up to those who wait.
    func makeRoom() {
        while let id = pool.takeSlowest(now: now, { awaitedByteCount($0) }) {
            guard let exchange = connections[Int(id.slot)]?.exchange, !exchange.goesOnWithoutSlowReaders() else {
                continue
            }
            pool.blameClient(of: id)
            exchange.giveWay()
        }
    }

    /// Requests whose client had its share may have another one by now.
    private func serveWaiting() {
        guard pool.isAwaited else { return }
        while let (id, waiter) = pool.grantIdle(now: now) {
            guard let connection = connections[Int(id.slot)] else { preconditionFailure("an idle connection is open") }
            serve(waiter, on: connection)
        }
        while let attempt = pool.connectForWaiters(now: now) { connect(attempt) }
    }

    func released(_ connection: UpstreamConnection, reusable: Bool) {
        defer { serveWaiting() }
        switch pool.released(connection.id, reusable: reusable, now: now) {
        case .serve(let waiter): serve(waiter, on: connection)
        case .park:
            connection.park()
            watchTime()
        case .close(let next):
            close(connection)
            if let next { connect(next) }
            watchTime()
        }
    }

    /// The server has said for how long it keeps the connection when it is idle.
    func keeps(_ connection: UpstreamConnection, seconds: Int) {
        guard let server = pool.server(of: connection.id) else { return }
        pool.serverKeepsConnections(server, forMilliseconds: Int64(min(seconds, 86_400)) * 1000)
    }

    /// It ended while idle, or in the middle of what nobody waits for any more.
    func closed(_ connection: UpstreamConnection) {
        close(connection)
        if let next = pool.connectionClosed(connection.id, now: now) { connect(next) }
        serveWaiting()
        // The least number of connections may be to be opened anew.
        watchTime()
    }

    func failed(_ connection: UpstreamConnection, _ kind: ExchangeFailure.Kind) {
        worker.upstreamFailed(settings.name, kind.label, nil)
        closed(connection)
    }

    private func close(_ connection: UpstreamConnection) {
        let slot = Int(connection.id.slot)
        if connections[slot] === connection { connections[slot] = nil }
        connection.close()
    }

    private func take(_ id: UpstreamConnectionID) -> UpstreamConnection? {
        let connection = connections[Int(id.slot)]
        connections[Int(id.slot)] = nil
        return connection
    }

    // MARK: Time and addresses

    private func watchTime() {
        if let next = pool.nextDeadlineNanoseconds { setDeadline(nanoseconds: next) }
    }

    override func deadlinePassed() {
        retryBudget.timePassed(nowNanoseconds: now.monotonicNanoseconds)
        work: while true {
            switch pool.deadlineReached(now: now) {
            case .close(let id): take(id)?.close()
            case .timeOut(let waiter): waiting.removeValue(forKey: waiter)?.connectionRefused(.waitTimedOut)
            case .connect(let attempt): connect(attempt)
            case .nothing: break work
            }
        }
        serveWaiting()
        watchTime()
    }

    /// A server's name was resolved; numeric addresses come at once.
    func resolved(server: Int, to found: [SocketAddress]) {
        locations[server] = found
        let numbers = found.map { address -> Int in
            if let known = addresses.firstIndex(of: address) { return known }
            addresses.append(address)
            return addresses.count - 1
        }
        for id in pool.addressesResolved(server, numbers) { take(id)?.close() }
        deadlinePassed()
    }

    /// Servers that an earlier configuration named too are known before their names are resolved anew.
    func inheritAddresses(from old: UpstreamDriver) {
        for (index, server) in settings.servers.enumerated() where locations[index].isEmpty {
            guard let place = old.settings.servers.firstIndex(where: { $0.address == server.address }) else { continue }
            let found = old.locations[place]
            if !found.isEmpty { resolved(server: index, to: found) }
        }
    }

    func serverNumber(of connection: UpstreamConnection) -> ServerNumber {
        pool.server(of: connection.id).map { serverNumbers[$0] } ?? .none
    }

    /// What the Host field says where it names the server and not what the client asked for.
    func serverName(of connection: UpstreamConnection?) -> String {
        guard let connection, let server = pool.server(of: connection.id) else { return "" }
        let address = settings.servers[server].address
        return address.port == 80 ? address.host : address.description
    }

    /// Looks the servers' names up again, as often as the configuration says.
    func watchNames() {
        guard settings.servers.contains(where: { $0.address.kind == .name }) else { return }
        if !nameTimer.isAttached { nameTimer.attachDeadline(to: worker.loop) }
        if settings.resolveEveryMilliseconds > 0 { lookAgain(afterMilliseconds: settings.resolveEveryMilliseconds) }
    }

    /// The addresses of the look-up before stay; where there is none, the next does not wait for its turn.
    func resolveFailed(server: Int) {
        guard !isDraining, locations[server].isEmpty, nameTimer.isAttached else { return }
        let every = settings.resolveEveryMilliseconds
        lookAgain(
            afterMilliseconds: every > 0 ? min(every, Self.firstResolveMilliseconds) : Self.firstResolveMilliseconds)
    }

    private func lookAgain(afterMilliseconds milliseconds: Int) {
        nameTimer.setDeadline(nanoseconds: now.monotonicNanoseconds + Int64(milliseconds) * 1_000_000)
    }

    private static var firstResolveMilliseconds: Int { 1000 }

    /// The configuration was replaced: what is under way ends, nothing new begins.
    func drain() {
        isDraining = true
        if nameTimer.isAttached { nameTimer.cancelDeadline() }
        for id in pool.drain() { take(id)?.close() }
    }
}

/// Reminds of names that may lead elsewhere by now.
private final class NameTimer: Deadline {
    private weak var driver: UpstreamDriver?

    init(driver: UpstreamDriver) { self.driver = driver }

    override func deadlinePassed() {
        if let driver { driver.worker.resolve(driver) }
    }
}

extension UpstreamRejection {
    var refusal: ConnectionRefusal {
        switch self {
        case .queueFull: .queueFull
        case .noAddress: .noAddress
        case .draining: .draining
        }
    }
}
