// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import EventIO

/// One loop's way to a Redis server: one connection, on which commands follow one another without waiting, and a
/// circuit breaker that decides when there is one. What is asked while there is none fails at once.
///
/// It connects by itself, and again after each loss, with a back-off. A connection that is ready and a closed breaker
/// are the same thing: when failures open it, the connection goes too, and the probe is the next connection's login.
package final class RedisLink: Deadline {
    private let settings: RedisLinkSettings
    private let resolver: NameResolver
    private var breaker: CircuitBreaker
    private var socket: RedisSocket?
    /// Where the name led to, and which of them is tried next.
    private var addresses: [SocketAddress] = []
    private var nextAddress = 0
    private var isStarted = false
    package internal(set) var figures = RedisLinkFigures()
    /// Why there is no connection; nil while there is one.
    package private(set) var lastFailure: RedisFailure? {
        didSet { if let lastFailure, lastFailure != oldValue { becameUnreachable?(lastFailure) } }
    }
    /// Called when commands may be sent, and when they no longer may.
    package var readinessChanged: ((_ isReady: Bool) -> Void)?
    /// Called when there is no connection, and again when there is none for another reason.
    package var becameUnreachable: ((RedisFailure) -> Void)?

    package init(loop: Loop, settings: RedisLinkSettings, resolver: NameResolver) {
        self.settings = settings
        self.resolver = resolver
        breaker = CircuitBreaker(threshold: settings.failureThreshold, backOff: settings.backOff)
        super.init()
        attachDeadline(to: loop)
    }

    package var isReady: Bool { socket?.isReady ?? false }

    package var presentFigures: RedisLinkFigures {
        var present = figures
        present.breaker = breaker.state
        present.breakerOpened = breaker.openedCount
        present.pending = socket?.pendingCount ?? 0
        present.outputBytes = socket?.outputByteCount ?? 0
        return present
    }

    /// Of commands that the kernel has not taken yet.
    package var outputByteCount: Int { socket?.outputByteCount ?? 0 }
    /// Commands without an answer.
    package var pendingCount: Int { socket?.pendingCount ?? 0 }
    /// A further command would be refused.
    package var isFull: Bool { socket?.isFull ?? true }

    package func start() {
        guard !isStarted else { return }
        isStarted = true
        connect()
    }

    /// What waits fails; nothing is sent from now on.
    package func stop() {
        isStarted = false
        cancelDeadline()
        guard let socket else { return }
        self.socket = nil
        let wasReady = socket.isReady
        socket.end(.stopped)
        if wasReady { readinessChanged?(false) }
    }

    /// `write` appends exactly one command; `call` hears of its answer. When this throws, neither happens.
    ///
    /// - Parameter extraMilliseconds: how long the server may wait by itself, as in XREAD BLOCK. Commands behind such
    ///   a one wait too, so that it has a link of its own.
    package func send(
        _ call: RedisCall, extraMilliseconds: Int = 0, _ write: (inout ByteBuffer) -> Void
    ) throws(RedisFailure) {
        guard let socket, socket.isReady else {
            count(.notConnected)
            throw .notConnected
        }
        do {
            try socket.send(call, extraMilliseconds: extraMilliseconds, write)
            figures.commands += 1
        } catch {
            count(error)
            throw error
        }
    }

    func count(_ failure: RedisFailure) { figures.failures[failure, default: 0] += 1 }

    // MARK: Connecting

    private func connect() {
        switch settings.endpoint {
        case .unix(let path):
            addresses = UnixPath(path.utf8Span.span).map { [.unix($0)] } ?? []
            connectToNext()
        case .host(let name, let port):
            resolver.resolve(name, port: port, onto: loop) { [weak self] answer in
                guard let self, isStarted, socket == nil else { return }
                switch answer {
                case .success(let found): addresses = found
                case .failure: addresses = []
                }
                connectToNext()
            }
        }
    }

    private func connectToNext() {
        guard !addresses.isEmpty else { return failedToConnect(.nameNotResolved) }
        let address = addresses[nextAddress % addresses.count]
        nextAddress += 1
        let socket = RedisSocket(link: self, settings: settings, now: loop.now)
        do throws(SystemError) {
            let (descriptor, isConnected) = try loop.kernel.connect(to: address)
            try socket.attach(descriptor, to: loop)
            self.socket = socket
            socket.begin(isConnected: isConnected)
        } catch {
            failedToConnect(.connectFailed)
        }
    }

    private func failedToConnect(_ failure: RedisFailure) {
        count(failure)
        lastFailure = failure
        breaker.lost(now: loop.now, random: loop.kernel.randomUInt64())
        watchBreaker()
    }

    private func watchBreaker() {
        guard isStarted, case .open(let until) = breaker.state else { return }
        setDeadline(nanoseconds: until)
    }

    package override func deadlinePassed() {
        guard isStarted else { return }
        if breaker.timePassed(now: loop.now) { connect() } else { watchBreaker() }
    }

    // MARK: What the socket tells

    func becameReady(_ socket: RedisSocket) {
        breaker.probeSucceeded()
        figures.connects += 1
        lastFailure = nil
        readinessChanged?(true)
    }

    /// A connection that is lost before it was ready failed to come about.
    func lost(_ socket: RedisSocket, _ failure: RedisFailure) {
        guard self.socket === socket else { return }
        let wasReady = breaker.admits
        self.socket = nil
        failedToConnect(failure)
        socket.end(.connectionLost)
        if wasReady { readinessChanged?(false) }
    }

    func answered(_ reply: borrowing RESPReply) {
        figures.answers += 1
        guard reply.isError else { return breaker.succeeded() }
        figures.errors += 1
        guard RedisErrorKind(reply.text) != .command else { return breaker.succeeded() }
        failed(.unavailable)
    }

    func timedOut(_ socket: RedisSocket) {
        count(.timedOut)
        failed(.timedOut)
    }

    private func failed(_ failure: RedisFailure) {
        guard breaker.failed(now: loop.now, random: loop.kernel.randomUInt64()), let socket else { return }
        self.socket = nil
        lastFailure = failure
        watchBreaker()
        socket.end(.connectionLost)
        readinessChanged?(false)
    }
}
