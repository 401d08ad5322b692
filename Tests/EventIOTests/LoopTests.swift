// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Glibc
import Testing

extension Loop {
    /// Turns until `condition` holds; a minute without is a failure.
    func run(until condition: () -> Bool) {
        let end = kernel.monotonicNanoseconds() + 60_000_000_000
        while !condition() {
            guard kernel.monotonicNanoseconds() < end else {
                Issue.record("nothing came of it within a minute")
                return
            }
            runOnce(maximumWaitNanoseconds: 100_000_000)
        }
    }
}

@Suite struct LoopTests {
    let loop: Loop

    init() throws { loop = try Loop(kernel: Kernel()) }

    @Test(arguments: [1, 1000, 3_000_000])
    func echoesOverLoopback(byteCount: Int) throws {
        let (_, address) = try EchoServer.start(on: loop)
        let message = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        let client = EchoClient(message: message)
        try client.connect(to: address, on: loop)
        loop.run { client.isFinished }
        #expect(client.failure == nil)
        #expect(client.received == message)
    }

    @Test func servesManyConnectionsAndForgetsThem() throws {
        let (server, address) = try EchoServer.start(on: loop)
        let clients = (0..<200).map { EchoClient(message: Array("connection \($0)".utf8)) }
        for client in clients { try client.connect(to: address, on: loop) }
        loop.run { clients.allSatisfy(\.isFinished) && loop.channelCount == 1 }
        #expect(server.acceptedCount == 200)
        for (index, client) in clients.enumerated() { #expect(client.received == Array("connection \(index)".utf8)) }
    }

    @Test func aRefusedConnectionSaysSo() throws {
        let (server, address) = try EchoServer.start(on: loop)
        server.close()
        let client = EchoClient(message: [1])
        try client.connect(to: address, on: loop)
        loop.run { client.isFinished }
        #expect(client.failure == .connectionRefused)
    }

    @Test func aResetIsSeenAsOne() throws {
        final class Resetting: Acceptor {
            override func accepted(_ descriptor: FileDescriptor, from peer: SocketAddress) {
                kernel.reset(descriptor)
            }
        }
        let server = Resetting()
        try server.listen(on: .loopback(), loop: loop)
        let client = EchoClient(message: [1])
        try client.connect(to: try loop.kernel.localAddress(server.descriptor), on: loop)
        loop.run { client.isFinished }
        #expect(client.failure == .connectionReset || client.failure == .brokenPipe)
    }

    @Test func bothEndsAgreeOnTheirAddresses() throws {
        let kernel = loop.kernel
        for text in ["127.0.0.1:0", "[::1]:0"] {
            let listener = try kernel.listen(on: try #require(SocketAddress(text)))
            let ours = try kernel.connect(to: try kernel.localAddress(listener)).descriptor
            let accepted = kernel.accept(listener)
            let theirs = try #require(accepted.descriptor)
            #expect(accepted.peer == (try kernel.localAddress(ours)))
            #expect(try kernel.peerAddress(ours) == kernel.localAddress(theirs))
            #expect(accepted.peer.isLoopback)
            #expect(kernel.accept(listener).result.isWouldBlock)
            for descriptor in [ours, theirs, listener] { kernel.close(descriptor) }
        }
    }

    @Test func gatheredPartsArriveInOrder() throws {
        let kernel = loop.kernel
        let listener = try kernel.listen(on: .loopback())
        let ours = try kernel.connect(to: try kernel.localAddress(listener)).descriptor
        let theirs = try #require(kernel.accept(listener).descriptor)
        #expect(kernel.send(ours, Array("head,".utf8).span, Array("body".utf8).span).bytes == 9)
        let (head, age, body) = (Array("[head,".utf8), Array("age,".utf8), Array("body]".utf8))
        #expect(kernel.send(ours, head.span, age.span, body.span).bytes == 15)
        var buffer = ByteBuffer()
        #expect(kernel.read(theirs, appendingTo: &buffer).bytes == 24)
        #expect(kernel.read(theirs, appendingTo: &buffer).isWouldBlock)
        #expect(buffer.span.text() == "head,body[head,age,body]")
        for descriptor in [ours, theirs, listener] { kernel.close(descriptor) }
    }

    @Test func aDescriptorUsedAfterItsEndIsACrash() async {
        await #expect(processExitsWith: .failure) { Kernel().close(FileDescriptor(rawValue: 99_999)) }
    }

    @Test func linesAreAppendedToFiles() throws {
        let path = "/tmp/larder-test-\(loop.kernel.randomUInt64())"
        defer { unsafe unlink(path) }
        for line in ["one\n", "two\n"] {
            let log = try loop.kernel.openLog(path)
            #expect(loop.kernel.writeLog(log, Array(line.utf8).span).bytes == 4)
            loop.kernel.close(log.descriptor)
        }
        let log = unsafe try #require(fopen(path, "r"))
        defer { unsafe fclose(log) }
        var text = [UInt8](repeating: 0, count: 16)
        #expect(unsafe fread(&text, 1, 16, log) == 8)
        #expect(Array(text[..<8]) == Array("one\ntwo\n".utf8))
        #expect(throws: SystemError.noSuchFile) { _ = try loop.kernel.openLog("/nowhere/at/all") }
    }

    @Test func laterTasksRunAfterTheBatchAndNotInIt() {
        var order: [Int] = []
        loop.later {
            order.append(1)
            loop.later { order.append(3) }
        }
        loop.later { order.append(2) }
        loop.runOnce()
        #expect(order == [1, 2])
        loop.runOnce()
        #expect(order == [1, 2, 3])
    }
}
