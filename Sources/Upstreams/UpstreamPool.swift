// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// The connections of one event loop to the servers of one upstream, as a machine: what happened goes in, what to do
/// comes out. It opens no socket and reads no clock, and its owner acts on each answer before the next event.
///
/// A connection is connecting, then active (it carries an exchange) and idle by turns, until it is closed. Waiting
/// requests are not bound to the connection that was opened for them: the first one to become free serves the
/// request that waits longest, unless its client has its share already. Idle connections are used again newest first,
/// so that the surplus grows old and goes.
///
/// What each request asks of it is asked by mutating calls: they look at the pool where it lies, others at a copy.
package struct UpstreamPool: ~Copyable {
    package let limits: UpstreamPoolLimits
    private let choice: ServerChoice
    private var servers: [UpstreamServer]
    var slots = ConnectionSlots()
    private(set) var waiters = WaiterQueue()
    var shares: ClientShares
    private(set) var connecting = 0
    var tunnels = 0
    var streams = 0
    private(set) var idle = 0
    private(set) var draining = false
    /// Connections that carry requests which may stall.
    private(set) var stallable = 0
    /// As of the last look: connections that wait for their clients, and the slow ones among these, the slowest last.
    var awaitedClients = 0
    var slow: [SlowClient] = []
    private var totals = UpstreamPoolFigures()

    /// - Parameter weights: one per server, each at least 1. Servers have no address until `addressesResolved`.
    package init(
        weights: [Int], balance: BalanceMethod = .roundRobin, limits: UpstreamPoolLimits,
        seed: UInt64 = 0x9E37_79B9_7F4A_7C15
    ) {
        precondition(!weights.isEmpty && limits.maximumConnections > 0 && limits.maximumConnectAttempts > 0)
        self.limits = limits
        choice = ServerChoice(method: balance)
        shares = ClientShares(seed: seed)
        let idleTimeout = limits.idleTimeoutMilliseconds * 1_000_000
        servers = weights.map { UpstreamServer(weight: max($0, 1), idleTimeoutNanoseconds: idleTimeout) }
    }

    package var figures: UpstreamPoolFigures {
        var figures = totals
        figures.idle = idle
        figures.connecting = connecting
        figures.active = active
        figures.tunnels = tunnels
        figures.streams = streams
        figures.waiting = waiters.count
        figures.maximumConnections = limits.maximumConnections
        return figures
    }

    /// Those that count towards the limit.
    var open: Int { slots.taken - tunnels - streams }
    var active: Int { open - idle - connecting }

    /// Nothing is open and nobody waits: a drained pool may go.
    package var isEmpty: Bool { slots.taken == 0 && waiters.isEmpty }

    /// When `deadlineReached` has something to do next, if nothing else happens before; `.min` is at once.
    package var nextDeadlineNanoseconds: Int64? {
        mutating get { findNextDeadline() }
    }

    /// Whether a request waits for a connection.
    package var isAwaited: Bool { mutating get { !waiters.isEmpty } }

    private mutating func findNextDeadline() -> Int64? {
        var next = waiters.firstDeadlineNanoseconds ?? .max
        for server in servers.indices where servers[server].oldestIdle >= 0 {
            let since = slots[Int(servers[server].oldestIdle)].idleSinceNanoseconds
            next = min(next, since + servers[server].idleTimeoutNanoseconds)
        }
        if lacksConnections {
            for server in servers where !server.addresses.isEmpty { next = min(next, server.retryNanoseconds) }
        }
        return next == .max ? nil : next
    }

    private var lacksConnections: Bool {
        !draining && open < min(limits.minimumConnections, limits.maximumConnections)
    }

    /// Index of the server a connection leads to, or nil when the connection is no longer known.
    package func server(of connection: UpstreamConnectionID) -> Int? {
        slots.index(of: connection).map { Int(slots[$0].server) }
    }

    /// Whether an exchange went over the connection before the present one, so that its server may have closed it
    /// just when the request was sent.
    package func isReused(_ connection: UpstreamConnectionID) -> Bool {
        guard let index = slots.index(of: connection) else { return false }
        return slots[index].uses > 1
    }
}

// MARK: - Requests

