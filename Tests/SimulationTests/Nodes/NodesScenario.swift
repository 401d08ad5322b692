// SPDX-License-Identifier: Apache-2.0
import EventIO
import Storage
import TestKit

@testable import Server

/// Several nodes, a Redis, an origin whose answers are versions, readers everywhere, and what befalls them
/// (promise 3).
///
/// A version is made before its invalidation is asked for. From a confirmation on, no node that the others would have
/// waited for may answer with an older one; from any answer to an invalidation on, neither may the node that gave it.
final class NodesScenario {
    struct Summary {
        var reads = 0
        var hits = 0
        /// Of them, from Redis.
        var fromRedis = 0
        var confirmed = 0
        var unconfirmed = 0
        var waiting = 0
        var restarts = 0
        var losses = 0
    }

    let seed: UInt64
    let world: VirtualKernel
    let redis: SimulatedRedis
    private var random: SeededRandom
    private var nodes: [SimulatedNode] = []
    private var nextNumber = 1
    private let options: String
    private let revalidates: Bool
    private let pageCount: Int
    private let isHostile: Bool
    /// What the origin answers with.
    private var versions: [Int]
    /// What no answer of any confirmed node may be older than.
    private var confirmed: [Int]
    /// The same by node, of what it has acknowledged itself.
    private var acknowledged: [Int: [Int]] = [:]
    private var origin: VirtualListener?
    private var sockets: [ObjectIdentifier: VirtualSocket] = [:]
    private var snapshot: SimulatedRedis.Snapshot?
    private var failure: String?
    private var lines: [String]?
    private(set) var summary = Summary()

    init(seed: UInt64, traces: Bool = false) throws {
        self.seed = seed
        random = SeededRandom(seed: seed &* 0x9E37_79B9 &+ 4711)
        isHostile = random.chance(0.3)
        world = VirtualKernel(seed: seed, faults: isHostile ? .hostile : random.chance(0.6) ? .fragmented : .none)
        redis = try SimulatedRedis(in: world)
        revalidates = random.chance(0.3)
        let lease = [500, 1000, 3000].randomElement(using: &random) ?? 1000
        options = "lease=\(lease)ms" + (revalidates ? " on_redis_loss=revalidate" : "")
        pageCount = Int.random(in: 1...5, using: &random)
        versions = Array(repeating: 1, count: pageCount)
        confirmed = versions
        lines = traces ? [] : nil
        try startOrigin()
        for _ in 0..<Int.random(in: 2...5, using: &random) { try startNode() }
        for node in nodes { world.setFaults(FaultPlan.none, for: node.adminAddress) }
        trace("\(nodes.count) nodes, \(options), hostile: \(isHostile)")
    }

    var traceLines: [String] { lines ?? [] }

    private func trace(_ line: @autoclosure () -> String) {
        guard lines != nil else { return }
        lines?.append("\(world.time / 1_000) \(line())")
    }

    private func startNode() throws {
        let node = try SimulatedNode(number: nextNumber, options: options, world: world)
        world.setFaults(FaultPlan.none, for: node.adminAddress)
        nextNumber += 1
        nodes.append(node)
        acknowledged[node.number] = Array(repeating: 0, count: pageCount)
        trace("n\(node.number) starts")
    }

    // MARK: The origin

