// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Glibc
import TestKit
import Testing

@Suite struct PageTests {
    /// Pages with a pattern of their own.
    @safe private struct Pages {
        let memory: UnsafeMutableRawBufferPointer

        init(count: Int, seed: Int) throws {
            let base = unsafe mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            unsafe memory = UnsafeMutableRawBufferPointer(start: base, count: count)
            for (index, byte) in Self.pattern(count, seed).enumerated() { unsafe memory[index] = byte }
        }

        static func pattern(_ count: Int, _ seed: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 8) ^ seed) }
        }

        var span: Span<UInt8> {
            @_lifetime(borrow self)
            borrowing get {
                unsafe _overrideLifetime(Span(_unsafeBytes: UnsafeRawBufferPointer(memory)), borrowing: self)
            }
        }

        func giveBack() {
            let result = unsafe munmap(memory.baseAddress, memory.count)
            #expect(result == 0)
        }
    }

    private func pair(on loop: Loop) throws -> (ours: FileDescriptor, theirs: FileDescriptor) {
        let kernel = loop.kernel
        let listener = try kernel.listen(on: .loopback())
        defer { kernel.close(listener) }
        let ours = try kernel.connect(to: try kernel.localAddress(listener)).descriptor
        while true {
            if let theirs = kernel.accept(listener).descriptor { return (ours, theirs) }
        }
    }

    /// All that can be read until there are `count` bytes.
    private func read(_ fd: FileDescriptor, _ count: Int, on loop: Loop) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let result = loop.read(fd)
            let read = loop.bytesRead(max(result.bytes, 0))
            for index in 0..<read.count { bytes.append(read[index]) }
            if result.bytes == 0 || result.isFailure { break }
        }
        return bytes
    }

    private func preparedLoop() throws -> Loop {
        let loop = try Loop(kernel: Kernel())
        try loop.preparePages()
        return loop
    }

    @Test("Pages arrive as they were although they are given back while they are under way")
    func outlive() throws {
        let loop = try preparedLoop()
        let (ours, theirs) = try pair(on: loop)
        let pages = try Pages(count: 50_000, seed: 1)
        #expect(loop.kernel.sendBeginning(ours, Array("head".utf8).span).bytes == 4)
        #expect(loop.sendPages(ours, pages.span.extracting(3..<50_000), isFollowed: false).bytes == 49_997)
        pages.giveBack()
        // What takes their place is not what was sent.
        let others = try Pages(count: 50_000, seed: 2)
        #expect(read(theirs, 50_001, on: loop) == Array("head".utf8) + Pages.pattern(50_000, 1)[3...])
        others.giveBack()
        loop.kernel.close(ours)
        loop.kernel.close(theirs)
    }

    @Test("What a full socket does not take is sent to nobody else")
    func full() throws {
        let loop = try preparedLoop()
        let (ours, theirs) = try pair(on: loop)
        let count = 8 << 20
        let pages = try Pages(count: count, seed: 3)
        var sent = 0
        var received: [UInt8] = []
        while received.count < count {
            let result = loop.sendPages(ours, pages.span.extracting(sent..<count), isFollowed: false)
            if result.bytes > 0 { sent += result.bytes }
            let (other, its) = try pair(on: loop)
            #expect(loop.sendPages(other, pages.span.extracting(100..<40_000), isFollowed: false).bytes == 39_900)
            #expect(read(its, 39_900, on: loop) == Array(Pages.pattern(40_000, 3)[100...]))
            loop.kernel.close(other)
            loop.kernel.close(its)
            received += read(theirs, sent - received.count, on: loop)
        }
        #expect(received == Pages.pattern(count, 3))
        pages.giveBack()
        loop.kernel.close(ours)
        loop.kernel.close(theirs)
    }

    @Test("A peer that is gone is an error, and does not spoil the next send")
    func gone() throws {
        let before = signal(SIGPIPE, SIG_IGN)
        defer { _ = signal(SIGPIPE, before) }  // as it was
        let loop = try preparedLoop()
        let (ours, theirs) = try pair(on: loop)
        let pages = try Pages(count: 100_000, seed: 4)
        loop.kernel.reset(theirs)
        var result = IOResult(0)
        while !result.isFailure { result = loop.sendPages(ours, pages.span, isFollowed: false) }
        #expect(result.error == .connectionReset || result.error == .brokenPipe)
        loop.kernel.close(ours)
        let (other, its) = try pair(on: loop)
        #expect(loop.sendPages(other, pages.span, isFollowed: false).bytes == 100_000)
        #expect(read(its, 100_000, on: loop) == Pages.pattern(100_000, 4))
        pages.giveBack()
        loop.kernel.close(other)
        loop.kernel.close(its)
    }

    @Test("Where the system refuses it, pages are copied", arguments: [false, true])
    func refused(isPrepared: Bool) throws {
        let world = VirtualKernel(seed: 5)
        world.refusesPages = true
        let loop = try world.makeLoop()
        let before = world.openDescriptorCount
        if isPrepared { try loop.preparePages() }
        let socket = world.connectSocket(to: .loopback(port: 1))
        var ours: FileDescriptor?
        let listener = try world.listen(on: .loopback(port: 1))
        _ = world.run(within: .seconds(1)) {
            ours = world.accept(listener).descriptor
            return ours != nil
        }
        let bytes = [UInt8](repeating: 9, count: 40_000)
        #expect(loop.sendPages(try #require(ours), bytes.span, isFollowed: false).bytes == 40_000)
        #expect(loop.sendPages(try #require(ours), bytes.span, isFollowed: false).bytes > 0)
        world.run(for: .milliseconds(1))
        #expect(socket.receivedText.utf8.count >= 40_000)
        #expect(world.openDescriptorCount == before + 2, "the pipe is gone")
        #expect(world.pagedByteCount == 0)
        world.end()
    }
}