extension UpstreamPool {
    /// A request needs a connection.
    /// - Parameters:
    ///   - isUnfinished: some of its content has still to come.
    ///   - onNewConnection: it failed on an idle connection that turned out to be closed, so the other idle ones are
    ///     not trusted with it.
    package mutating func requestArrived(
        _ waiter: UpstreamWaiter, from client: UpstreamClient = .nobody, isUnfinished: Bool = false,
        onNewConnection: Bool = false, now: Moment
    ) -> RequestArrivalAction {
        let claim = UpstreamClaim(client: client, mayStall: isUnfinished || shares.isBlamed(client))
        if draining { return reject(.draining) }
        let nanoseconds = now.monotonicNanoseconds
        guard let server = choice.choose(from: &servers, at: nanoseconds) else { return reject(.noAddress) }
        let mayHaveOne = mayUseMore(claim)
        if mayHaveOne, !onNewConnection, let index = takeIdle(server, at: nanoseconds) {
            return use(index, for: claim)
        }
        let isFull = open >= limits.maximumConnections
        if mayHaveOne, isFull, !onNewConnection, let index = takeIdleOfAny(at: nanoseconds) {
            return use(index, for: claim)
        }
        guard (mayHaveOne && mayOpen(isFull)) || mayWait(claim) else { return reject(.queueFull) }
        let deadline = nanoseconds + limits.waitLimitMilliseconds * 1_000_000
        let ticket = waiters.append(waiter, of: claim, deadlineNanoseconds: deadline)
        shares.change(client, waiting: 1)
        let wait = UpstreamWait(ticket: ticket, deadlineNanoseconds: deadline)
        guard mayHaveOne else { return .wait(wait) }
        let replaced = isFull ? closeOldestIdle() : nil
        guard !isFull || replaced != nil, var attempt = connect(to: server, at: nanoseconds) else {
            return .wait(wait)
        }
        attempt.replacing = replaced
        return .connect(attempt, wait)
    }

    /// The client of a waiting request has left. False when the request no longer waited.
    package mutating func waiterLeft(_ ticket: WaitTicket) -> Bool {
        guard let claim = waiters.remove(ticket) else { return false }
        shares.change(claim.client, waiting: -1)
        return true
    }

    private mutating func use(_ index: Int, for claim: UpstreamClaim) -> RequestArrivalAction {
        slots[index].state = .active
        slots[index].uses &+= 1
        carries(index, for: claim)
        totals.totalReuses &+= 1
        return .use(slots.id(index))
    }

    private mutating func reject(_ reason: UpstreamRejection) -> RequestArrivalAction {
        totals.totalRejections += 1
        return .reject(reason)
    }
}

// MARK: - Shares

extension UpstreamPool {
    /// Requests that wait are going to use connections that are being opened.
    private mutating func mayUseMore(_ claim: UpstreamClaim) -> Bool {
        let free = limits.maximumConnections - active - connecting
        // Most of the time it is not worth a look.
        if FairShare.mayTakeMore(using: active + waiters.count, free: free) { return true }
        if claim.mayStall, !FairShare.mayTakeMore(using: stallable + waiters.stallableCount, free: free) {
            return false
        }
        if claim.client == .nobody { return true }
        let share = shares[claim.client]
        return FairShare.mayTakeMore(using: Int(share.active + share.waiting), free: free)
    }

    /// Whether there is room for another connection, or an idle one to make it.
    private func mayOpen(_ isFull: Bool) -> Bool { !isFull || idle > 0 }

    /// Only those queue up for whom no connection is being opened. The last places are for clients that have nothing
    /// yet, and for requests that are whole.
    private func mayWait(_ claim: UpstreamClaim) -> Bool {
        let free = limits.maximumWaiters - max(0, waiters.count - connecting)
        guard free > 0 else { return false }
        let isLate = free <= limits.maximumWaiters / (FairShare.factor + 1)
        if isLate, claim.mayStall { return false }
        if claim.client == .nobody { return true }
        let share = shares[claim.client]
        if isLate, share.active + share.waiting > 0 { return false }
        return FairShare.mayTakeMore(using: max(0, Int(share.waiting) - connecting), free: free)
    }

    /// The request that waits longest of those whose client may use one connection more.
    private mutating func takeWaiter(free: Int) -> (waiter: UpstreamWaiter, claim: UpstreamClaim)? {
        guard !waiters.isEmpty else { return nil }
        // Who waits when the pool goes is served.
        guard let next = draining ? waiters.removeFirst() : nextWithinShare(free: free) else { return nil }
        shares.change(next.claim.client, waiting: -1)
        return next
    }

