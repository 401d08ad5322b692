// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Upstreams

/// Clients that keep connections waiting take them from nobody who wants one (promise 7).
@Suite("A pool whose connections wait for clients")
struct SlowClientTests {
    /// A pool of which each connection carries the request of another client.
    private final class Crowd {
        let pool: PoolDriver
        var connections: [UpstreamConnectionID] = []
        /// What each client has sent or taken; who is missing is not waited for.
        var moved: [UpstreamConnectionID: Int] = [:]

        init(_ count: Int, unfinished: Bool = false, _ change: (inout UpstreamPoolLimits) -> Void = { _ in }) {
            pool = PoolDriver {
                $0.maximumConnections = count
                $0.leastClientPace = 1000
                change(&$0)
            }
            for number in 0..<count { serve(UInt64(number), unfinished: unfinished) }
        }

        func serve(_ number: UInt64, unfinished: Bool = false) {
            let action = pool.requestArrived(
                1000 + number, from: UpstreamClient(number: 1 + number), isUnfinished: unfinished,
                now: moment(milliseconds: 0))
            guard case .connect(let attempt, let wait) = action else {
                guard case .wait(let wait) = action else { return }
                return #expect(pool.waiterLeft(wait.ticket))
            }
            guard pool.connected(attempt.connection, now: moment(milliseconds: 0)) == .serve(1000 + number) else {
                return #expect(pool.waiterLeft(wait.ticket))
            }
            connections.append(attempt.connection)
        }

        func look(at milliseconds: Int64) {
            pool.lookAtClients(now: moment(milliseconds: milliseconds)) { self.moved[$0] }
        }

        func wait(_ number: UInt64, from client: UInt64 = 0, unfinished: Bool = false, at milliseconds: Int64 = 0) {
            let action = pool.requestArrived(
                number, from: UpstreamClient(number: client), isUnfinished: unfinished,
                now: moment(milliseconds: milliseconds))
            if case .wait = action { return }
            Issue.record("\(number) does not wait: \(action)")
        }

        /// Who gives way at that time, until nobody does; each time the connection is closed.
        func giveWay(at milliseconds: Int64) -> [Int] {
            var given: [Int] = []
            let now = moment(milliseconds: milliseconds)
            while let id = pool.takeSlowest(now: now, { self.moved[$0] }) {
                given.append(connections.firstIndex(of: id) ?? -1)
                pool.blameClient(of: id)
                guard let attempt = pool.connectionClosed(id, now: now) ?? pool.connectForWaiters(now: now) else {
                    Issue.record("a connection is opened in its place")
                    break
                }
                if case .serve = pool.connected(attempt.connection, now: now) { connections.append(attempt.connection) }
            }
            return given
        }
    }

    @Test("gives none up while nobody waits")
    func nobodyWaits() {
        let crowd = Crowd(8)
        for id in crowd.connections { crowd.moved[id] = 0 }
        for time in stride(from: Int64(0), through: 60_000, by: 500) { crowd.look(at: time) }
        #expect(crowd.giveWay(at: 60_000) == [])
    }

    @Test("gives up as many as wait, and never more than half")
    func halfStays() {
        let crowd = Crowd(8)
        for id in crowd.connections { crowd.moved[id] = 0 }
        crowd.look(at: 0)
        crowd.look(at: 2000)
        crowd.wait(1, at: 2000)
        #expect(crowd.giveWay(at: 2000).count == 1)
        for number in UInt64(2)...9 { crowd.wait(number, at: 2000) }
        #expect(crowd.giveWay(at: 2000).count == 3)
        #expect(crowd.pool.figures.waiting == 5)
    }

    @Test("gives none up where no more than half of it waits for clients")
    func slowOrigin() {
        let crowd = Crowd(8)
        for id in crowd.connections.prefix(4) { crowd.moved[id] = 0 }
        crowd.look(at: 0)
        crowd.look(at: 30_000)
        crowd.wait(1, at: 30_000)
        #expect(crowd.giveWay(at: 30_000) == [])
    }

    @Test("judges nobody before a second and a half has passed, and nobody by one look")
    func grace() {
        let crowd = Crowd(4)
        for id in crowd.connections { crowd.moved[id] = 0 }
        crowd.wait(1)
        crowd.look(at: 100)
        #expect(crowd.giveWay(at: 5000) == [])
        crowd.look(at: 1599)
        #expect(crowd.giveWay(at: 1599) == [])
        crowd.look(at: 1600)
        #expect(crowd.giveWay(at: 1600).count == 1)
    }

