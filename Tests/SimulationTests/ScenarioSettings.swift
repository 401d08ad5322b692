// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import EventIO
import Settings
import TestKit

/// The configuration of one scenario, and another that a reload brings.
struct ScenarioSettings {
    static let proxyAddress = SocketAddress.loopback(port: 8080)
    static let adminAddress = SocketAddress.loopback(port: 9900)
    static let originPorts: [UInt16] = [3000, 3001, 3002]
    /// That requests wait for each other, on most routes and on `/wait/`.
    static let waitMilliseconds = 3000
    static let shortWaitMilliseconds = 300

    var memory = "256MB"
    var maximumObjectBytes = 1 << 20
    var poolLimit = 64
    /// Of servers, all of which are the same origin.
    var serverCount = 1
    var retries = 1
    var lifetimes = RouteLifetimes()
    var sendsXCache = false
    /// Counted by reloads.
    var edition = 0
    /// The directives of a second tier; empty without one.
    var tier = ""
    var coalescesNodes = false

    init(random: inout SeededRandom, isGenerous: Bool) {
        // The smallest that leaves something to store beside the tables.
        if random.chance(0.3) { memory = ["1MB", "2MB"].randomElement(using: &random) ?? "1MB" }
        if random.chance(0.2) { maximumObjectBytes = 20_000 }
        if !isGenerous, random.chance(0.3) { poolLimit = 4 }
        if random.chance(0.4) { serverCount = Int.random(in: 2...3, using: &random) }
        retries = Int.random(in: 0...2, using: &random)
        if isGenerous { retries = max(retries, 1) }
        lifetimes.ttlMilliseconds = Int64.random(in: 500...8000, using: &random)
        lifetimes.forcedMilliseconds = Int64.random(in: 500...5000, using: &random)
        if random.chance(0.3) { lifetimes.staleMilliseconds = Int64.random(in: 1000...10000, using: &random) }
        sendsXCache = random.chance(0.2)
    }

    private var ports: ArraySlice<UInt16> { Self.originPorts.prefix(serverCount) }
    var originAddresses: [SocketAddress] { ports.map { .loopback(port: $0) } }
    private var servers: String { ports.map { "server 127.0.0.1:\($0)" }.joined(separator: "\n  ") }

    var limitBytes: Int { (Int(memory.filter(\.isNumber)) ?? 0) << 20 }

    func wait(of route: Page.Route) -> Int64 {
        Int64(route == .wait ? Self.shortWaitMilliseconds : Self.waitMilliseconds) * 1_000_000
    }

    private var coalescing: String { coalescesNodes ? "nodes" : "on" }

    var text: String {
        let stale = lifetimes.staleMilliseconds
        let window = stale > 0 ? "stale while_revalidate=\(stale / 2)ms if_error=\(stale)ms" : ""
        return """
            listen 127.0.0.1:8080
            admin 127.0.0.1:9900
            \(tier)
            memory \(memory) max_object=\(maximumObjectBytes)B
            timeout connect=1s first_byte=4s idle=3s
            client head_timeout=3s send_idle=5s body_idle=3s
            drain_timeout 60s
            access_log off
            x_cache \(sendsXCache ? "on" : "off")
            upstream api {
              \(servers)
              pool max=\(poolLimit)
              queue limit=200 timeout=2s
              retries \(retries)
            }
            defaults {
              upstream api
              tags header=Surrogate-Key
              coalesce \(coalescing) wait=\(Self.waitMilliseconds)ms
              \(window)
            }
            route /key/* { slow \(1000 + edition)ms }
            route /ttl/* { ttl \(lifetimes.ttlMilliseconds)ms }
            route /force/* { ttl \(lifetimes.forcedMilliseconds)ms force }
            route /pass/* { pass }
            route /alone/* { coalesce off }
            route /wait/* { coalesce \(coalescing) wait=\(Self.shortWaitMilliseconds)ms limit=3 }
            route /sorted/* { key query=sorted drop=utm_* }

            """
    }

    func report() -> SettingsReport {
        SettingsParser.parse(
            text: text, file: "proxy.conf", environment: { _ in nil },
            files: ConfigFiles(readFile: { _ in .failure(.notFound) }))
    }
}
