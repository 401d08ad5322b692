// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import TestKit
import Testing

/// Remembers what it was told.
private final class Witness: Channel {
    private(set) var told: [ReadyEvents] = []
    private(set) var closedCount = 0
    var onReady: (() -> Void)?

    override func ready(_ events: ReadyEvents) {
        told.append(events)
        onReady?()
    }

    override func closed() { closedCount += 1 }
}

/// Hands accepted descriptors to a test.
private final class Doorman: Acceptor {
    var descriptors: [FileDescriptor] = []
    private(set) var failures: [SystemError] = []

    override func accepted(_ descriptor: FileDescriptor, from peer: SocketAddress) { descriptors.append(descriptor) }

    override func acceptingFailed(_ error: SystemError) { failures.append(error) }
}

@Suite struct ChannelTests {
    /// A pair of connected sockets of the kernel under test.
    private static func pair(on loop: Loop) throws -> (ours: FileDescriptor, theirs: FileDescriptor) {
        let doorman = Doorman()
        try doorman.listen(on: .loopback(), loop: loop)
        let address = try loop.kernel.localAddress(doorman.descriptor)
        let ours = try loop.kernel.connect(to: address).descriptor
        while doorman.descriptors.isEmpty {
            if let world = loop.kernel as? VirtualKernel { world.step() } else { loop.runOnce() }
        }
        doorman.close()
        return (ours, doorman.descriptors[0])
    }

    private static func loops() throws -> [(Loop, turn: () -> Void)] {
        let real = try Loop(kernel: Kernel())
        let world = VirtualKernel(seed: 7)
        let simulated = try world.makeLoop()
        return [
            (real, { real.runOnce(maximumWaitNanoseconds: 20_000_000) }),
            (simulated, { world.run(for: .milliseconds(1)) }),
        ]
    }

    @Test func bothKernelsTellOfAChangeOnce() throws {
        for (loop, turn) in try Self.loops() {
            let (ours, theirs) = try Self.pair(on: loop)
            let kernel = loop.kernel
            let witness = Witness()
            try witness.attach(ours, to: loop)
            turn()
            #expect(witness.told == [.writable])
            turn()
            #expect(witness.told.count == 1, "nothing new")
            #expect(kernel.send(theirs, [1, 2, 3].span).bytes == 3)
            turn()
            #expect(witness.told.last == [.readable, .writable])
            turn()
            #expect(witness.told.count == 2, "unread bytes are not told of again")
            #expect(kernel.send(theirs, [4].span).bytes == 1)
            turn()
            #expect(witness.told.count == 3, "new bytes are")
            #expect(loop.read(ours).bytes == 4)
            kernel.shutdownWrite(theirs)
            turn()
            #expect(witness.told.last == [.readable, .writable, .peerClosed])
            #expect(loop.read(ours).bytes == 0)
            kernel.shutdownWrite(ours)
            turn()
            #expect(witness.told.last == [.readable, .writable, .peerClosed, .hungUp])
            witness.close()
            kernel.close(theirs)
        }
    }

    @Test func bothKernelsTellOfRoomOnceThereIsSome() throws {
        for (loop, turn) in try Self.loops() {
            let (ours, theirs) = try Self.pair(on: loop)
            let witness = Witness()
            try witness.attach(ours, to: loop)
            turn()
            let block = [UInt8](repeating: 1, count: 100_000)
            var sent = 0
            while true {
                let result = loop.kernel.send(ours, block.span)
                if result.isWouldBlock { break }
                sent += try result.get()
            }
            turn()
            #expect(witness.told.count == 1)
            var received = 0
            while received < sent {
                received += max(0, loop.read(theirs).bytes)
                turn()
            }
            #expect(witness.told.last == .writable)
            witness.close()
            loop.kernel.close(theirs)
        }
    }

    @Test func bothKernelsTellOfAResetOnce() throws {
        for (loop, turn) in try Self.loops() {
            let (ours, theirs) = try Self.pair(on: loop)
            let witness = Witness()
            try witness.attach(ours, to: loop)
            turn()
            #expect(loop.kernel.send(theirs, [1].span).bytes == 1)
            loop.kernel.reset(theirs)
            turn()
            #expect(witness.told.last?.isSuperset(of: [.readable, .hungUp, .failed, .peerClosed]) == true)
            #expect(loop.kernel.connectionError(ours) == .connectionReset)
            #expect(loop.kernel.send(ours, [1].span).error == .brokenPipe)
            witness.close()
        }
    }

