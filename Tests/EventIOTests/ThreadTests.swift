// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Glibc
import Synchronization
import TestKit
import Testing

@Suite struct ThreadTests {
    @Test func lettersOfManyThreadsAllArriveInTheOrderOfEach() throws {
        let loop = try Loop(kernel: Kernel())
        let collector = LoopBound(Collector(), to: loop)
        let threads = try LoopThread.startGroup(count: 4, name: "sender", kernel: Kernel()) { _, _ in }
        for (sender, thread) in threads.enumerated() {
            thread.mailbox.post { [target = loop.mailbox] _ in
                for number in 0..<1000 { target.post { _ in collector.value.note(sender, number) } }
            }
        }
        loop.run { collector.value.count == 4000 }
        #expect(collector.value.isOrdered)
        for thread in threads { thread.stop() }
        for thread in threads { thread.join() }
    }

    @Test func oneWakeUpServesManyLetters() throws {
        let loop = try Loop(kernel: Kernel())
        let collector = LoopBound(Collector(), to: loop)
        for number in 0..<100 { loop.mailbox.post { _ in collector.value.note(0, number) } }
        loop.runOnce()
        #expect(collector.value.count == 100)
        #expect(!loop.runOnce(maximumWaitNanoseconds: 0))
    }

    @Test func lettersToAnEndedLoopAreRefused() throws {
        let mailbox: Mailbox
        do { mailbox = try Loop(kernel: Kernel()).mailbox }
        #expect(!mailbox.post { _ in Issue.record("delivered") })
    }

    @Test func aThreadThatCannotBeSetUpSaysWhy() {
        #expect(throws: SystemError.addressInUse) {
            try LoopThread.startGroup(count: 3, name: "worker", kernel: Kernel()) { (_, index) throws(SystemError) in
                if index == 2 { throw .addressInUse }
            }
        }
    }

    @Test func loopsShareAPort() throws {
        let first = try Kernel().listen(on: .loopback(), reusesPort: true)
        let address = try Kernel().localAddress(first)
        Kernel().close(first)
        let served = Mutex(0)
        let threads = try LoopThread.startGroup(count: 2, name: "worker", kernel: Kernel(), isPinned: true) {
            (loop, _) throws(SystemError) in
            let server = EchoServer()
            try server.listen(on: address, loop: loop, reusesPort: true)
            served.withLock { $0 += 1 }
        }
        #expect(served.withLock { $0 } == 2)
        let loop = try Loop(kernel: Kernel())
        let clients = (0..<20).map { EchoClient(message: [UInt8($0)]) }
        for client in clients { try client.connect(to: address, on: loop) }
        loop.run { clients.allSatisfy(\.isFinished) }
        #expect(clients.map(\.received) == (0..<20).map { [UInt8($0)] })
        for thread in threads { thread.stop() }
        for thread in threads { thread.join() }
    }

    @Test func signalsArriveAsEvents() throws {
        final class Receiver: SignalChannel {
            let signals: Mutex<[Signal]> = Mutex([])

            override func received(_ signal: Signal) { signals.withLock { $0.append(signal) } }
        }
        let seen = Mutex<[Signal]>([])
        // On a thread of its own, which alone is signalled.
        let thread = try LoopThread.start(name: "signals", kernel: Kernel()) { (loop) throws(SystemError) in
            try HostProcess.prepareSignals()
            let receiver = Receiver()
            try receiver.listen(on: loop)
            pthread_kill(pthread_self(), SIGUSR1)
            pthread_kill(pthread_self(), SIGHUP)
            loop.runOnce()
            let signals = receiver.signals.withLock { $0 }
            seen.withLock { $0 = signals }
        }
        #expect(Set(seen.withLock { $0 }) == [.hangUp, .user1])
        thread.stop()
        thread.join()
    }

    @Test func namesAreResolvedOnAnotherThread() throws {
        let loop = try Loop(kernel: Kernel())
        let resolver = try NameResolver(kernel: loop.kernel)
        var answers: [String: NameResolver.Answer] = [:]
        for host in ["localhost", "127.0.0.9", "::1"] {
            resolver.resolve(host, port: 80, onto: loop) { answers[host] = $0 }
        }
        loop.run { answers.count == 3 }
        #expect(try answers["localhost"]?.get().allSatisfy(\.isLoopback) == true)
        #expect(try answers["127.0.0.9"]?.get().map(\.description) == ["127.0.0.9:80"])
        #expect(try answers["::1"]?.get().map(\.description) == ["[::1]:80"])
    }

    @Test func theLimitOfOpenFilesIsRaised() throws {
        #expect(try HostProcess.raiseDescriptorLimit() >= 1024)
        #expect(HostProcess.processorCount >= 1)
    }
}

/// What came from each sender.
private final class Collector {
    private(set) var count = 0
    private(set) var isOrdered = true
    private var last: [Int: Int] = [:]

    func note(_ sender: Int, _ number: Int) {
        count += 1
        isOrdered = isOrdered && number == last[sender, default: -1] + 1
        last[sender] = number
    }
}
