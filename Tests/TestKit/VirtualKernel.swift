// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import EventIO
package import Glibc

/// A kernel, a network and the time they live in, all simulated in one thread: the same seed does the same.
///
/// Sendable without a check, because kernels are: one thread has it.
///
/// Loops made on it are turned by `step` and `run`; scripted peers (`connect`, `listen`) live in the same time.
package final class VirtualKernel: Kernel, @unchecked Sendable {
    package let seed: UInt64
    /// The faults of every connection but those that have a plan of their own.
    package var faults: FaultPlan
    private var faultsByAddress: [SocketAddress: FaultPlan] = [:]
    /// The addresses of hosts; any other name is unknown.
    package var hosts: [String: [IPAddress]] = [:]
    /// What `readFile` finds, by path.
    package var readableFiles: [String: [UInt8]] = [:]
    /// What was sent to unix sockets by datagrams.
    package private(set) var datagrams: [(socket: String, bytes: [UInt8])] = []
    /// As a filter of system calls might.
    package var refusesPages = false
    /// How many bytes were sent without a copy.
    package private(set) var pagedByteCount = 0
    /// What was appended to files, by path; the standard streams are `stdout` and `stderr`.
    package private(set) var logs: [String: [UInt8]] = [:]
    /// Where `traceHash` does not tell enough: receives a line per call.
    package var trace: ((String) -> Void)?
    /// Over all calls and their results; equal for equal runs.
    package private(set) var traceHash: UInt64 = 0xCBF2_9CE4_8422_2325

    /// Monotonic nanoseconds.
    package internal(set) var time: Int64 = 1_000_000_000
    private var wallNanoseconds: Int64 = 1_767_225_600_000_000_000
    var random: SeededRandom
    private var entropy: SeededRandom
    var future = FutureQueue()
    package internal(set) var loops: [Loop] = []
    /// Scripted peers with something to look at.
    var wokenPeers: [() -> Void] = []
    private var files: [Int32: VirtualFile] = [:]
    private var ports: [SocketAddress: [VirtualPort]] = [:]
    private var nextPort: UInt16 = 40000

    package init(seed: UInt64, faults: FaultPlan = .none) {
        self.seed = seed
        self.faults = faults
        random = SeededRandom(seed: seed)
        entropy = SeededRandom(seed: ~seed)
    }

    package override var isSimulated: Bool { true }

    /// Gives the connections to a listener's address faults of their own; nil takes them away again.
    package func setFaults(_ plan: FaultPlan?, for address: SocketAddress) { faultsByAddress[address] = plan }

    func plan(for service: SocketAddress) -> FaultPlan { faultsByAddress[service] ?? faults }

    // MARK: Time and chance

    package override func now() -> Moment {
        Moment(monotonicNanoseconds: time, wallNanoseconds: wallNanoseconds + time)
    }

    package override func monotonicNanoseconds() -> Int64 { time }

    /// Sets the wall clock on or back; the monotonic clock never notices.
    package func stepWallClock(by duration: Duration) { wallNanoseconds += duration.nanoseconds }

    package override func randomBytes(into buffer: UnsafeMutableRawBufferPointer) {
        for index in buffer.indices { unsafe buffer[index] = UInt8.random(in: .min ... .max, using: &entropy) }
    }

    func schedule(at moment: Int64, _ action: @escaping () -> Void) { future.add(at: moment, action) }

    // MARK: Descriptors

    /// The lowest free number, as POSIX wants it: whoever uses one after its end meets its next owner.
    func open(_ file: VirtualFile) -> FileDescriptor {
        var number: Int32 = 3
        while files[number] != nil { number += 1 }
        files[number] = file
        return FileDescriptor(rawValue: number)
    }

    /// How many descriptors are open, those of loops included.
    package var openDescriptorCount: Int { files.count }
    /// Of these, what loops keep to send pages through.
    package var pipeDescriptorCount: Int { files.values.count { $0 is VirtualPipeEnd } }

    private func file<File: VirtualFile>(_ fd: FileDescriptor, as type: File.Type) -> File {
        guard let file = files[fd.rawValue] as? File else {
            preconditionFailure("descriptor \(fd.rawValue) is no \(type) (seed \(seed))")
        }
        return file
    }

    private func note(_ call: StaticString, _ fd: FileDescriptor, _ result: Int) {
        mix(UInt64(call.utf8CodeUnitCount))
        mix(UInt64(bitPattern: Int64(fd.rawValue)))
        mix(UInt64(bitPattern: Int64(result)))
        mix(UInt64(bitPattern: time))
        trace?("\(time) \(call)(\(fd.rawValue)) = \(result)")
    }

    /// FNV-1a by words.
    private func mix(_ word: UInt64) { traceHash = (traceHash ^ word) &* 0x100_0000_01B3 }

    package override func close(_ fd: FileDescriptor) {
        note("close", fd, 0)
        let file = file(fd, as: VirtualFile.self)
        files[fd.rawValue] = nil
        file.unwatch()
        file.close()
        if let port = file as? VirtualPort { ports[port.address]?.removeAll { $0 === port } }
    }

    package override func reset(_ fd: FileDescriptor) {
        note("reset", fd, 0)
        let endpoint = file(fd, as: VirtualEndpoint.self)
        files[fd.rawValue] = nil
        endpoint.unwatch()
        endpoint.reset()
    }

    // MARK: Connections

    package override func listen(
        on address: SocketAddress, backlog: Int = 4096, reusesPort: Bool = false
    ) throws(SystemError) -> FileDescriptor {
        var address = address
        if case .internet(let ip, port: 0) = address { address = .internet(ip, port: takePort()) }
        guard ports[address, default: []].isEmpty || reusesPort else { throw .addressInUse }
        let port = VirtualPort(address: address, backlog: backlog)
        ports[address, default: []].append(port)
        let fd = open(port)
        note("listen", fd, 0)
        return fd
    }

    package override func takeListeningTurn() -> FileDescriptor? { nil }

    package override func requireFree(_ address: SocketAddress) throws(SystemError) {
        guard ports[address, default: []].isEmpty else { throw .addressInUse }
    }

    private func takePort() -> UInt16 {
        nextPort = nextPort == .max ? 40000 : nextPort + 1
        return nextPort
    }

    package override func accept(_ listener: FileDescriptor) -> AcceptResult {
        let port = file(listener, as: VirtualPort.self)
        var result = IOResult(error: .wouldBlock)
        var peer = SocketAddress.internet(.any, port: 0)
        if !port.waiting.isEmpty, random.chance(plan(for: port.address).acceptFailure) {
            result = IOResult(error: .tooManyOpenFiles)
        } else if let endpoint = port.accept() {
            result = IOResult(Int(open(endpoint).rawValue))
            peer = endpoint.remote
        }
        note("accept", listener, result.value)
        return AcceptResult(result: result, peer: peer)
    }

    package override func connect(
        to address: SocketAddress
    ) throws(SystemError) -> (descriptor: FileDescriptor, isConnected: Bool) {
        let endpoint = startConnecting(to: address)
        let fd = open(endpoint)
        note("connect", fd, endpoint.isConnecting ? 0 : 1)
        return (fd, !endpoint.isConnecting && endpoint.peer != nil)
    }

    func startConnecting(to address: SocketAddress) -> VirtualEndpoint {
        let local = address.ip == nil ? SocketAddress.unix(UnixPath()) : .loopback(port: takePort())
        let endpoint = VirtualEndpoint(world: self, local: local, remote: address, service: address)
        let plan = plan(for: address)
        if random.chance(plan.connectLost) {
            schedule(at: time + 127_000_000_000) { endpoint.failed(.timedOut) }
            return endpoint
        }
        let isRefused = random.chance(plan.connectRefused)
        let delay = Int64.random(in: plan.connectNanoseconds, using: &random)
        let arrive = { [unowned self] in
            if isRefused { endpoint.failed(.connectionRefused) } else { reach(address, from: endpoint) }
        }
        // Even without a delay, only a unix socket is connected at once.
        if delay == 0, address.ip == nil { arrive() } else { schedule(at: time + delay, arrive) }
        return endpoint
    }

    private func reach(_ address: SocketAddress, from client: VirtualEndpoint) {
        guard !client.isClosed else { return }
        let wildcard = address.ip.map {
            SocketAddress.internet($0.isV4 ? .any : IPAddress(high: 0, low: 0), port: address.port)
        }
        let listening = ports[address, default: []] + (wildcard.flatMap { $0 == address ? nil : ports[$0] } ?? [])
        guard let port = listening.randomElement(using: &random) else { return client.failed(.connectionRefused) }
        // The backlog is full: the client tries again, as TCP does.
        guard port.hasRoom else {
            return schedule(at: time + 1_000_000_000) { [unowned self] in reach(address, from: client) }
        }
        let server = VirtualEndpoint(world: self, local: address, remote: client.local, service: address)
        server.connected(to: client)
        client.connected(to: server)
        port.enqueue(server)
    }

    package override func connectionError(_ fd: FileDescriptor) -> SystemError? {
        let error = file(fd, as: VirtualEndpoint.self).takeError()
        note("connectionError", fd, Int(error?.code ?? 0))
        return error
    }

    package override func localAddress(_ fd: FileDescriptor) throws(SystemError) -> SocketAddress {
        if let port = file(fd, as: VirtualFile.self) as? VirtualPort { return port.address }
        return file(fd, as: VirtualEndpoint.self).local
    }

    package override func peerAddress(_ fd: FileDescriptor) throws(SystemError) -> SocketAddress {
        file(fd, as: VirtualEndpoint.self).remote
    }

    // MARK: Bytes

    package override func read(_ fd: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        let (bytes, result) = file(fd, as: VirtualEndpoint.self).read(upTo: buffer.count)
        unsafe buffer.copyBytes(from: bytes)
        note("read", fd, result.value)
        return result
    }

    package override func send(_ fd: FileDescriptor, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        let result = unsafe file(fd, as: VirtualEndpoint.self).write(bytes)
        note("send", fd, result.value)
        return result
    }

    package override func sendGathered(_ fd: FileDescriptor, _ parts: UnsafeBufferPointer<iovec>) -> IOResult {
        var bytes: [UInt8] = []
        for index in parts.indices {
            let part = unsafe UnsafeRawBufferPointer(start: parts[index].iov_base, count: parts[index].iov_len)
            unsafe bytes.append(contentsOf: part)
        }
        let result = file(fd, as: VirtualEndpoint.self).write(bytes)
        note("sendGathered", fd, result.value)
        return result
    }

    package override func sendBeginning(_ fd: FileDescriptor, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        unsafe send(fd, bytes)
    }

    package override func sendPages(
        _ fd: FileDescriptor, _ bytes: UnsafeRawBufferPointer, through pipe: PagePipe, isFollowed: Bool
    ) -> IOResult {
        guard !refusesPages else { return IOResult(error: .notPermitted) }
        let result = unsafe file(fd, as: VirtualEndpoint.self).write(bytes)
        if result.value > 0 { pagedByteCount += result.value }
        note("sendPages", fd, result.value)
        return result
    }

    package override func makePagePipe() throws(SystemError) -> PagePipe {
        PagePipe(output: open(VirtualPipeEnd()), input: open(VirtualPipeEnd()), sink: open(VirtualPipeEnd()))
    }

    package override func shutdownWrite(_ fd: FileDescriptor) {
        note("shutdownWrite", fd, 0)
        file(fd, as: VirtualEndpoint.self).shutdownWrite()
    }

    /// What is on its way counts as arrived.
    package override func unsentByteCount(_ fd: FileDescriptor) -> Int { 0 }

    package override func openLog(_ path: String) throws(SystemError) -> LogDescriptor {
        LogDescriptor(open(VirtualLog(path: path)))
    }

    package override func openLog(standardStream stream: FileDescriptor) throws(SystemError) -> LogDescriptor {
        LogDescriptor(stream)
    }

    package override func writeLog(_ log: LogDescriptor, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        unsafe write(log.descriptor, bytes)
    }

    package override func waitForRoom(_ fd: FileDescriptor, milliseconds: Int32) {}

    package override func write(_ fd: FileDescriptor, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        if fd.rawValue == 1 || fd.rawValue == 2 {
            unsafe logs[fd.rawValue == 1 ? "stdout" : "stderr", default: []].append(contentsOf: bytes)
            return IOResult(bytes.count)
        }
        let log = file(fd, as: VirtualLog.self)
        unsafe logs[log.path, default: []].append(contentsOf: bytes)
        return IOResult(bytes.count)
    }

    package override func readFile(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        guard let bytes = readableFiles[path] else { throw .noSuchFile }
        return Array(bytes.prefix(limit))
    }

    package override var pageBytes: UInt64 { 4096 }

    package override func sendDatagram(_ bytes: [UInt8], toSocket name: String) throws(SystemError) {
        datagrams.append((name, bytes))
    }

    package override func lookUp(host: String, port: UInt16) throws(NameError) -> [SocketAddress] {
        guard let addresses = hosts[host] else { throw .unknownHost }
        return addresses.map { .internet($0, port: port) }
    }

    // MARK: Readiness

    package override func makePoller() throws(SystemError) -> FileDescriptor { open(VirtualPoller()) }

    func port(_ fd: FileDescriptor) -> VirtualPort { file(fd, as: VirtualPort.self) }

    func poller(_ fd: FileDescriptor) -> VirtualPoller { file(fd, as: VirtualPoller.self) }

    package override func add(
        _ fd: FileDescriptor, to poller: FileDescriptor, events: ReadyEvents, token: PollToken
    ) throws(SystemError) {
        self.poller(poller).add(file(fd, as: VirtualFile.self), interest: events, token: token)
    }

    package override func modify(
        _ fd: FileDescriptor, in poller: FileDescriptor, events: ReadyEvents, token: PollToken
    ) throws(SystemError) {
        let poller = self.poller(poller)
        guard let watch = poller.watch(file(fd, as: VirtualFile.self)) else { throw .noSuchFile }
        watch.interest = events
        watch.token = token
        poller.enqueue(watch)
    }

    package override func remove(_ fd: FileDescriptor, from poller: FileDescriptor) throws(SystemError) {
        let poller = self.poller(poller)
        guard let watch = poller.watch(file(fd, as: VirtualFile.self)) else { throw .noSuchFile }
        poller.remove(watch)
    }

    /// Never blocks: whoever turns the loops moves the time.
    package override func wait(
        _ poller: FileDescriptor, into events: UnsafeMutableBufferPointer<PollEvent>, milliseconds: Int32
    ) -> Int {
        let told = self.poller(poller).take(
            upTo: events.count, shuffledBy: &random, isShuffled: faults.reordersEvents)
        for (index, event) in told.enumerated() { unsafe events[index] = event }
        note("wait", poller, told.count)
        return told.count
    }

    package override func makeWaker() throws(SystemError) -> FileDescriptor { open(VirtualWaker()) }

    package override func wake(_ waker: FileDescriptor) { file(waker, as: VirtualWaker.self).wake() }

    package override func drain(_ waker: FileDescriptor) { file(waker, as: VirtualWaker.self).drain() }
}

extension Duration {
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