    /// Where little is free, clients that use nothing come first.
    private mutating func nextWithinShare(free: Int) -> (waiter: UpstreamWaiter, claim: UpstreamClaim)? {
        if FairShare.mayTakeMore(using: active, free: free) { return waiters.removeFirst() }
        return waiters.removeFirst { shares.usesNothing($0.client) && shares.admits($0, free: free, stallable) }
            ?? waiters.removeFirst { shares.admits($0, free: free, stallable) }
    }

    private mutating func carries(_ index: Int, for claim: UpstreamClaim) {
        slots.setClient(of: index, to: claim.client)
        shares.change(claim.client, active: 1)
        guard claim.mayStall else { return }
        slots[index].mayStall = true
        stallable += 1
    }

    mutating func carriesNoMore(_ index: Int) {
        shares.change(slots.setClient(of: index, to: .nobody), active: -1)
        stallsNoMore(index)
        slots[index].pace = ClientPace()
    }

    private mutating func stallsNoMore(_ index: Int) {
        guard slots[index].mayStall else { return }
        slots[index].mayStall = false
        stallable -= 1
    }

    /// The content of the request that a connection carries has come whole.
    package mutating func contentCame(on connection: UpstreamConnectionID) {
        guard let index = slots.index(of: connection), !shares.isBlamed(slots[index].client) else { return }
        stallsNoMore(index)
    }

    /// An idle connection and a request that waits and may have it by now. Called after each change until there is
    /// none.
    package mutating func grantIdle(now: Moment) -> (UpstreamConnectionID, UpstreamWaiter)? {
        guard idle > 0, !waiters.isEmpty, let index = takeIdleOfAny(at: now.monotonicNanoseconds) else { return nil }
        slots[index].state = .active
        guard let next = takeWaiter(free: limits.maximumConnections - active + 1) else {
            park(index, at: now.monotonicNanoseconds)
            return nil
        }
        slots[index].uses &+= 1
        carries(index, for: next.claim)
        totals.totalReuses &+= 1
        return (slots.id(index), next.waiter)
    }

    /// One more attempt, where somebody waits who may have a connection, and there is room. Called like `grantIdle`.
    package mutating func connectForWaiters(now: Moment) -> ConnectAttempt? {
        connectForWaiters(at: now.monotonicNanoseconds)
    }

    /// Whether some request that waits may have a connection that is opened for it.
    var someWaiterMayBeNext: Bool {
        let free = limits.maximumConnections - active
        if draining || FairShare.mayTakeMore(using: active, free: free) { return true }
        return waiters.contains { shares.admits($0, free: free, stallable) }
    }
}

// MARK: - Connections

extension UpstreamPool {
    package mutating func connected(_ connection: UpstreamConnectionID, now: Moment) -> ConnectedAction {
        guard let index = slots.index(of: connection) else { return .close }
        precondition(slots[index].state == .connecting, "a connection is connected once")
        connecting -= 1
        totals.totalConnects += 1
        servers[Int(slots[index].server)].succeeded(address: slots[index].address)
        if let next = takeWaiter(free: limits.maximumConnections - active + 1) {
            slots[index].state = .active
            slots[index].uses = 1
            carries(index, for: next.claim)
            return .serve(next.waiter)
        }
        if draining || slots[index].isOutdated {
            slots.free(index)
            return .close
        }
        park(index, at: now.monotonicNanoseconds)
        return .park
    }

    /// Another address or server is tried, as long as somebody waits for it and the limit of attempts allows;
    /// else the request that waits longest has failed.
    package mutating func connectFailed(
        _ connection: UpstreamConnectionID, now: Moment, random: UInt64
    ) -> ConnectFailedAction {
        guard let index = slots.index(of: connection) else { return ConnectFailedAction() }
        precondition(slots[index].state == .connecting, "only an attempt can fail to connect")
        let nanoseconds = now.monotonicNanoseconds
        let failed = slots[index]
        servers[Int(failed.server)].failed(
            address: failed.address, at: nanoseconds, limits: limits, random: random)
        totals.totalConnectFailures += 1
        connecting -= 1
        slots.free(index)
        guard waiters.count > connecting else { return ConnectFailedAction() }
        if failed.attempts < limits.maximumConnectAttempts, let attempt = tryElsewhere(after: failed, at: nanoseconds) {
            return ConnectFailedAction(failedWaiter: nil, retry: attempt)
        }
        let failedWaiter = waiters.removeFirst()
        if let failedWaiter { shares.change(failedWaiter.claim.client, waiting: -1) }
        return ConnectFailedAction(failedWaiter: failedWaiter?.waiter, retry: connectForWaiters(at: nanoseconds))
    }

