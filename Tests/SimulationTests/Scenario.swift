// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import EventIO
import HTTPMessages
import Settings
import Storage
import TestKit

@testable import Server

/// A run that broke a promise.
struct SimulationFailure: Error, CustomStringConvertible {
    let seed: UInt64
    let text: String
    /// The end of what happened.
    let trace: [String]

    var description: String {
        let tail = trace.suffix(60).map { "\n  \($0)" }.joined()
        return "seed \(seed): \(text)\(tail)\n  replay: SIM_SEED=\(seed) swift test --filter SimulationTests"
    }
}

/// A whole world, made from a seed: the proxy, an origin, clients, and what befalls them.
final class Scenario {
    struct Summary {
        var answers = 0
        var hits = 0
        var collapsed = 0
        var fetches = 0
        /// How often Redis had what memory lacked.
        var fromRedis: UInt64 = 0
    }

    let seed: UInt64
    let world: VirtualKernel
    let origin: SimulatedOrigin
    let judge: Judge
    var settings: ScenarioSettings
    var random: SeededRandom
    private(set) var proxy: Proxy
    private(set) var control: Control
    private let loops: [Loop]
    private var clients: [SimulatedClient] = []
    private let duration: Duration
    private let pageCount: Int
    /// How many of all requests ask for a part.
    private let partShare: Double
    private var requestCount = 0
    private let hasNetworkFaults: Bool
    /// The newest invalidation when a fetch began, by the fetch's number.
    var fetchEpochs: [Int: UInt64] = [:]
    /// The second tier, where there is one.
    let redis: SimulatedRedis?