    @Test("who has taken much at once has time to empty its buffer, and no more than that")
    func fullBuffer() {
        let crowd = Crowd(2)
        for id in crowd.connections { crowd.moved[id] = 1_000_000 }
        crowd.wait(1)
        crowd.look(at: 0)
        crowd.look(at: 3900)
        #expect(crowd.giveWay(at: 3900) == [])
        crowd.look(at: 4000)
        #expect(crowd.giveWay(at: 4000).count == 1)
    }

    @Test("the slowest give way first, of those about as slow the one that is so for the longest")
    func order() {
        let crowd = Crowd(8)
        for (number, id) in crowd.connections.enumerated() where number != 2 { crowd.moved[id] = 0 }
        crowd.look(at: 0)
        crowd.moved[crowd.connections[2]] = 0  // it begins to be waited for
        for time in stride(from: Int64(500), through: 10_000, by: 500) {
            // A byte a second, 600 and 2,000.
            crowd.moved[crowd.connections[0]] = Int(time / 1000)
            crowd.moved[crowd.connections[3]] = Int(time * 600 / 1000)
            for number in 4..<8 { crowd.moved[crowd.connections[number]] = Int(time * 2) }
            crowd.look(at: time)
        }
        for number in UInt64(1)...8 { crowd.wait(number, at: 10_000) }
        let given = crowd.giveWay(at: 10_000)
        #expect(Set(given.prefix(2)) == [0, 1])
        #expect(given.dropFirst(2) == [2, 3], "those that move enough stay, however many wait")
    }

    @Test("who moves enough again is not held to what was before")
    func recovered() {
        let crowd = Crowd(2)
        for id in crowd.connections { crowd.moved[id] = 0 }
        crowd.look(at: 0)
        crowd.look(at: 20_000)
        crowd.wait(1, at: 20_000)
        for id in crowd.connections { crowd.moved[id] = 40_000 }
        #expect(crowd.giveWay(at: 20_000) == [], "seen before it is cut")
        crowd.look(at: 26_400)
        #expect(crowd.giveWay(at: 26_400) == [], "five seconds are paid ahead, and less than 1.5 are owed")
        crowd.look(at: 26_500)
        #expect(crowd.giveWay(at: 26_500).count == 1, "and it may become slow again")
    }

    /// Of 64 KB and of 200 KB, as receive buffers are emptied; the least pace is 1,000.
    @Test("who moves enough in lumps is not slow", arguments: [(4000, 2000), (4000, 3900), (2000, 1500), (6000, 5500)])
    func lumps(size: Int, every milliseconds: Int64) {
        let crowd = Crowd(2)
        var given: [Int] = []
        crowd.wait(1)
        for time in stride(from: Int64(0), through: 120_000, by: 500) {
            // The first has just been taken when it begins to be waited for.
            let lumps = Int((time + milliseconds - 1500) / milliseconds)
            for id in crowd.connections { crowd.moved[id] = lumps * size }
            crowd.look(at: time)
            given += crowd.giveWay(at: time)
        }
        #expect(given == [])
    }

    @Test(
        "who moves too little is slow, in lumps too and after it was fast",
        arguments: [(1, 1000), (4000, 4500), (400, 500), (2000, 2500)])
    func tooFewLumps(size: Int, every milliseconds: Int64) {
        let crowd = Crowd(2)
        for id in crowd.connections { crowd.moved[id] = 0 }
        crowd.look(at: 0)
        for time in stride(from: Int64(500), through: 60_000, by: 500) {
            for id in crowd.connections { crowd.moved[id] = 1_000_000 + Int(time / milliseconds) * size }
            crowd.look(at: time)
        }
        crowd.wait(1, at: 60_000)
        #expect(crowd.giveWay(at: 60_000).count == 1)
    }

    @Test("no time is owed in which nobody waited for it, and what moved meanwhile counts")
    func pauses() {
        let crowd = Crowd(2)
        crowd.wait(1)
        for time in stride(from: Int64(0), through: 20_000, by: 500) {
            for id in crowd.connections { crowd.moved[id] = time % 2000 == 0 ? Int(time) / 4 : nil }
            crowd.look(at: time)
            #expect(crowd.giveWay(at: time) == [])
        }
    }

