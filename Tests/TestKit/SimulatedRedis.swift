// SPDX-License-Identifier: Apache-2.0
package import EventIO

/// A Redis server played in simulated time: it logs in, keeps values that expire, and fails as told.
package final class SimulatedRedis {
    package enum Mode: Equatable {
        case serving
        /// It takes what comes and answers nothing, as after SIGSTOP; the answers follow when it serves again.
        case hanging
        /// What every command but the login's is answered with: `LOADING …`, without the minus.
        case failing(String)
        /// What commands that write are answered with, such as `OOM …` and `READONLY …`.
        case refusingWrites(String)
    }

    struct Value {
        var bytes: [UInt8]
        /// On the virtual clock; nil for never.
        var expiresAt: Int64?
    }

    package let address: SocketAddress
    /// Nil when none is asked for.
    package var password: String?
    package var mode = Mode.serving { didSet { if mode != .hanging { answerWaiting() } } }
    /// While false, what is sent stays with the kernel, as after a SIGSTOP that lasts.
    package var takesInput = true { didSet { for client in clients { client.socket.isReading = takesInput } } }
    /// How long each answer is under way.
    package var delay = Duration.zero
    /// Every command that was carried out, in capitals.
    package private(set) var commandNames: [String] = []
    /// For commands that this file does not know: answers the reply in full, or nil for an unknown command.
    package var otherCommands: (([[UInt8]]) -> [UInt8]?)?

    /// What its clock differs from the world's by; IDs of streams are made by it.
    package var skew = Duration.zero
    package internal(set) var streams: [[UInt8]: SimulatedStream] = [:]
    var hashes: [[UInt8]: [[UInt8]: [UInt8]]] = [:]
    /// Another each time it is started.
    private var run = 0

    let world: VirtualKernel
    var values: [[UInt8]: Value] = [:]
    private var listener: VirtualListener?
    private var clients: [Client] = []

    private final class Client {
        let socket: VirtualSocket
        var input: [UInt8] = []
        var isAuthenticated: Bool
        /// A question for new entries that has no answer yet.
        var question: StreamQuestion?
        /// Its time was up while nothing was answered.
        var isOverdue = false

        init(_ socket: VirtualSocket, isAuthenticated: Bool) {
            self.socket = socket
            self.isAuthenticated = isAuthenticated
        }
    }

    package init(in world: VirtualKernel, on address: SocketAddress = .loopback(port: 6379)) throws {
        self.world = world
        self.address = address
        try start()
    }

    // MARK: Life

    package var isRunning: Bool { listener != nil }
    package var clientCount: Int { clients.count { !$0.socket.isOver } }

    /// Takes connections again, with what it had if that was kept.
    package func start() throws {
        guard listener == nil else { return }
        run += 1
        listener = try world.listenSocket(on: address) { [unowned self] socket in
            let client = Client(socket, isAuthenticated: password == nil)
            clients.append(client)
            socket.onChange = { [weak self, weak client] _ in if let client { self?.received(client) } }
        }
    }

    /// As by SIGKILL: connections are reset, further ones refused.
    package func stop(keepingData: Bool = false) {
        listener?.close()
        listener = nil
        resetConnections()
        if !keepingData { clear() }
    }

    package func clear() {
        values = [:]
        streams = [:]
        hashes = [:]
    }

    /// As when it is short of memory, and may choose what goes.
    package func evict(_ key: String) {
        values[Array(key.utf8)] = nil
        streams[Array(key.utf8)] = nil
        hashes[Array(key.utf8)] = nil
    }

    /// All it holds, as a file that it could be started from again.
    package struct Snapshot {
        fileprivate var values: [[UInt8]: Value]
        fileprivate var streams: [[UInt8]: SimulatedStream]
        fileprivate var hashes: [[UInt8]: [[UInt8]: [UInt8]]]
    }

    package var snapshot: Snapshot {
        get { Snapshot(values: values, streams: streams, hashes: hashes) }
        set {
            values = newValue.values
            streams = newValue.streams
            hashes = newValue.hashes
        }
    }

    package func resetConnections() {
        let ended = clients
        clients = []
        for client in ended { client.socket.reset() }
    }

    // MARK: Data, as a test sees and changes it

    package func bytes(at key: String) -> [UInt8]? { live(Array(key.utf8)) }

    package func set(_ key: String, _ bytes: [UInt8]) { values[Array(key.utf8)] = Value(bytes: bytes) }

    package var keys: [String] {
        values.keys.filter { live($0) != nil }.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    /// How long until the value goes; nil when it stays or is not there.
    package func remainingMilliseconds(of key: String) -> Int64? {
        guard let value = values[Array(key.utf8)], let expiry = value.expiresAt else { return nil }
        return (expiry - world.time) / 1_000_000
    }

    func live(_ key: [UInt8]) -> [UInt8]? {
        guard let value = values[key] else { return nil }
        if let expiry = value.expiresAt, expiry <= world.time {
            values[key] = nil
            return nil
        }
        return value.bytes
    }

    // MARK: Conversation

    private func received(_ client: Client) {
        client.input += client.socket.takeReceived()
        if client.socket.isOver {
            client.socket.close()
            clients.removeAll { $0 === client }
            return
        }
        answer(client)
    }

    private func answerWaiting() {
        for client in clients {
            if client.isOverdue { end(Array("*-1\r\n".utf8), client) } else { answer(client) }
        }
        tellOfNews()
    }

    private func answer(_ client: Client) {
        guard mode != .hanging else { return }
        var answers: [UInt8] = []
        while client.question == nil, let command = SimulatedCommand.take(from: &client.input) {
            answers += reply(to: command, client)
        }
        send(answers, to: client)
    }

    private func send(_ answers: [UInt8], to client: Client) {
        guard !answers.isEmpty else { return }
        if delay == .zero { return client.socket.write(answers) }
        world.after(delay) { [weak client] in client?.socket.write(answers) }
    }

    // MARK: Questions that wait

    /// Empty while there is nothing new.
    private func ask(_ question: StreamQuestion, _ client: Client) -> [UInt8] {
        if let answer = question.answer(from: streams) { return answer }
        guard let milliseconds = question.blockMilliseconds else { return Array("*-1\r\n".utf8) }
        client.question = question
        world.after(.milliseconds(milliseconds)) { [weak self, weak client] in
            guard let self, let client, client.question == question else { return }
            if mode == .hanging { return client.isOverdue = true }
            end(Array("*-1\r\n".utf8), client)
        }
        return []
    }

    private func end(_ answers: [UInt8], _ client: Client) {
        client.question = nil
        client.isOverdue = false
        send(answers, to: client)
        answer(client)
    }

    private func tellOfNews() {
        for client in clients {
            guard let question = client.question, let news = question.answer(from: streams) else { continue }
            end(news, client)
        }
    }

    private func reply(to command: [[UInt8]], _ client: Client) -> [UInt8] {
        let name = String(decoding: command[0], as: UTF8.self).uppercased()
        commandNames.append(name)
        switch name {
        case "AUTH": return authenticate(command, client)
        case "SELECT", "CLIENT": return client.isAuthenticated ? RESPText.ok : RESPText.error("NOAUTH needed")
        default: break
        }
        guard client.isAuthenticated else { return RESPText.error("NOAUTH Authentication required.") }
        if case .failing(let text) = mode { return RESPText.error(text) }
        if case .refusingWrites(let text) = mode, Self.writing.contains(name) { return RESPText.error(text) }
        if name == "XREAD" {
            guard let question = StreamQuestion(command) else { return RESPText.error("ERR syntax error") }
            return ask(question, client)
        }
        return reply(name, command)
    }

    private static let writing: Set<String> = ["SET", "XADD", "HSET", "DEL", "UNLINK"]

    private func authenticate(_ command: [[UInt8]], _ client: Client) -> [UInt8] {
        guard let password, command.last == Array(password.utf8) else {
            return RESPText.error("WRONGPASS invalid username-password pair or user is disabled.")
        }
        client.isAuthenticated = true
        return RESPText.ok
    }

    private func reply(_ name: String, _ command: [[UInt8]]) -> [UInt8] {
        switch (name, command.count) {
        case ("PING", _): return RESPText.status("PONG")
        case ("INFO", _):
            return RESPText.bulk(Array("# Server\r\nredis_version:7.0.15\r\nrun_id:run\(run)\r\n".utf8))
        case ("GET", 2): return RESPText.bulk(live(command[1]))
        case ("MGET", 2...): return RESPText.array(command.dropFirst().map { RESPText.bulk(live($0)) })
        case ("SET", 3...): return set(command)
        case ("UNLINK", 2...), ("DEL", 2...):
            return RESPText.integer(command.dropFirst().count { values.removeValue(forKey: $0) != nil })
        case ("DBSIZE", 1): return RESPText.integer(keys.count)
        case ("XADD", 4...):
            let answer = addToStream(command)
            tellOfNews()
            return answer
        case ("XRANGE", 4...): return rangeOfStream(command)
        case ("XTRIM", 4...): return trimStream(command)
        case ("HSET", 4), ("HDEL", 3...), ("HGETALL", 2), ("HLEN", 2): return hash(name, command)
        default: return otherCommands?(command) ?? RESPText.error("ERR unknown command '\(name)'")
        }
    }

    /// `SET key value [PX milliseconds] [NX|XX]`
    private func set(_ command: [[UInt8]]) -> [UInt8] {
        var value = Value(bytes: command[2])
        var index = 3
        while index < command.count {
            switch String(decoding: command[index], as: UTF8.self).uppercased() {
            case "PX" where index + 1 < command.count:
                guard let milliseconds = Int64(String(decoding: command[index + 1], as: UTF8.self)), milliseconds > 0
                else { return RESPText.error("ERR invalid expire time in 'set' command") }
                value.expiresAt = world.time + milliseconds * 1_000_000
                index += 2
            case "NX":
                if live(command[1]) != nil { return RESPText.bulk(nil) }
                index += 1
            case "XX":
                if live(command[1]) == nil { return RESPText.bulk(nil) }
                index += 1
            default: return RESPText.error("ERR syntax error")
            }
        }
        values[command[1]] = value
        return RESPText.ok
    }
}