    @Test func whoeverIsClosedByAnotherInTheSameBatchIsNotTold() throws {
        for (loop, turn) in try Self.loops() {
            let (first, second) = try Self.pair(on: loop)
            let witnesses = [Witness(), Witness()]
            var successors: [Witness] = []
            for (index, witness) in witnesses.enumerated() {
                witness.onReady = {
                    witnesses[1 - index].close()
                    // Takes the seat and the descriptor that became free.
                    let successor = Witness()
                    do { try successor.attach(try loop.kernel.makeWaker(), to: loop, events: .input) } catch {
                        Issue.record(error)
                    }
                    successors.append(successor)
                }
            }
            try witnesses[0].attach(first, to: loop)
            try witnesses[1].attach(second, to: loop)
            turn()
            turn()
            #expect(witnesses.contains { $0.told.isEmpty })
            #expect(witnesses.map(\.closedCount).sorted() == [0, 1])
            #expect(successors.allSatisfy { $0.told.isEmpty }, "events of the former tenant are dropped")
            for channel in witnesses + successors { channel.close() }
            #expect(loop.channelCount == 0)
        }
    }

    @Test func aChannelClosedInItsCallbackLivesUntilTheBatchEnds() throws {
        for (loop, turn) in try Self.loops() {
            let (ours, theirs) = try Self.pair(on: loop)
            weak var forgotten: Witness?
            do {
                let witness = Witness()
                forgotten = witness
                witness.onReady = { [weak witness] in
                    witness?.close()
                    witness?.close()
                }
                try witness.attach(ours, to: loop)
            }
            #expect(forgotten != nil, "the loop keeps open channels")
            turn()
            #expect(forgotten == nil)
            loop.kernel.close(theirs)
        }
    }

    @Test func aReleasedDescriptorStaysOpen() throws {
        for (loop, turn) in try Self.loops() {
            let (ours, theirs) = try Self.pair(on: loop)
            let witness = Witness()
            try witness.attach(ours, to: loop)
            #expect(try witness.release() == ours)
            #expect(loop.kernel.send(theirs, [1].span).bytes == 1)
            turn()
            #expect(witness.told.isEmpty && witness.closedCount == 1)
            #expect(loop.read(ours).bytes == 1)
            loop.kernel.close(ours)
            loop.kernel.close(theirs)
        }
    }

    @Test func theEndOfALoopClosesItsChannels() throws {
        let kernel = Kernel()
        let witness = Witness()
        do {
            let loop = try Loop(kernel: kernel)
            try witness.attach(try kernel.makeWaker(), to: loop, events: .input)
            witness.setDeadline(after: .seconds(1))
        }
        #expect(witness.closedCount == 1)
        #expect(!witness.isOpen && !witness.isAttached)
    }

    @Test func connectionsThatNoDescriptorIsLeftForAreAcceptedLater() throws {
        var plan = FaultPlan.none
        plan.acceptFailure = 0.9
        let world = VirtualKernel(seed: 3, faults: plan)
        let doorman = Doorman()
        try doorman.listen(on: .loopback(port: 80), loop: try world.makeLoop())
        let sockets = (0..<200).map { _ in world.connectSocket(to: .loopback(port: 80)) }
        #expect(world.run { doorman.descriptors.count == sockets.count })
        #expect(doorman.failures.contains(.tooManyOpenFiles))
    }

    @Test func aFloodOfConnectionsIsAcceptedInSeveralTurns() throws {
        let world = VirtualKernel(seed: 3)
        let loop = try world.makeLoop()
        let doorman = Doorman()
        try doorman.listen(on: .loopback(port: 80), loop: loop)
        let sockets = (0..<200).map { _ in world.connectSocket(to: .loopback(port: 80)) }
        #expect(world.run { !doorman.descriptors.isEmpty })
        #expect(doorman.descriptors.count < sockets.count)
        #expect(world.run { doorman.descriptors.count == sockets.count })
    }

    @Test func unixSocketsConnectAndAreTakenOverFromTheDead() throws {
        let loop = try Loop(kernel: Kernel())
        let address = try #require(SocketAddress("unix:/tmp/larder-test-\(loop.kernel.randomUInt64())"))
        let first = try loop.kernel.listen(on: address)
        #expect(throws: SystemError.addressInUse) { try loop.kernel.listen(on: address) }
        loop.kernel.close(first)
        let (_, local) = try EchoServer.start(on: loop, address: address)
        #expect(local == address)
        let client = EchoClient(message: Array("through a file".utf8))
        try client.connect(to: address, on: loop)
        loop.run { client.isFinished }
        #expect(client.received == Array("through a file".utf8))
    }
}