    @Test("who is not waited for any more is not slow")
    func notAwaited() {
        let crowd = Crowd(2)
        for id in crowd.connections { crowd.moved[id] = 0 }
        crowd.look(at: 0)
        crowd.look(at: 5000)
        crowd.moved = [:]
        crowd.wait(1, at: 5000)
        #expect(crowd.giveWay(at: 5000) == [])
    }

    @Test("is not tight while few are in use, nor without a least pace")
    func tight() {
        let some = PoolDriver {
            $0.maximumConnections = 8
            $0.leastClientPace = 1000
        }
        for number in UInt64(1)...5 { _ = some.serveOnNewConnection(number) }
        #expect(!some.isTight)
        _ = some.serveOnNewConnection(6)
        #expect(some.isTight)
        #expect(!Crowd(8) { $0.leastClientPace = 0 }.pool.isTight)
    }

    @Test("of one connection gives that one up")
    func onlyOne() {
        let crowd = Crowd(1)
        crowd.moved[crowd.connections[0]] = 0
        crowd.look(at: 0)
        crowd.look(at: 2000)
        crowd.wait(1, at: 2000)
        #expect(crowd.giveWay(at: 2000) == [0])
    }

    // MARK: Requests whose content has not come whole

    @Test("unfinished requests of any number of clients leave some to others", arguments: [5, 8, 20, 90])
    func unfinished(maximum: Int) {
        let crowd = Crowd(maximum, unfinished: true)
        #expect(crowd.connections.count < maximum && crowd.connections.count >= maximum * 3 / 4)
        let before = crowd.connections.count
        crowd.serve(5000)
        #expect(crowd.connections.count == before + 1, "a whole one is served")
        crowd.serve(5001, unfinished: true)
        #expect(crowd.connections.count == before + 1)
        // They have come whole, and count like any other.
        for id in crowd.connections { crowd.pool.contentCame(on: id) }
        crowd.serve(5002, unfinished: true)
        #expect(crowd.connections.count == min(before + 2, maximum))
    }

    @Test("slow uploads give way to other uploads although some connections are left")
    func uploadsForUploads() {
        let crowd = Crowd(20, unfinished: true)
        #expect(crowd.connections.count == 16)
        for id in crowd.connections { crowd.moved[id] = 40_000 }
        crowd.look(at: 0)
        crowd.look(at: 4000)
        crowd.wait(1, from: 900, unfinished: true, at: 4000)
        #expect(crowd.giveWay(at: 4000).count == 1)
        #expect(crowd.pool.figures.waiting == 0)
    }

    @Test("whoever had to give way gets with all others like him no more than one client, until that is forgotten")
    func blamed() {
        let crowd = Crowd(20)
        for id in crowd.connections { crowd.moved[id] = 0 }
        crowd.look(at: 0)
        crowd.look(at: 2000)
        for number in UInt64(1)...9 { crowd.wait(number, at: 2000) }
        let given = crowd.giveWay(at: 2000)
        #expect(given.count == 9)
        for id in crowd.connections.suffix(9) {
            #expect(crowd.pool.released(id, reusable: true, now: moment(milliseconds: 2001)) == .park)
        }
        func served() -> Int {
            given.count {
                let client = UpstreamClient(number: 1 + UInt64($0))
                let now = moment(milliseconds: 3000)
                switch crowd.pool.requestArrived(5000 + UInt64($0), from: client, now: now) {
                case .use(let id):
                    crowd.connections.append(id)
                    return true
                case .wait(let wait): return !crowd.pool.waiterLeft(wait.ticket)
                default: return false
                }
            }
        }
        let again = served()
        #expect(again == 8, "some are left to others")
        for id in crowd.connections.suffix(again) {
            #expect(crowd.pool.released(id, reusable: true, now: moment(milliseconds: 3001)) == .park)
        }
        crowd.pool.becameCalm()
        #expect(served() == 9)
    }

    @Test("is forgotten after ten seconds")
    func blameEnds() {
        var shares = ClientShares(seed: 1)
        let client = UpstreamClient(number: 7)
        shares.blame(client)
        for _ in 0..<19 { shares.forgetBlame(all: false) }
        let before = shares.isBlamed(client)
        shares.forgetBlame(all: false)
        let after = shares.isBlamed(client)
        #expect(before && !after)
        let count = shares.count
        #expect(count == 0)
    }