    init(seed: UInt64, traces: Bool = false) throws {
        self.seed = seed
        var random = SeededRandom(seed: seed &* 0x9E37_79B9 &+ 17)
        let isHostile = random.chance(0.25)
        hasNetworkFaults = isHostile || random.chance(0.6)
        let isHealthy = random.chance(0.4)
        let plan = isHostile ? FaultPlan.hostile : hasNetworkFaults ? .fragmented : .none
        settings = ScenarioSettings(random: &random, isGenerous: isHealthy && !isHostile)
        world = VirtualKernel(seed: seed, faults: plan)
        world.refusesPages = seed % 4 == 0
        world.setFaults(FaultPlan.none, for: ScenarioSettings.adminAddress)
        if let tier = Self.tierSettings(seed) {
            (settings.tier, settings.coalescesNodes) = tier
            redis = try SimulatedRedis(in: world)
        } else {
            redis = nil
        }
        origin = try SimulatedOrigin(
            world: world, addresses: settings.originAddresses, temper: isHealthy ? .healthy : .rough,
            lifetimes: settings.lifetimes, seed: seed &+ 1)
        var circumstances = Judge.Circumstances()
        circumstances.mustSucceed = isHealthy && !isHostile
        circumstances.isHostile = isHostile
        if circumstances.mustSucceed { circumstances.answerLimitNanoseconds = 60_000_000_000 }
        circumstances.memoryLimitBytes = settings.limitBytes
        circumstances.maximumObjectBytes = settings.maximumObjectBytes
        judge = Judge(circumstances, world: world, origin: origin)
        if traces { judge.lines = [] }
        duration = .seconds(Int.random(in: 8...25, using: &random))
        pageCount = [4, 12, 60].randomElement(using: &random) ?? 12
        partShare = random.chance(0.3) ? 0.5 : 0.06
        var loops: [Loop] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) { loops.append(try world.makeLoop()) }
        guard let parsed = settings.report().settings else {
            throw SimulationFailure(seed: seed, text: "\(settings.report().diagnostics)", trace: [])
        }
        proxy = try Proxy(settings: parsed, kernel: world, loops: loops, blockingLoop: try world.makeLoop())
        let file = SettingsFile(settings)
        let controlLoop = try world.makeLoop()
        control = Control(
            proxy: proxy, loop: controlLoop, source: ConfigurationSource(path: "proxy.conf", read: file.read),
            version: "simulated")
        self.file = file
        self.loops = loops + [controlLoop, proxy.blockingLoop]
        self.random = random
        connectParts()
        try control.start()
    }

    let file: SettingsFile

    private func connectParts() {
        let judge = judge
        if judge.lines != nil { origin.trace = { judge.trace($0()) } }
        origin.onRequest = { [unowned self] response in
            if response.request.method == "GET", response.request.page.route != .pass {
                let request = response.request
                judge.check(request.target == request.page.target, "the origin is asked for \(request.target)")
            }
            guard !judge.circumstances.isHostile, !judge.wantsPart(response) else { return }
            let problem = judge.flights.began(
                response, hasWaited: judge.waited(for: response) >= settings.wait(of: response.request.page.route),
                invalidations: judge.invalidations, objectLimit: judge.circumstances.storableBytes,
                isOutdated: { self.isOutdated($0) })
            fetchEpochs[response.serial] = proxy.shared.store.currentEpoch
            if let problem { judge.fail(problem) }
        }
    }

    // MARK: Running

    /// Throws when a promise was broken.
    func run() throws -> Summary {
        defer { world.end() }
        startClients()
        scheduleEvents(within: duration)
        scheduleTierEvents(within: duration)
        judge.trace("\(settings.text)\(judge.circumstances)")
        try turn(for: duration)
        for client in clients { client.stop() }
        if !origin.isOpen { try origin.open() }
        try drain()
        return Summary(
            answers: judge.answerCount, hits: judge.hitCount, collapsed: judge.collapsedCount,
            fetches: origin.responses.count, fromRedis: tierHitCount)
    }

    private func startClients() {
        var manners = SimulatedClient.Manners()
        if random.chance(0.3) { manners.thinkMilliseconds = 0...30 }
        if random.chance(0.2) { manners.leaves = 0.3 }
        let isGentle = judge.circumstances.mustSucceed
        if !isGentle, random.chance(0.3) { manners.pauseMilliseconds = 100...8000 }
        for number in 0..<Int.random(in: 2...12, using: &random) {
            let client = SimulatedClient(
                number: number, world: world, proxy: ScenarioSettings.proxyAddress, manners: manners, judge: judge,
                seed: random.next()
            ) { [unowned self] in makeRequest(&$0, manners) }
            clients.append(client)
            client.start()
        }
    }

    /// Steps, with a look at what is bounded after each.
    private func turn(for duration: Duration, until condition: () -> Bool = { false }) throws {
        let end = world.time + duration.components.seconds * 1_000_000_000
        world.after(duration) {}
        var nextLook = world.time
        while world.time < end, !condition() {
            world.step()
            let store = proxy.shared.store
            if store.accountedBytes > judge.circumstances.memoryLimitBytes {
                judge.fail("the store holds \(store.accountedBytes) bytes")
            }
            if store.foldedEntryRules > 0 { judge.fail("rules were folded that stored responses had not met") }
            if world.time >= nextLook {
                judge.checkWaits()
                nextLook = world.time + 1_000_000_000
            }
            if let failure = judge.failure {
                throw SimulationFailure(seed: seed, text: failure, trace: judge.lines ?? [])
            }
        }
    }

    /// SIGTERM: what is under way ends well, and nothing is left over (promises 7 and 9).
    private func drain() throws {
        judge.trace("SIGTERM")
        judge.drainsSince = world.time
        control.stop()
        try turn(for: .seconds(70)) { control.isEnded }
        judge.check(control.isEnded, "the drain does not end")
        try turn(for: .seconds(300)) { clients.allSatisfy(\.isIdle) }
        judge.check(clients.allSatisfy(\.isIdle), "a client hangs")
        origin.close(kills: false)
        redis?.stop()
        // A fetch that fills the store goes on without a client.
        try turn(for: .seconds(60)) { leftDescriptorCount == 0 }
        let left = leftDescriptorCount
        judge.check(left == 0, "\(left) descriptors are left open")
        judge.check(proxy.shared.flights.count == 0, "\(proxy.shared.flights.count) fetches are left over")
        if let failure = judge.failure { throw SimulationFailure(seed: seed, text: failure, trace: judge.lines ?? []) }
    }

    /// All but those of loops.
    private var leftDescriptorCount: Int { world.openDescriptorCount - world.pipeDescriptorCount - 2 * loops.count }

    // MARK: Requests

    func somePage(_ random: inout SeededRandom) -> Page {
        let route = Page.Route.allCases.randomElement(using: &random) ?? .key
        // A few are asked for much more often than the rest.
        let limit = random.chance(0.6) ? 4 : pageCount
        return Page(route: random.chance(0.4) ? .key : route, number: Int.random(in: 0..<limit, using: &random))
    }

    private func makeRequest(_ random: inout SeededRandom, _ manners: SimulatedClient.Manners) -> SimulatedRequest {
        requestCount += 1
        var kind = SimulatedRequest.Kind.whole
        if random.chance(manners.talksGarbage) {
            kind = .garbage
        } else if random.chance(manners.asksHalf) {
            kind = .half
        }
        let page = somePage(&random)
        let request = SimulatedRequest(number: requestCount, kind: kind, page: page)
        request.spelling = page.spellings.randomElement(using: &random) ?? page.target
        let user = "u\(Int.random(in: 0..<3, using: &random))"
        switch page.audience {
        case .everyone: request.isAuthorized = random.chance(0.1)
        case .varied: request.user = user
        case .personal:
            request.user = user
            request.isAuthorized = true
        }
        request.isHTTP10 = random.chance(0.05)
        if random.chance(0.06) {
            request.method = "POST"
            request.body = Array(repeating: 0x62, count: Int.random(in: 0...3000, using: &random))
            request.isChunked = !request.isHTTP10 && !request.body.isEmpty && random.chance(0.5)
        } else if random.chance(0.06) {
            request.method = "HEAD"
        } else if random.chance(partShare / 3) {
            request.parts = [
                0...Int.random(in: 0...20, using: &random), 30...Int.random(in: 30...59, using: &random),
            ]
        } else if random.chance(partShare) {
            let start = Int.random(in: 0...40, using: &random)
            request.range = start...Int.random(in: start...(random.chance(0.5) ? 50 : 120), using: &random)
        } else if page.route.coalesces, random.chance(0.04) {
            request.isPoisonous = true
        } else if random.chance(0.1), let old = origin.responses.last(where: { isLike($0, request) }) {
            request.ifNoneMatch = old.eTag
        } else if random.chance(0.05) {
            request.ownLine = [
                "If-Match: \"x\"", "X-HTTP-Method-Override: PUT", "If-Unmodified-Since: Mon, 01 Jun 2026 12:00:00 GMT",
            ].randomElement(using: &random)
        }
        // What GET carries is dropped, and the rest is a request like any.
        if request.method == "GET", page.route != .pass, random.chance(0.05) {
            request.body = Array(repeating: 0x63, count: Int.random(in: 1...3000, using: &random))
            request.isChunked = !request.isHTTP10 && random.chance(0.5)
        }
        return request
    }

    private func isLike(_ response: OriginResponse, _ request: SimulatedRequest) -> Bool {
        response.eTag != nil && response.request.page == request.page && response.request.user == request.user
    }
}

/// The configuration file, as a reload finds it.
final class SettingsFile {
    var settings: ScenarioSettings
    var isBroken = false

    init(_ settings: ScenarioSettings) { self.settings = settings }

    func read() -> SettingsReport {
        guard isBroken else { return settings.report() }
        return SettingsParser.parse(
            text: settings.text + "tll 5m\n", file: "proxy.conf", environment: { _ in nil },
            files: ConfigFiles(readFile: { _ in .failure(.notFound) }))
    }
}
