// SPDX-License-Identifier: Apache-2.0
import EventIO
import Storage
import TestKit

@testable import Server

/// What befalls the world while clients ask.
extension Scenario {
    func scheduleEvents(within duration: Duration) {
        let milliseconds = Int(duration.components.seconds) * 1000
        for _ in 0..<Int.random(in: 0...30, using: &random) {
            let event = random.next()
            world.after(.milliseconds(Int.random(in: 0..<milliseconds, using: &random))) { [unowned self] in
                befall(event)
            }
        }
    }

    private func befall(_ event: UInt64) {
        var random = SeededRandom(seed: event)
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<5: bump(&random)
        case 5..<13: invalidate(&random)
        // What lies in Redis ages by the wall clock.
        case 13..<15: if redis == nil { stepClock(&random) }
        case 15..<18: reload(&random)
        default: stopOrigin(&random)
        }
    }

    private func bump(_ random: inout SeededRandom) {
        let page = somePage(&random)
        origin.bump(page.target)
        judge.trace("\(page.target) changes")
    }

    private func stepClock(_ random: inout SeededRandom) {
        let seconds = Int.random(in: -7200...7200, using: &random)
        judge.trace("the wall clock is set by \(seconds) s")
        world.stepWallClock(by: .seconds(seconds))
    }

    /// Refuses connections for a while, and may cut those that are open.
    private func stopOrigin(_ random: inout SeededRandom) {
        guard !judge.circumstances.mustSucceed, origin.isOpen else { return }
        let kills = random.chance(0.5)
        judge.trace("the origin \(kills ? "dies" : "refuses connections")")
        origin.close(kills: kills)
        world.after(.milliseconds(Int.random(in: 100...6000, using: &random))) { [unowned self] in
            guard judge.drainsSince == nil else { return }
            judge.trace("the origin is back")
            do { try origin.open() } catch { judge.fail("the origin cannot listen: \(error)") }
        }
    }

    // MARK: Admin calls

    /// Sends a request to the admin address and hands on the status of its answer.
    private func call(_ path: String, _ content: String, _ completion: @escaping (Int) -> Void) {
        let socket = world.connectSocket(to: ScenarioSettings.adminAddress)
        socket.write(
            "POST \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(content.utf8.count)\r\n\r\n" + content)
        // Nobody else holds the socket until it is over.
        socket.onChange = { _ in
            guard socket.isOver else { return }
            socket.onChange = nil
            let status = socket.receivedText.split(separator: " ").dropFirst().first.flatMap { Int($0) }
            socket.close()
            completion(status ?? 0)
        }
    }

    private func invalidate(_ random: inout SeededRandom) {
        let page = somePage(&random)
        let soft = random.chance(0.2)
        let (member, matches) = target(page, &random)
        if random.chance(0.15) { flood(&random) }
        let body = "{\(member)\(soft ? ", \"soft\": true" : "")}"
        judge.trace("invalidation \(body) begins")
        let index = judge.invalidations.count
        judge.invalidations.append(
            Judge.Invalidation(text: "\(body)", isSoft: soft, issuedAt: world.time, matches: matches))
        call("/invalidate", body) { [unowned self] status in
            judge.trace("invalidation \(body): \(status)")
            let isAcknowledged = status == 200 || redis != nil && status == 202
            judge.check(isAcknowledged || judge.drainsSince != nil, "\(body) was answered with \(status)")
            if isAcknowledged { judge.invalidations[index].acknowledgedAt = world.time }
        }
    }

    /// More rules than there may be room for, none of which matches anything, so that those around them have to wait.
    private func flood(_ random: inout SeededRandom) {
        let number = random.next() % 1_000_000
        let patterns = (0..<Int.random(in: 100...1000, using: &random)).map { "\"/*none-\(number)-\($0)*\"" }
        judge.trace("\(patterns.count) patterns that match nothing")
        call("/invalidate", "{\"patterns\": [\(patterns.joined(separator: ","))]}") { [unowned self] status in
            judge.trace("\(patterns.count) patterns: \(status)")
            judge.flights.flooded(at: world.time)
            let isAcknowledged = status == 200 || redis != nil && status == 202
            judge.check(isAcknowledged || judge.drainsSince != nil, "a flood was answered with \(status)")
        }
    }

    private func target(
        _ page: Page, _ random: inout SeededRandom
    ) -> (member: String, matches: (Page) -> Bool) {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: ("\"urls\": [\"http://shop.example\(page.target)\"]", { $0 == page })
        case 1: ("\"urls\": [\"\(page.target)\"]", { $0 == page })
        case 2: ("\"prefixes\": [\"/\(page.route.rawValue)/\"]", { $0.route == page.route })
        case 3: ("\"patterns\": [\"/*/\(page.number)\", \"/*/\(page.number)?*\"]", { $0.number == page.number })
        case 4: ("\"tags\": [\"n\(page.number)\"]", { $0.number == page.number })
        default: ("\"all\": true", { _ in true })
        }
    }

    /// The cache stays, whatever the file says (promise 9).
    private func reload(_ random: inout SeededRandom) {
        file.isBroken = random.chance(0.2)
        file.settings.edition += 1
        if !judge.circumstances.mustSucceed { file.settings.retries = Int.random(in: 0...2, using: &random) }
        let entries = proxy.shared.store.statistics.entries
        judge.trace("reload of a \(file.isBroken ? "broken" : "sound") file")
        let wasBroken = file.isBroken
        control.reload(cause: "test") { [unowned self] result in
            judge.trace("reloaded: \(result.succeeded)")
            judge.check(result.succeeded != wasBroken, "the reload of a file \(wasBroken ? "broken" : "sound")")
        }
        judge.check(proxy.shared.store.statistics.entries == entries, "a reload lost entries")
    }
}
