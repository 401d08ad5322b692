// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import EventIO
import Redis
import RequestFlow
import Settings
import Storage
import TestKit
import Testing

@testable import Server

/// Several nodes with one Redis and one origin, whose answers the test writes.
final class TurnWorld {
    final class Node {
        let proxy: Proxy
        let loop: Loop
        let address: SocketAddress

        init(proxy: Proxy, loop: Loop, address: SocketAddress) {
            self.proxy = proxy
            self.loop = loop
            self.address = address
        }

        func count(_ end: TurnEnd) -> UInt64 { proxy.workers[0].tier?.figures.turns[end] ?? 0 }
    }

    let world = VirtualKernel(seed: 1)
    let redis: SimulatedRedis
    private(set) var nodes: [Node] = []
    private(set) var originRequests: [ScriptedWorld.Request] = []
    var originDelay = Duration.milliseconds(500)
    /// Of the answer, besides its length.
    var originHead = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
    /// Requests that the origin answers by ending the connection.
    var breaks: (ScriptedWorld.Request) -> Bool = { _ in false }
    private var origin: VirtualListener?

    init(nodes count: Int = 4, coalesce: String = "nodes", redis keys: String = "") throws {
        redis = try SimulatedRedis(in: world)
        origin = try world.listenSocket(on: .loopback(port: 3000)) { [unowned self] socket in
            socket.onChange = { [unowned self] socket in answer(socket) }
        }
        for number in 0..<count { nodes.append(try makeNode(8000 + number, coalesce, keys)) }
        let areReady = world.run(within: .seconds(5)) {
            nodes.allSatisfy {
                $0.proxy.workers[0].tier?.reading.isReady == true && $0.proxy.workers[0].tier?.writing.isReady == true
            }
        }
        #expect(areReady)
    }

    deinit { world.end() }

    private func makeNode(_ port: Int, _ coalesce: String, _ keys: String) throws -> Node {
        let text = """
            listen 127.0.0.1:\(port)
            redis 127.0.0.1:6379 hot_keys=off \(keys)
            upstream api { server 127.0.0.1:3000 }
            route /* { upstream api
              key host=off
              coalesce \(coalesce) }
            """
        let report = SettingsParser.parse(
            path: "proxy.conf", environment: { _ in nil },
            files: ConfigFiles(readFile: { $0 == "proxy.conf" ? .success(text) : .failure(.notFound) }))
        let settings = try #require(report.settings, "\(report.diagnostics)")
        let loop = try world.makeLoop()
        let proxy = try Proxy(settings: settings, kernel: world, loops: [loop], blockingLoop: try world.makeLoop())
        // These tests are about fetches; the log of invalidations says nothing, for ever.
        proxy.shared.store.followSharedLog(from: .zero)
        proxy.shared.store.confirmShared(untilMonotonicNanoseconds: .max)
        try proxy.listen()
        return Node(proxy: proxy, loop: loop, address: .loopback(port: UInt16(port)))
    }

    private func answer(_ socket: VirtualSocket) {
        if socket.isOver { return socket.close() }
        guard let request = ScriptedWorld.request(in: socket.receivedText) else { return }
        _ = socket.takeReceived()  // it has been read
        originRequests.append(request)
        let body = "\(request.target) \(request.field("Accept") ?? "")"
        if breaks(request) { return world.after(originDelay) { socket.close() } }
        let text = "\(originHead)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        world.after(originDelay) { socket.write(text) }
    }

    // MARK: Asking

    /// Begins requests for one path at several nodes, so many at each.
    func begin(_ path: String, at nodes: [Node]? = nil, each: Int = 1, fields: String = "") -> [VirtualSocket] {
        (nodes ?? self.nodes).flatMap { node in
            (0..<each).map { _ in
                let socket = world.connectSocket(to: node.address)
                socket.write("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(fields)\r\n")
                return socket
            }
        }
    }

    func answers(_ sockets: [VirtualSocket]) -> [ScriptedWorld.Answer] {
        let areOver = world.run(within: .seconds(60)) { sockets.allSatisfy(\.isOver) }
        #expect(areOver, "all are answered")
        defer { for socket in sockets { socket.close() } }
        return sockets.map { ScriptedWorld.Answer(text: $0.receivedText) }
    }

    func count(_ end: TurnEnd) -> UInt64 { nodes.reduce(0) { $0 + $1.count(end) } }

    var locks: [String] { redis.keys.filter { $0.contains(":lock:") } }

    /// As when its machine is gone: nothing of it runs any more.
    func kill(_ node: Node) { world.remove(node.loop) }

    func milliseconds(_ work: () -> Void) -> Int64 {
        let start = world.time
        work()
        return (world.time - start) / 1_000_000
    }
}
