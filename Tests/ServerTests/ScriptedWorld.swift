// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import EventIO
import Settings
import TestKit
import Testing

@testable import Server

/// The data plane on a simulated kernel, in front of an origin whose answers the test writes.
final class ScriptedWorld {
    /// A request as the origin got it.
    struct Request {
        let head: String
        /// Decoded.
        let body: String
        /// The last chunk, with the trailer fields; empty where there is none.
        var trailers = ""

        var method: String { String(head.prefix { $0 != " " }) }
        var target: String { String(head.split(separator: " ").dropFirst().first ?? "") }

        func field(_ name: String) -> String? { ScriptedWorld.field(name, in: head) }
    }

    let world: VirtualKernel
    let proxy: Proxy
    private(set) var requests: [Request] = []
    /// Called for each request when it is complete; answers the whole response, in pieces that come one by one.
    private let respond: (Request) -> [[UInt8]]
    /// What the origin waits before it answers.
    var originDelay = Duration.zero
    /// So long after an answer the origin ends its connection; nil for never.
    var originPatience: Duration?
    /// How many connections to the origin the proxy has opened.
    private(set) var originConnections = 0
    /// How many connections to the origin the proxy has ended.
    private(set) var endedConnections = 0
    /// The next so many connections are closed when a request has come, without an answer.
    var brokenAnswers = 0
    private var origin: VirtualListener?

    convenience init(
        _ route: String, top: String = "", workers: Int = 1, seed: UInt64 = 1,
        respond: @escaping (Request) -> String
    ) throws {
        try self.init(route, top: top, workers: workers, seed: seed, pieces: { [Array(respond($0).utf8)] })
    }

    init(
        _ route: String, top: String = "", workers: Int = 1, seed: UInt64 = 1,
        pieces respond: @escaping (Request) -> [[UInt8]]
    ) throws {
        world = VirtualKernel(seed: seed)
        self.respond = respond
        let text = """
            listen 127.0.0.1:8080
            \(top)
            upstream api { server 127.0.0.1:3000 }
            \(route)
            """
        let report = SettingsParser.parse(
            path: "proxy.conf", environment: { _ in nil },
            files: ConfigFiles(readFile: { $0 == "proxy.conf" ? .success(text) : .failure(.notFound) }))
        let settings = try #require(report.settings, "\(report.diagnostics)")
        var loops: [Loop] = []
        for _ in 0..<workers { loops.append(try world.makeLoop()) }
        proxy = try Proxy(settings: settings, kernel: world, loops: loops, blockingLoop: try world.makeLoop())
        try proxy.listen()
        origin = try world.listenSocket(on: .loopback(port: 3000)) { [unowned self] socket in
            originConnections += 1
            socket.onChange = { [unowned self] socket in originGot(socket) }
        }
    }

    deinit { world.end() }

    // MARK: The origin

    private func originGot(_ socket: VirtualSocket) {
        if socket.hasEnded {
            endedConnections += 1
            return socket.close()
        }
        guard let request = Self.request(in: socket.receivedText) else { return }
        _ = socket.takeReceived()  // it has been read
        requests.append(request)
        if brokenAnswers > 0 {
            brokenAnswers -= 1
            return socket.close()
        }
        var delay = originDelay
        for piece in respond(request) {
            if delay == .zero { socket.write(piece) } else { world.after(delay) { socket.write(piece) } }
            delay += .milliseconds(1)
        }
        if let originPatience { world.after(delay + originPatience) { socket.finishWriting() } }
    }

    /// The request that the text is; nil while it is not complete.
    static func request(in text: String) -> Request? {
        guard let (head, rest) = split(text) else { return nil }
        if field("Transfer-Encoding", in: head) == "chunked" {
            guard rest.hasSuffix("\r\n\r\n"), let end = lastChunk(of: rest) else { return nil }
            return Request(head: head, body: dechunked(rest), trailers: end)
        }
        let length = field("Content-Length", in: head).flatMap { Int($0) } ?? 0
        return rest.utf8.count < length ? nil : Request(head: head, body: rest)
    }

    static func split(_ text: String) -> (head: String, rest: String)? {
        let bytes = Array(text.utf8)
        var end = 0
        while end + 4 <= bytes.count, bytes[end..<end + 4] != [13, 10, 13, 10] { end += 1 }
        guard end + 4 <= bytes.count else { return nil }
        return (String(decoding: bytes[..<end], as: UTF8.self), String(decoding: bytes[(end + 4)...], as: UTF8.self))
    }

    private static func lastChunk(of text: String) -> String? {
        let bytes = Array(text.utf8)
        let mark = Array("\r\n0\r\n".utf8)
        if bytes.starts(with: mark[2...]) { return text }
        guard bytes.count >= mark.count else { return nil }
        for start in stride(from: bytes.count - mark.count, through: 0, by: -1)
        where bytes[start..<start + mark.count].elementsEqual(mark) {
            return String(decoding: bytes[(start + 2)...], as: UTF8.self)
        }
        return nil
    }

    private static func dechunked(_ text: String) -> String {
        var bytes = Array(text.utf8)[...]
        var body: [UInt8] = []
        while let end = bytes.firstIndex(of: 13) {
            guard let count = Int(String(decoding: bytes[..<end], as: UTF8.self), radix: 16), count > 0 else { break }
            body += bytes[(end + 2)..<(end + 2 + count)]
            bytes = bytes[(end + 2 + count + 2)...]
        }
        return String(decoding: body, as: UTF8.self)
    }

    /// The value of the first line of that name in a head.
    static func field(_ name: String, in head: String) -> String? {
        for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix(name.lowercased() + ":") {
            return String(line.drop { $0 != ":" }.dropFirst().drop { $0 == " " })
        }
        return nil
    }

    // MARK: Clients

    struct Answer {
        let text: String

        var head: String { ScriptedWorld.split(text)?.head ?? text }
        var body: String { ScriptedWorld.split(text)?.rest ?? "" }
        var status: Int { Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0 }
        var cacheStatus: String { field("Cache-Status") ?? "" }

        func field(_ name: String) -> String? { ScriptedWorld.field(name, in: head) }
    }

    func connect() -> VirtualSocket { world.connectSocket(to: .loopback(port: 8080)) }

    /// Begins a request on a connection of its own.
    func begin(_ line: String, fields: String = "", body: String? = nil) -> VirtualSocket {
        let socket = connect()
        let length = body.map { "Content-Length: \($0.utf8.count)\r\n" } ?? ""
        socket.write(
            "\(line) HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\(length)\(fields)\r\n\(body ?? "")")
        return socket
    }

    func answer(on socket: VirtualSocket) -> Answer {
        _ = world.run(within: .seconds(90)) { socket.isOver }
        defer { socket.close() }
        return Answer(text: socket.receivedText)
    }

    func ask(_ line: String, fields: String = "", body: String? = nil) -> Answer {
        answer(on: begin(line, fields: fields, body: body))
    }
}
