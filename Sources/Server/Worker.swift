// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import ConfigLanguage
import EventIO
import HTTPMessages
import HTTPWire
import Settings
import Storage
import Synchronization
import Telemetry
import Upstreams

/// Everything that one event loop owns: clients, upstream connections, counters, buffers. Reached on its loop only.
final class Worker {
    let index: Int
    let loop: Loop
    let shared: SharedState
    /// That of `shared`.
    let store: MemoryStore
    private(set) var snapshot: ProxySnapshot
    /// Of the snapshot, where reading it counts no references.
    private(set) var hitExplanation = ByteBuffer()
    private var trustsProxies = false
    private(set) var link: WorkerLink!

    /// What is put together and not yet sent: the parts of several clients, the last one being `outputOwner`'s.
    var output = ByteBuffer(capacity: 64 << 10)
    var outputOwner: ClientConnection?
    var outputParts: [OutputPart] = []
    var ownPartStart = 0
    // Lent for the length of one call each.
    var upstreamOutput = ByteBuffer(capacity: 16 << 10)
    var key = ByteBuffer(capacity: 1 << 10)
    var scratch = ByteBuffer(capacity: 1 << 10)
    var headSlots = HeadSlots()
    var transformOutput = ByteBuffer()
    var preferences = PreferenceMemory()
    var mediaTypes = MediaTypeMemory()
    var storedStreams = StoredStreams()
    /// What this loop's connections hold, of the share that is theirs.
    var held: HeldBytes
    var wireLimits: WireLimits { snapshot.wireLimits }

    var dates = DateCache()
    var metrics: WorkerMetrics
    private(set) var log: AccessLogWriter?
    let events: EventLogWriter
    private var drivers: [UpstreamDriver] = []
    var serverTexts = ServerTexts()
    private var retiredDrivers: [UpstreamDriver] = []
    private var acceptors: [Listener] = []
    var connections = ConnectionLists<ClientConnection>()
    /// A look at what its connections hold is due.
    var relievesSoon = false
    /// Whom to ask for a place next.
    var nextToGiveWay = 0
    private var followers: [ObjectIdentifier: [Exchange]] = [:]
    /// Of flights whose body passes, and whose leader waits for its followers therefore.
    private var leaders: [ObjectIdentifier: Exchange] = [:]
    private(set) var isDraining = false
    /// Responses in Redis; nil when the first configuration named none.
    private(set) var tier: RedisTier?
    private let resolver: NameResolver

    init(
        index: Int, loop: Loop, shared: SharedState, snapshot: ProxySnapshot, resolver: NameResolver,
        log: AccessLogWriter?, events: EventLogWriter
    ) {
        self.index = index
        self.loop = loop
        self.shared = shared
        store = shared.store
        held = HeldBytes(shared.connections)
        self.snapshot = snapshot
        self.resolver = resolver
        self.log = log
        self.events = events
        hitExplanation = snapshot.hitExplanation()
        trustsProxies = !snapshot.trustedProxies.isEmpty
        metrics = WorkerMetrics(labels: snapshot.labels)
        link = WorkerLink(self)
        loop.turnEnded = { [unowned self] in
            sendOutput()
            tier?.writeQueued()
        }
        // What cannot be sent so is copied.
        do throws(SystemError) { try loop.preparePages() } catch { events.pagesRefused(error) }
        makeDrivers()
        tier = snapshot.settings.redis.map { RedisTier(worker: self, settings: $0, resolver: resolver) }
    }

    // MARK: Listening

    func listen(on address: SocketAddress, settings: ListenSettings) throws(SystemError) -> SocketAddress {
        let listener = Listener(worker: self)
        try listener.listen(on: address, loop: loop, backlog: settings.backlog, reusesPort: settings.portReuse != .off)
        acceptors.append(listener)
        return try loop.kernel.localAddress(listener.descriptor)
    }

    /// Past the limit the kernel holds further connections until one is closed (promise 7).
    func mayAccept() -> Bool {
        let limit = snapshot.settings.limits.connections
        return shared.connectionCount.load(ordering: .relaxed) < limit || mayMakeRoom(limit: limit)
    }

    func accepted(_ descriptor: FileDescriptor, from peer: SocketAddress) {
        let client = ClientConnection(worker: self, peer: peer)
        do throws(SystemError) {
            try client.attach(descriptor, to: loop)
        } catch {
            return events.acceptFailed(error)
        }
        let count = shared.connectionCount.add(1, ordering: .relaxed).newValue
        if count > snapshot.settings.limits.connections { giveWay() }
        client.opened()
    }

    func connectionClosed(_ client: ClientConnection) {
        dropOutput(of: client)
        connections.remove(client.place.seat)
        shared.connectionCount.subtract(1, ordering: .relaxed)
    }

    func acceptAgain() { for acceptor in acceptors { acceptor.acceptAgain() } }

    // MARK: Upstreams

    /// - Parameter route: of the present snapshot.
    func driver(of route: CompiledRoute) -> UpstreamDriver { drivers[route.upstream] }

    /// Whom a request is counted for among those who share an upstream's connections. Behind a trusted proxy that does
    /// not name them are many.
    func poolClient(of exchange: Exchange) -> UpstreamClient {
        guard trustsProxies else { return exchange.peer.map { UpstreamClient($0) } ?? .nobody }
        guard let client = exchange.clientAddress, !snapshot.trusts(client) else { return .nobody }
        return UpstreamClient(client)
    }

    /// What has taken the place of a driver that takes no more requests.
    func successor(of driver: UpstreamDriver) -> UpstreamDriver? {
        drivers.first { $0.settings.name == driver.settings.name }
    }

