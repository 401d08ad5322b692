// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import EventIO
import Settings
import TestKit
import Testing

@testable import Server

/// A whole Larder on a simulated kernel: two workers, control, an origin that answers with its path.
final class ControlWorld {
    let world: VirtualKernel
    let control: Control
    let proxy: Proxy
    /// The configuration file.
    let file: ConfigurationFile
    private(set) var originRequests = 0
    /// Further field lines of the origin's answers.
    var originFields = ""
    /// The origin answers conditional requests with 304.
    var originConfirms = false
    /// What the origin waits before it answers.
    var originDelay = Duration.zero
    /// What stands behind the path in its answers.
    var originText = ""

    final class ConfigurationFile {
        var text: String
        init(_ text: String) { self.text = text }

        func read() -> SettingsReport {
            let text = text
            return SettingsParser.parse(
                path: "proxy.conf", environment: { _ in nil },
                files: ConfigFiles(readFile: { $0 == "proxy.conf" ? .success(text) : .failure(.notFound) }))
        }
    }

    static let base = """
        listen 127.0.0.1:8080
        upstream api { server 127.0.0.1:3000 }
        route /* { upstream api
          ttl 5m
          tags header=Surrogate-Key }

        """

    init(_ text: String = "admin 127.0.0.1:9900\n" + base, seed: UInt64 = 1, taken: SocketAddress? = nil) throws {
        world = VirtualKernel(seed: seed)
        world.readableFiles["/proc/self/statm"] = Array("9000 5000 100 1 0 1 0\n".utf8)
        file = ConfigurationFile(text)
        let report = file.read()
        let settings = try #require(report.settings, "\(report.diagnostics)")
        if let taken { _ = try world.listen(on: taken) }  // stays open
        let loops = [try world.makeLoop(), try world.makeLoop()]
        let controlLoop = try world.makeLoop()
        proxy = try Proxy(settings: settings, kernel: world, loops: loops, blockingLoop: try world.makeLoop())
        control = Control(
            proxy: proxy, loop: controlLoop, source: ConfigurationSource(path: "proxy.conf", read: file.read),
            version: "1.2.3", notifySocket: "/run/notify")
        try control.start()
        try startOrigin()
    }

    deinit { world.end() }

    private var origin: VirtualListener?

    private func startOrigin() throws {
        origin = try world.listenSocket(on: .loopback(port: 3000)) { [unowned self] socket in
            socket.onChange = { [unowned self] socket in
                if socket.hasEnded { return socket.close() }
                guard let request = ScriptedWorld.request(in: socket.receivedText) else { return }
                let path = request.target
                let isConfirmed = originConfirms && request.field("If-None-Match") != nil
                let status = isConfirmed ? "304 Not Modified" : "200 OK"
                let body = path + originText
                let content = isConfirmed ? "\r\n" : "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                let answer = "HTTP/1.1 \(status)\r\nSurrogate-Key: t\r\n\(originFields)\(content)"
                _ = socket.takeReceived()  // it has been read
                originRequests += 1
                world.after(originDelay) { socket.write(answer) }
            }
        }
    }

    // MARK: Asking

    /// The whole answer of one request, as text.
    func ask(
        _ port: UInt16, _ head: String, host: String = "a", content: String = "", fields: String = ""
    ) -> String {
        let socket = connect(port)
        defer { socket.close() }
        let length = content.isEmpty ? "" : "Content-Length: \(content.utf8.count)\r\n"
        socket.write("\(head) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\(length)\(fields)\r\n\(content)")
        _ = world.run(within: .seconds(20)) { socket.isOver }
        return socket.receivedText
    }

    func connect(_ port: UInt16) -> VirtualSocket { world.connectSocket(to: .loopback(port: port)) }

    func admin(_ head: String, content: String = "", fields: String = "") -> String {
        let type = head.hasPrefix("POST") ? "Content-Type: application/json\r\n" : ""
        return ask(9900, head, host: "127.0.0.1", content: content, fields: type + fields)
    }

    func get(_ path: String) -> String { ask(8080, "GET \(path)") }

    var log: String { String(decoding: world.logs["stderr"] ?? [], as: UTF8.self) }

    var notices: [String] { world.datagrams.map { String(decoding: $0.bytes, as: UTF8.self) } }
}