    /// Its answer is of the version there is when it is asked, and may be long under way.
    private func startOrigin() throws {
        origin = try world.listenSocket(on: .loopback(port: 3000)) { [unowned self] socket in
            socket.onChange = { [unowned self] socket in
                if socket.isOver { return socket.close() }
                guard socket.receivedText.hasSuffix("\r\n\r\n") else { return }
                let path = socket.receivedText.split(separator: " ").dropFirst().first ?? ""
                _ = socket.takeReceived()  // it has been read
                let page = Int(path.dropFirst(2)) ?? 0
                let body = "\(versions[page])"
                let delay = random.chance(0.2) ? Int.random(in: 50...1500, using: &random) : 1
                world.after(.milliseconds(delay)) {
                    socket.write(
                        "HTTP/1.1 200 OK\r\nCache-Tag: p\(page)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
                }
            }
        }
    }

    // MARK: Running

    func run() throws -> Summary {
        defer { world.end() }
        world.run(for: .milliseconds(Int.random(in: 0...300, using: &random)))
        let end = world.time + 8_000_000_000
        while world.time < end, failure == nil {
            try happen()
            world.run(for: .milliseconds(Int.random(in: 1...120, using: &random)))
        }
        if failure == nil { try settle() }
        if let failure {
            throw SimulationFailure(seed: seed, text: failure, trace: lines ?? [])
        }
        return summary
    }

    private func happen() throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<60: read()
        case 60..<82: invalidate()
        default: try befall()
        }
    }

    /// When all is well again, all is well.
    private func settle() throws {
        world.faults = .none
        redis.mode = .serving
        redis.delay = .zero
        if !redis.isRunning { try redis.start() }
        for node in nodes { node.goOn() }
        trace("all is well again")
        let isWell = world.run(within: .seconds(30)) {
            alive.allSatisfy { $0.control.log?.figures.isCaughtUp ?? false }
        }
        guard isWell else { return fail("a node does not follow the log 30 s after all is well") }
        world.run(for: .seconds(5))
        let before = summary.confirmed
        for _ in 0..<3 {
            invalidate(waits: true)
            world.run(for: .seconds(8))
            for page in 0..<pageCount {
                for node in alive { read(page, at: node) }
            }
            world.run(for: .seconds(3))
        }
        if failure == nil, summary.confirmed != before + 3 {
            fail("an invalidation is not confirmed though all is well")
        }
    }

    private var alive: [SimulatedNode] { nodes.filter { !$0.isGone && !$0.isHanging } }

    // MARK: What befalls them

    private func befall() throws {
        switch Int.random(in: 0..<14, using: &random) {
        case 0: hang()
        case 1, 2: for node in nodes { node.goOn() }
        case 3: try replace()
        case 4: stopRedis()
        case 5, 6: if !redis.isRunning { try redis.start() }
        case 7: redis.mode = redis.mode == .hanging ? .serving : .hanging
        case 8: redis.mode = .serving
        case 9:
            redis.resetConnections()
            trace("connections to Redis are reset")
        case 10:
            redis.skew = .seconds(Int.random(in: -10...10, using: &random))
            trace("Redis' clock is \(redis.skew) off")
        case 11: world.stepWallClock(by: .seconds(Int.random(in: -10...10, using: &random)))
        case 12: redis.delay = .milliseconds(Int.random(in: 0...30, using: &random))
        default: changeData()
        }
    }

    private func hang() {
        guard alive.count > 1, let node = alive.randomElement(using: &random) else { return }
        trace("n\(node.number) hangs")
        node.hang()
    }

    private func replace() throws {
        guard alive.count > 1, let node = alive.randomElement(using: &random) else { return }
        if random.chance(0.5) { node.stop() } else { node.die() }
        trace("n\(node.number) is gone")
        summary.restarts += 1
        try startNode()
    }

    private func stopRedis() {
        guard redis.isRunning else { return }
        let chance = Int.random(in: 0..<4, using: &random)
        redis.stop(keepingData: chance > 0)
        if chance == 1, let snapshot { redis.snapshot = snapshot }
        trace(
            "Redis ends; \(chance == 0 ? "it loses all" : chance == 1 && snapshot != nil ? "it goes back" : "it keeps all")"
        )
        if chance < 2 { summary.losses += 1 }
    }

    private func changeData() {
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            redis.trimStream("t:invalidations", to: Int.random(in: 1...3, using: &random))
            trace("the log is trimmed")
        case 1:
            redis.clear()
            trace("FLUSHALL")
            summary.losses += 1
        case 2:
            let key = random.chance(0.5) ? "t:invalidations" : "t:nodes"
            redis.evict(key)
            trace("Redis evicts \(key)")
            summary.losses += 1
        default: snapshot = redis.snapshot
        }
    }

    // MARK: Reading

    private func read() {
        guard let node = nodes.filter({ !$0.isGone }).randomElement(using: &random) else { return }
        read(Int.random(in: 0..<pageCount, using: &random), at: node)
    }

    private func read(_ page: Int, at node: SimulatedNode) {
        // A node that nobody waits for may serve what it has, unless it was told not to.
        let isBound = node.isConfirmed || revalidates
        let least = max(isBound ? confirmed[page] : 0, acknowledged[node.number]?[page] ?? 0)
        let asked = world.time
        ask(node.address, "GET /p\(page) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") { [unowned self] answer in
            guard answer.hasPrefix("HTTP/1.1 200"), let body = answer.components(after: "\r\n\r\n"),
                let version = Int(body)
            else { return }
            summary.reads += 1
            if answer.contains("; hit") { summary.hits += 1 }
            if answer.contains("detail=l2") { summary.fromRedis += 1 }
            trace("n\(node.number) answers p\(page) with \(version)\(answer.contains("; hit") ? ", a hit" : "")")
            guard version < least else { return }
            fail(
                "n\(node.number) answers version \(version) of p\(page), asked at \(asked / 1_000), confirmed: \(least)"
            )
        }
    }

    // MARK: Invalidating

    private func invalidate(waits: Bool? = nil) {
        guard let node = alive.randomElement(using: &random) else { return }
        let page = Int.random(in: 0..<pageCount, using: &random)
        versions[page] += 1
        let version = versions[page]
        let waits = waits ?? random.chance(0.7)
        let what =
            [#""tags":["p\#(page)"]"#, #""urls":["/p\#(page)"]"#, #""prefixes":["/p\#(page)"]"#, #""all":true"#]
            .randomElement(using: &random) ?? ""
        let content = "{\(what)\(waits ? #","wait":"all","timeout_ms":4000"# : "")}"
        trace("n\(node.number) is to invalidate p\(page), version \(version): \(content)")
        let head =
            "POST /invalidate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(content.utf8.count)\r\n\r\n"
        ask(node.adminAddress, head + content) { [unowned self] answer in
            trace("n\(node.number) answers: \(answer.components(after: "\r\n\r\n") ?? answer)")
            guard answer.hasPrefix("HTTP/1.1 20") || answer.hasPrefix("HTTP/1.1 504") else { return }
            let own = acknowledged[node.number]?[page] ?? 0
            acknowledged[node.number]?[page] = max(own, version)
            if answer.contains(#""confirmed":true"#) {
                summary.confirmed += 1
                confirmed[page] = max(confirmed[page], version)
            } else if answer.hasPrefix("HTTP/1.1 202") {
                summary.waiting += 1
            } else {
                summary.unconfirmed += 1
            }
        }
    }

    private func fail(_ text: String) {
        guard failure == nil else { return }
        failure = text
        trace(text)
    }

    private func ask(_ address: SocketAddress, _ request: String, done: @escaping (String) -> Void) {
        let socket = world.connectSocket(to: address)
        let name = ObjectIdentifier(socket)
        sockets[name] = socket
        socket.write(request)
        socket.onChange = { [unowned self] socket in
            guard socket.isOver else { return }
            sockets[name] = nil
            let text = socket.failure == nil ? socket.receivedText : ""
            socket.onChange = nil
            socket.close()
            if !text.isEmpty { done(text) }
        }
    }
}

extension String {
    /// What stands behind the first `mark`.
    fileprivate func components(after mark: String) -> String? {
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(mark) { return String(rest.dropFirst(mark.count)) }
            rest = rest.dropFirst()
        }
        return nil
    }
}