    private func makeDrivers() {
        let workerCount = max(snapshot.workerCount, 1)
        drivers = snapshot.settings.upstreams.map { upstream in
            UpstreamDriver(worker: self, settings: upstream, limits: UpstreamPoolLimits(upstream, loops: workerCount))
        }
        for driver in drivers { resolve(driver) }
    }

    func resolve(_ driver: UpstreamDriver) {
        guard !driver.isDraining else { return }
        driver.watchNames()
        for (index, server) in driver.settings.servers.enumerated() { resolve(driver, server: index, server.address) }
    }

    func resolve(_ driver: UpstreamDriver, server: Int, _ address: SocketAddressText) {
        // What needs no look-up is known at once, so that a new configuration serves its first request.
        if let known = SocketAddress(address.description) { return driver.resolved(server: server, to: [known]) }
        resolver.resolve(address.host, port: address.port, onto: loop) { [weak driver] result in
            guard let driver else { return }
            switch result {
            case .success(let addresses): driver.resolved(server: server, to: addresses)
            case .failure(let error):
                self.events.resolveFailed(address.description, error)
                driver.resolveFailed(server: server)
            }
        }
    }

    // MARK: Following flights

    func follow(_ flight: Flight?, by exchange: Exchange) {
        guard let flight else { return }
        followers[ObjectIdentifier(flight), default: []].append(exchange)
    }

    func unfollow(_ flight: Flight, by exchange: Exchange) {
        let id = ObjectIdentifier(flight)
        guard var group = followers.removeValue(forKey: id) else { return }
        group.removeAll { $0 === exchange }
        if !group.isEmpty { followers[id] = group }
        flight.unfollow()
    }

    func flightWentOn(_ flight: Flight) {
        guard let group = followers[ObjectIdentifier(flight)] else { return }
        let phase = flight.look(from: index)
        for exchange in group { exchange.flightWentOn(phase) }
    }

    /// `exchange` wants to hear when followers have read on; nil when nobody does any more.
    func lead(_ flight: Flight, by exchange: Exchange?) { leaders[ObjectIdentifier(flight)] = exchange }

    func followersReadOn(_ flight: Flight) { leaders[ObjectIdentifier(flight)]?.followersReadOn() }

    // MARK: Reload and drain

    /// A new configuration; requests under way end under the old one.
    func adopt(_ next: ProxySnapshot) {
        snapshot = next
        hitExplanation = next.hitExplanation()
        trustsProxies = !next.trustedProxies.isEmpty
        metrics.relabel(next.labels)
        let before = drivers
        makeDrivers()
        for driver in drivers { for old in before { driver.inheritAddresses(from: old) } }
        for driver in before { driver.drain() }
        retiredDrivers = retiredDrivers.filter { !$0.isEmpty } + before
    }

    /// Lines of requests under way go to the new log too.
    func replaceLog(_ access: AccessLogTarget?) {
        log?.handOver()
        log?.cancelDeadline()
        log = access.map { AccessLogWriter(loop: loop, target: $0) }
    }

    /// No new connection is taken, idle ones end, the others after their answer.
    func drain() {
        isDraining = true
        tier?.drain()
        for acceptor in acceptors { acceptor.close() }
        acceptors = []
        for client in connections.all { client.drain() }
    }

    func closeAll() {
        for client in connections.all { client.close() }
        for driver in drivers { driver.drain() }
        tier?.stop()
    }

    // MARK: Figures

    func figures() -> WorkerFigures {
        WorkerFigures(
            metrics: metrics.snapshot(), clients: connections.count,
            upstreams: drivers.map { ($0.settings.name, $0.figures) }, failures: upstreamFailures,
            tier: tier?.presentFigures)
    }

    private var upstreamFailures: [UpstreamFailureKey: UInt64] = [:]

    func upstreamFailed(_ upstream: String, _ kind: StaticString, _ error: SystemError?) {
        upstreamFailures[UpstreamFailureKey(upstream: upstream, kind: "\(kind)"), default: 0] += 1
        events.upstreamFailed(upstream, kind, error)
    }
}

struct UpstreamFailureKey: Hashable, Sendable {
    let upstream: String
    let kind: String
}

/// What one worker has counted, for the control thread.
struct WorkerFigures: Sendable {
    var metrics: MetricsSnapshot
    var clients: Int
    var upstreams: [(name: String, pool: UpstreamPoolFigures)]
    var failures: [UpstreamFailureKey: UInt64]
    /// nil without a second tier.
    var tier: TierFigures?
}

/// A listening socket of one worker.
final class Listener: Acceptor {
    private let worker: Worker

    init(worker: Worker) {
        self.worker = worker
        super.init()
    }

    override func accepted(_ descriptor: FileDescriptor, from peer: SocketAddress) {
        worker.accepted(descriptor, from: peer)
    }

    override func mayAccept() -> Bool { worker.mayAccept() }

    override func acceptingFailed(_ error: SystemError) { worker.events.acceptFailed(error) }
}

extension UpstreamPoolLimits {
    /// The limits are for all loops together; each gets its part, and at least one connection. Of the least number
    /// that is kept open none is lost.
    init(_ upstream: UpstreamSettings, loops: Int) {
        self.init()
        minimumConnections = (upstream.pool.min + loops - 1) / loops
        maximumConnections = max(1, upstream.pool.max / loops)
        maximumStreams = max(1, upstream.pool.streams / loops)
        leastClientPace = upstream.pool.leastClientPace
        idleTimeoutMilliseconds = Int64(upstream.pool.idleTimeoutMilliseconds)
        maximumWaiters = max(1, upstream.queue.limit / loops)
        waitLimitMilliseconds = Int64(upstream.queue.timeoutMilliseconds)
    }
}
