// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import TestKit
import Testing

@testable import Server

/// That what `upstream` says about connections and names comes true.
@Suite struct UpstreamSettingsTests {
    /// Counts connections, answers each request with its own name.
    final class NamedOrigin {
        private(set) var open = 0
        private(set) var opened = 0
        private(set) var sockets: [VirtualSocket] = []
        private var listener: VirtualListener?

        init(_ name: String, _ world: VirtualKernel, on address: SocketAddress, fields: String = "") throws {
            listener = try world.listenSocket(on: address) { [unowned self] socket in
                open += 1
                opened += 1
                sockets.append(socket)
                socket.onChange = { [unowned self] socket in
                    if socket.isOver || socket.hasEnded {
                        open -= 1
                        socket.onChange = nil
                        return socket.close()
                    }
                    guard socket.receivedText.hasSuffix("\r\n\r\n") else { return }
                    _ = socket.takeReceived()  // it has been read
                    socket.write("HTTP/1.1 200 OK\r\n\(fields)Content-Length: \(name.utf8.count)\r\n\r\n\(name)")
                }
            }
        }

        func closeAll() {
            open = 0
            for socket in sockets where !socket.isOver {
                socket.onChange = nil
                socket.close()
            }
            sockets = []
        }
    }

    private func makeWorld(_ upstream: String, workers: Int = 1) throws -> ScriptedWorld {
        try ScriptedWorld("route /* { upstream other; pass }", top: "upstream other { \(upstream) }", workers: workers)
        {
            _ in "HTTP/1.1 500 Wrong\r\nContent-Length: 0\r\n\r\n"
        }
    }

    private let first = SocketAddress.internet(IPAddress(v4: 0x0A00_0001), port: 80)
    private let second = SocketAddress.internet(IPAddress(v4: 0x0A00_0002), port: 80)

    @Test("A name is looked up again as often as 'resolve every=' says, and what it led to is left")
    func resolvesAgain() throws {
        let larder = try makeWorld("server origin.test:80; resolve every=10s")
        let (one, two) = (
            try NamedOrigin("one", larder.world, on: first), try NamedOrigin("two", larder.world, on: second)
        )
        larder.world.hosts["origin.test"] = [IPAddress(v4: 0x0A00_0001)]
        larder.world.run(for: .seconds(2))
        #expect(larder.ask("GET /").body == "one")
        larder.world.hosts["origin.test"] = [IPAddress(v4: 0x0A00_0002)]
        larder.world.run(for: .seconds(4))
        #expect(larder.ask("GET /").body == "one")
        larder.world.run(for: .seconds(10))
        #expect(larder.ask("GET /").body == "two")
        #expect(one.open == 0)
        #expect(two.open == 1)
        larder.world.hosts["origin.test"] = nil
        larder.world.run(for: .seconds(30))
        #expect(larder.ask("GET /").body == "two", "a look-up that fails changes nothing")
    }

    @Test("Without a first answer names are looked up every second", arguments: ["10s", "off"])
    func resolvesSoon(every: String) throws {
        let larder = try makeWorld("server origin.test:80; resolve every=\(every)")
        let one = try NamedOrigin("one", larder.world, on: first)
        larder.world.run(for: .milliseconds(100))
        #expect(larder.ask("GET /").status == 502)
        larder.world.hosts["origin.test"] = [IPAddress(v4: 0x0A00_0001)]
        larder.world.run(for: .milliseconds(1500))
        #expect(larder.ask("GET /").body == "one")
        #expect(one.opened == 1)
    }

    @Test("With 'resolve every=off' what a name led to first stays")
    func resolvesOnce() throws {
        let larder = try makeWorld("server origin.test:80; resolve every=off")
        let one = try NamedOrigin("one", larder.world, on: first)
        larder.world.hosts["origin.test"] = [IPAddress(v4: 0x0A00_0001)]
        larder.world.run(for: .seconds(2))
        #expect(larder.ask("GET /").body == "one")
        larder.world.hosts["origin.test"] = [IPAddress(v4: 0x0A00_0002)]
        larder.world.run(for: .seconds(3600))
        #expect(larder.ask("GET /").body == "one")
        #expect(one.opened == 2, "the first connection had been idle for too long")
    }

    @Test("'pool min=' connections are open before anybody asks, shared out over the workers", arguments: [1, 2, 3])
    func opensTheLeast(workers: Int) throws {
        let larder = try makeWorld("server 10.0.0.1:80; pool min=3", workers: workers)
        let one = try NamedOrigin("one", larder.world, on: first)
        larder.world.run(for: .seconds(10))
        #expect(one.open == (workers == 2 ? 4 : 3))
        #expect(larder.ask("GET /").body == "one")
        #expect(one.open == (workers == 2 ? 4 : 3))
    }

    @Test("'pool min=' connections that the server closes are opened again")
    func reopensTheLeast() throws {
        let larder = try makeWorld("server 10.0.0.1:80; pool min=3")
        let one = try NamedOrigin("one", larder.world, on: first)
        larder.world.run(for: .seconds(10))
        one.closeAll()
        larder.world.run(for: .seconds(10))
        #expect(one.open == 3)
        #expect(one.opened == 6)
    }

    @Test("An idle connection is closed before its server would close it", arguments: [(5, 4), (20, 18), (1, 0)])
    func heedsKeepAlive(timeout: Int, lives: Int) throws {
        let larder = try makeWorld("server 10.0.0.1:80")
        let one = try NamedOrigin(
            "one", larder.world, on: first, fields: "Keep-Alive: timeout=\(timeout), max=100\r\n")
        #expect(larder.ask("GET /").body == "one")
        larder.world.run(for: .milliseconds(lives * 1000 - 100))
        #expect(one.open == 1)
        larder.world.run(for: .milliseconds(700))
        #expect(one.open == 0)
        #expect(larder.ask("GET /").body == "one")
        #expect(one.opened == 2)
    }

    @Test("'jitter' takes up to its part off lifetimes, and not the same off all")
    func jitters() throws {
        let larder = try ScriptedWorld("route /* { upstream api; ttl 1000s; jitter 50% }") { _ in
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        }
        var lifetimes = Set<Int>()
        for number in 0..<40 {
            #expect(larder.ask("GET /\(number)").status == 200)
            let ttl = larder.ask("GET /\(number)").cacheStatus.split(separator: "ttl=").last.flatMap { Int($0) }
            lifetimes.insert(try #require(ttl))
        }
        #expect(lifetimes.allSatisfy { (499...1000).contains($0) })
        #expect(lifetimes.count > 20)
        #expect((lifetimes.max() ?? 0) - (lifetimes.min() ?? 0) > 300)
    }

    @Test("'listen unix:' takes requests, whatever the number of workers", arguments: [1, 3])
    func listensOnPaths(workers: Int) throws {
        let larder = try ScriptedWorld(
            "route /* { upstream api; ttl 1m }", top: "listen unix:/run/larder.sock", workers: workers
        ) { request in "HTTP/1.1 200 OK\r\nContent-Length: \(request.target.utf8.count)\r\n\r\n\(request.target)" }
        let address = try #require(SocketAddress("unix:/run/larder.sock"))
        for expected in ["fwd=uri-miss", "hit"] {
            let socket = larder.world.connectSocket(to: address)
            socket.write("GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
            let answer = larder.answer(on: socket)
            #expect(answer.body == "/a")
            #expect(answer.cacheStatus.contains(expected))
        }
        #expect(larder.requests.count == 1)
    }
}