    @Test("the last places of the queue are for clients that have nothing, and for whole requests")
    func queue() {
        let crowd = Crowd(1) { $0.maximumWaiters = 20 }
        for client in UInt64(1)...4 {
            for number in 0..<4 { crowd.wait(client * 100 + UInt64(number), from: client) }
        }
        let now = moment(milliseconds: 0)
        #expect(crowd.pool.requestArrived(1, from: UpstreamClient(number: 2), now: now) == .reject(.queueFull))
        let unfinished = crowd.pool.requestArrived(2, from: UpstreamClient(number: 7), isUnfinished: true, now: now)
        #expect(unfinished == .reject(.queueFull))
        for client in UInt64(11)...14 { crowd.wait(client, from: client) }
        #expect(crowd.pool.requestArrived(3, from: UpstreamClient(number: 15), now: now) == .reject(.queueFull))
    }

    @Test("clients that use nothing come before those that do, where little is free")
    func nothingFirst() {
        let crowd = Crowd(20)
        for number in UInt64(0)..<10 { crowd.wait(number, from: 1 + number) }
        crowd.wait(50, from: 500)
        crowd.wait(51, from: 501)
        let served = (0..<3).map {
            crowd.pool.released(crowd.connections[$0 + 10], reusable: true, now: moment(milliseconds: 1))
        }
        #expect(served == [.serve(50), .serve(51), .serve(0)])
    }

    // MARK: Streams of events

    @Test("streams leave their place to requests, up to their own limit")
    func streams() throws {
        let pool = PoolDriver {
            $0.maximumConnections = 2
            $0.maximumStreams = 5
        }
        var streams: [UpstreamConnectionID] = []
        for number in UInt64(1)...5 {
            let connection = try #require(pool.serveOnNewConnection(number))
            #expect(pool.becameStream(connection))
            streams.append(connection)
        }
        let last = try #require(pool.serveOnNewConnection(6))
        #expect(!pool.becameStream(last))
        #expect(pool.figures.streams == 5 && pool.figures.active == 1)
        #expect(pool.released(streams[0], reusable: true, now: moment(milliseconds: 1)) == .park)
        #expect(pool.becameStream(last))
        for connection in streams + [last] {
            #expect(pool.connectionClosed(connection, now: moment(milliseconds: 1)) == nil)
        }
        #expect(pool.isEmpty && pool.figures.streams == 0)
    }

    @Test("a stream that ends whole leaves its connection to requests, where there is a place")
    func streamsEnd() throws {
        let pool = PoolDriver {
            $0.maximumConnections = 1
            $0.maximumStreams = 5
        }
        let now = moment(milliseconds: 1)
        let first = try #require(pool.serveOnNewConnection(1))
        #expect(pool.becameStream(first))
        #expect(pool.released(first, reusable: true, now: now) == .park)
        #expect(pool.figures.streams == 0 && pool.figures.idle == 1)
        #expect(pool.requestArrived(2, now: now) == .use(first), "it is the next stream")
        #expect(pool.becameStream(first))
        let second = try #require(pool.serveOnNewConnection(3))
        #expect(pool.released(first, reusable: true, now: now) == .close(nil), "the only place is taken")
        #expect(pool.becameStream(second))
        #expect(pool.released(second, reusable: false, now: now) == .close(nil), "it did not end whole")
        #expect(pool.isEmpty && pool.figures.streams == 0)
    }

    @Test("one client leaves some streams to others")
    func shareOfStreams() {
        let pool = PoolDriver {
            $0.maximumConnections = 100
            $0.maximumStreams = 20
        }
        func begins(_ number: UInt64, _ client: UInt64) -> Bool {
            let now = moment(milliseconds: 0)
            guard
                case .connect(let attempt, _) = pool.requestArrived(
                    number, from: UpstreamClient(number: client), now: now),
                pool.connected(attempt.connection, now: now) == .serve(number)
            else { return false }
            return pool.becameStream(attempt.connection)
        }
        #expect((0..<20).count { begins($0, 1) } == 16)
        #expect(begins(100, 2))
    }
}