    /// The exchange on a connection ended. It is `reusable` when both messages were complete and neither side asked
    /// for its end.
    package mutating func released(
        _ connection: UpstreamConnectionID, reusable: Bool, now: Moment
    ) -> ReleaseAction {
        guard let index = slots.index(of: connection) else { return .close(nil) }
        let nanoseconds = now.monotonicNanoseconds
        let hasPlace = slots[index].state != .stream || streamBecameActive(index)
        precondition(slots[index].state == .active, "only an active connection is released")
        carriesNoMore(index)
        guard reusable, hasPlace, !slots[index].isOutdated else {
            slots.free(index)
            return .close(connectForWaiters(at: nanoseconds))
        }
        if let next = takeWaiter(free: limits.maximumConnections - active + 1) {
            slots[index].uses &+= 1
            carries(index, for: next.claim)
            return .serve(next.waiter)
        }
        if draining {
            slots.free(index)
            return .close(nil)
        }
        park(index, at: nanoseconds)
        return .park
    }

    /// A connection is gone, whatever it was doing; nothing more is said about it to the pool.
    package mutating func connectionClosed(_ connection: UpstreamConnectionID, now: Moment) -> ConnectAttempt? {
        guard let index = slots.index(of: connection) else { return nil }
        switch slots[index].state {
        case .idle: unlink(index)
        case .connecting: connecting -= 1
        case .active: carriesNoMore(index)
        case .tunnel: tunnels -= 1
        case .stream: streamEnds(index)
        case .free: break
        }
        slots.free(index)
        return connectForWaiters(at: now.monotonicNanoseconds)
    }
}

// MARK: - Time, addresses, reload

extension UpstreamPool {
    /// Time passed: called again until it answers `.nothing`. It also opens the minimum of connections at the start.
    package mutating func deadlineReached(now: Moment) -> PoolDeadlineAction {
        let nanoseconds = now.monotonicNanoseconds
        if let deadline = waiters.firstDeadlineNanoseconds, deadline <= nanoseconds, let next = waiters.removeFirst() {
            shares.change(next.claim.client, waiting: -1)
            totals.totalWaitTimeouts += 1
            return .timeOut(next.waiter)
        }
        for server in servers.indices where servers[server].oldestIdle >= 0 {
            let index = Int(servers[server].oldestIdle)
            if isTooOld(index, of: server, at: nanoseconds) { return .close(removeIdle(index)) }
        }
        if lacksConnections,
            let server = choice.choose(from: &servers, at: nanoseconds),
            servers[server].isUsable(at: nanoseconds),
            let attempt = connect(to: server, at: nanoseconds)
        {
            return .connect(attempt)
        }
        return .nothing
    }

    /// The server said how long it keeps an idle connection (`Keep-Alive: timeout=`): ours end a tenth or a second
    /// earlier, whichever is more, but not before half of the time.
    package mutating func serverKeepsConnections(_ server: Int, forMilliseconds milliseconds: Int64) {
        let earlier = max(milliseconds - max(milliseconds / 10, 1_000), milliseconds / 2)
        servers[server].idleTimeoutNanoseconds = min(earlier, limits.idleTimeoutMilliseconds) * 1_000_000
    }

    /// The names of a server were resolved to these addresses, numbers which the owner gave them for good.
    /// - Returns: idle connections to addresses that are gone, to be closed; active ones are closed when released.
    package mutating func addressesResolved(_ server: Int, _ addresses: [Int]) -> [UpstreamConnectionID] {
        servers[server].resolved(addresses)
        var closing: [UpstreamConnectionID] = []
        for index in slots.indices where slots[index].state != .free && Int(slots[index].server) == server {
            slots[index].isOutdated = !addresses.contains(slots[index].address)
            if slots[index].isOutdated, slots[index].state == .idle { closing.append(removeIdle(index)) }
        }
        return closing
    }

