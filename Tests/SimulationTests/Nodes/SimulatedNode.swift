// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import EventIO
import Settings
import Storage
import TestKit

@testable import Server

/// One Larder of several in a world, with loops of its own.
final class SimulatedNode {
    let number: Int
    let proxy: Proxy
    let control: Control
    private let loops: [Loop]
    private let world: VirtualKernel
    /// It gets no turn at all, as after SIGSTOP, or when its machine is gone.
    private(set) var isHanging = false
    private(set) var isGone = false

    var address: SocketAddress { .loopback(port: UInt16(8000 + number)) }
    var adminAddress: SocketAddress { .loopback(port: UInt16(9000 + number)) }

    init(number: Int, options: String, world: VirtualKernel) throws {
        self.number = number
        self.world = world
        let text = """
            listen 127.0.0.1:\(8000 + number)
            admin 127.0.0.1:\(9000 + number)
            redis 127.0.0.1:6379 prefix=t timeout=20ms
            nodes name=n\(number) \(options)
            upstream api { server 127.0.0.1:3000 }
            route /* { upstream api
              ttl 10m
              key host=off
              coalesce \(world.seed % 2 == 0 ? "nodes" : "on") wait=2s lock=300ms
              tags header=Cache-Tag }
            """
        let report = SettingsParser.parse(
            path: "proxy.conf", environment: { _ in nil },
            files: ConfigFiles(readFile: { $0 == "proxy.conf" ? .success(text) : .failure(.notFound) }))
        guard let settings = report.settings else {
            throw SimulationFailure(seed: world.seed, text: "\(report.diagnostics)", trace: [])
        }
        let workers = [try world.makeLoop()]
        let blocking = try world.makeLoop()
        let controlLoop = try world.makeLoop()
        loops = workers + [blocking, controlLoop]
        proxy = try Proxy(settings: settings, kernel: world, loops: workers, blockingLoop: blocking)
        control = Control(
            proxy: proxy, loop: controlLoop, source: ConfigurationSource(path: "proxy.conf", read: { report }),
            version: "simulated")
        try control.start()
    }

    /// Whether other nodes wait for it, as far as it knows.
    var isConfirmed: Bool { proxy.shared.store.isConfirmed(world.now()) }

    func hang() {
        guard !isHanging, !isGone else { return }
        isHanging = true
        for loop in loops { world.remove(loop) }
    }

    func goOn() {
        guard isHanging, !isGone else { return }
        isHanging = false
        for loop in loops { world.add(loop) }
    }

    /// For good; whoever talks to it hears nothing.
    func die() {
        hang()
        isGone = true
    }

    /// As by SIGTERM.
    func stop() {
        guard !isHanging, !isGone else { return }
        isGone = true
        control.stop()
    }
}
