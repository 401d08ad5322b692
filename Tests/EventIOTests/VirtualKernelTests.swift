// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import TestKit
import Testing

@Suite struct VirtualKernelTests {
    static let address = SocketAddress.loopback(port: 8080)

    /// Twenty, of up to 19 KB.
    private static let messages: [[UInt8]] = (0..<20).map { index in
        (0..<(index * 997 + 1)).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8 ^ index) }
    }

    /// Two loops, a server on one, clients on the other.
    private static func echo(seed: UInt64, faults: FaultPlan) throws -> (world: VirtualKernel, clients: [EchoClient]) {
        let world = VirtualKernel(seed: seed, faults: faults)
        let serving = try world.makeLoop()
        let asking = try world.makeLoop()
        let (server, _) = try EchoServer.start(on: serving, address: address)
        let clients = messages.map(EchoClient.init(message:))
        for client in clients {
            try client.connect(to: address, on: asking)
            client.setDeadline(after: .seconds(60))
        }
        let isDone = world.run(within: .seconds(600)) {
            clients.allSatisfy(\.isFinished) && serving.channelCount == 1
        }
        #expect(isDone, "seed \(seed)")
        server.close()
        #expect(asking.channelCount == 0 && serving.channelCount == 0, "seed \(seed)")
        #expect(world.openDescriptorCount == 4, "a poller and a waker per loop, seed \(seed)")
        world.end()
        return (world, clients)
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func everythingArrivesThroughAFragmentingNetwork(seed: UInt64) throws {
        let (_, clients) = try Self.echo(seed: seed, faults: .fragmented)
        for (index, client) in clients.enumerated() {
            #expect(client.failure == nil)
            #expect(client.received == Self.messages[index], "client \(index) of seed \(seed)")
        }
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func whatArrivesThroughAHostileNetworkIsRightAsFarAsItGoes(seed: UInt64) throws {
        let (_, clients) = try Self.echo(seed: seed, faults: .hostile)
        for (index, client) in clients.enumerated() {
            let message = Self.messages[index]
            #expect(client.received == Array(message.prefix(client.received.count)))
            if client.failure == nil { #expect(client.received == message) }
        }
    }

    @Test func faultsDoHappen() throws {
        var failures: Set<SystemError> = []
        for seed in 100..<110 as Range<UInt64> {
            for client in try Self.echo(seed: seed, faults: .hostile).clients {
                if let failure = client.failure { failures.insert(failure) }
            }
        }
        #expect(failures.isSuperset(of: [.connectionRefused, .connectionReset, .timedOut]))
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func theSameSeedDoesTheSame(seed: UInt64) throws {
        let first = try Self.echo(seed: seed, faults: .hostile).world
        let second = try Self.echo(seed: seed, faults: .hostile).world
        let other = try Self.echo(seed: seed + 1000, faults: .hostile).world
        #expect(first.traceHash == second.traceHash)
        #expect(first.time == second.time)
        #expect(first.traceHash != other.traceHash)
    }

    @Test func aWorldThatEndedIsForgotten() throws {
        weak var forgotten: VirtualKernel?
        do {
            let world = VirtualKernel(seed: 1, faults: .hostile)
            forgotten = world
            let (server, _) = try EchoServer.start(on: try world.makeLoop(), address: Self.address)
            let socket = world.connectSocket(to: Self.address)
            socket.write("hello")
            world.run(for: .seconds(200))
            world.end()
            #expect(!server.isOpen)
        }
        #expect(forgotten == nil)
    }

    @Test func scriptedPeersTalkThroughALoop() throws {
        let world = VirtualKernel(seed: 1, faults: .fragmented)
        let (server, _) = try EchoServer.start(on: try world.makeLoop(), address: Self.address)
        let socket = world.connectSocket(to: Self.address)
        socket.write("hello")
        #expect(world.run { socket.receivedText == "hello" })
        socket.write(" again")
        socket.finishWriting()
        #expect(world.run { socket.isOver })
        #expect(socket.receivedText == "hello again")
        #expect(socket.hasEnded)
        server.close()
        let refused = world.connectSocket(to: Self.address)
        #expect(world.run { refused.isOver })
        #expect(refused.failure == .connectionRefused)
    }

    @Test func aReaderWhoPausesStopsTheWriter() throws {
        var plan = FaultPlan.none
        plan.socketBufferBytes = 10_000
        let world = VirtualKernel(seed: 1, faults: plan)
        var accepted: VirtualSocket?
        let listener = try world.listenSocket(on: Self.address) { socket in
            socket.isReading = false
            accepted = socket
        }
        let socket = world.connectSocket(to: listener.address)
        socket.write(repeatElement(7, count: 25_000))
        world.run(for: .seconds(1))
        #expect(socket.unsentCount == 15_000)
        accepted?.isReading = true
        #expect(world.run { accepted?.received.count == 25_000 })
        #expect(socket.unsentCount == 0)
    }

    @Test func closingWithUnreadBytesResets() throws {
        let world = VirtualKernel(seed: 1)
        var accepted: VirtualSocket?
        let listener = try world.listenSocket(on: Self.address) { socket in
            socket.isReading = false
            accepted = socket
        }
        let socket = world.connectSocket(to: listener.address)
        socket.write("unread")
        world.run(for: .seconds(1))
        accepted?.close()
        #expect(world.run { socket.isOver })
        #expect(socket.failure == .connectionReset)
    }

    @Test func timeJumpsToTheNextDeadlineAndWallTimeCanBeStepped() throws {
        let world = VirtualKernel(seed: 1)
        let loop = try world.makeLoop()
        let alarm = Alarm(on: loop)
        let start = loop.now
        alarm.setDeadline(after: .seconds(86_400))
        world.stepWallClock(by: .seconds(-3600))
        #expect(world.run(within: .seconds(90_000)) { alarm.times.count == 1 })
        #expect(alarm.times == [start.monotonicNanoseconds + 86_400_000_000_000])
        #expect(loop.now.wallSeconds - start.wallSeconds == 86_400 - 3600)
        #expect(!world.step())
    }

    @Test func namesAreResolvedByTheWorld() throws {
        let world = VirtualKernel(seed: 1)
        let loop = try world.makeLoop()
        let resolver = try NameResolver(kernel: world)
        world.hosts["origin.test"] = [.loopback]
        var answers: [NameResolver.Answer] = []
        for host in ["origin.test", "nowhere.test", "10.1.2.3"] {
            resolver.resolve(host, port: 80, onto: loop) { answers.append($0) }
        }
        #expect(answers.isEmpty)
        #expect(world.run { answers.count == 3 })
        #expect(
            answers == [
                .success([.loopback(port: 80)]), .failure(.unknownHost),
                .success([.internet(IPAddress(v4: 0x0A01_0203), port: 80)]),
            ])
    }
}