    /// The pool takes no new request; those that wait are still served. Returns the idle connections, to be closed.
    package mutating func drain() -> [UpstreamConnectionID] {
        draining = true
        var closing: [UpstreamConnectionID] = []
        for index in slots.indices where slots[index].state == .idle { closing.append(removeIdle(index)) }
        return closing
    }
}

// MARK: - Opening

extension UpstreamPool {
    private mutating func connect(to server: Int, at nanoseconds: Int64) -> ConnectAttempt? {
        guard let address = servers[server].takeAddress(at: nanoseconds) else { return nil }
        let index = slots.take(server: server, address: address)
        connecting += 1
        return ConnectAttempt(connection: slots.id(index), server: server, address: address, replacing: nil)
    }

    /// One more attempt, when more requests wait than connections are coming.
    private mutating func connectForWaiters(at nanoseconds: Int64) -> ConnectAttempt? {
        guard waiters.count > connecting, open < limits.maximumConnections, someWaiterMayBeNext,
            let server = choice.choose(from: &servers, at: nanoseconds)
        else { return nil }
        return connect(to: server, at: nanoseconds)
    }

    private mutating func tryElsewhere(after failed: ConnectionSlot, at nanoseconds: Int64) -> ConnectAttempt? {
        let same = Int(failed.server)
        let server =
            servers[same].isUsable(at: nanoseconds)
            ? same : choice.choose(from: &servers, at: nanoseconds, excluding: failed.tried)
        guard let server, let attempt = connect(to: server, at: nanoseconds) else { return nil }
        let index = Int(attempt.connection.slot)
        slots[index].attempts = failed.attempts + 1
        slots[index].tried = failed.tried
        slots[index].tried.insert(server)
        return attempt
    }
}

// MARK: - Idle connections

extension UpstreamPool {
    private func isTooOld(_ index: Int, of server: Int, at nanoseconds: Int64) -> Bool {
        nanoseconds - slots[index].idleSinceNanoseconds >= servers[server].idleTimeoutNanoseconds
    }

    /// The newest idle connection of a server. If that one is too old, so are the others.
    private mutating func takeIdle(_ server: Int, at nanoseconds: Int64) -> Int? {
        let index = Int(servers[server].newestIdle)
        guard index >= 0, !isTooOld(index, of: server, at: nanoseconds) else { return nil }
        unlink(index)
        return index
    }

    private mutating func takeIdleOfAny(at nanoseconds: Int64) -> Int? {
        guard idle > 0 else { return nil }
        for server in servers.indices {
            if let index = takeIdle(server, at: nanoseconds) { return index }
        }
        return nil
    }

    private mutating func closeOldestIdle() -> UpstreamConnectionID? {
        guard idle > 0 else { return nil }
        var oldest = -1
        for server in servers where server.oldestIdle >= 0 {
            let index = Int(server.oldestIdle)
            if oldest < 0 || slots[index].idleSinceNanoseconds < slots[oldest].idleSinceNanoseconds { oldest = index }
        }
        return removeIdle(oldest)
    }

    private mutating func removeIdle(_ index: Int) -> UpstreamConnectionID {
        let id = slots.id(index)
        unlink(index)
        slots.free(index)
        return id
    }

    private mutating func park(_ index: Int, at nanoseconds: Int64) {
        let server = Int(slots[index].server)
        let older = servers[server].newestIdle
        slots[index].state = .idle
        slots[index].idleSinceNanoseconds = nanoseconds
        slots[index].older = older
        slots[index].newer = -1
        if older >= 0 { slots[Int(older)].newer = Int32(index) } else { servers[server].oldestIdle = Int32(index) }
        servers[server].newestIdle = Int32(index)
        idle += 1
    }

    private mutating func unlink(_ index: Int) {
        let server = Int(slots[index].server)
        let (newer, older) = (slots[index].newer, slots[index].older)
        if newer >= 0 { slots[Int(newer)].older = older } else { servers[server].newestIdle = older }
        if older >= 0 { slots[Int(older)].newer = newer } else { servers[server].oldestIdle = newer }
        idle -= 1
    }
}
