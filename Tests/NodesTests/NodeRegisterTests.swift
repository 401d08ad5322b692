// SPDX-License-Identifier: Apache-2.0
import Bytes
import Storage
import Testing

@testable import Nodes

private func time(_ milliseconds: Int64, wall: Int64 = 0) -> Moment {
    Moment(monotonicNanoseconds: milliseconds * 1_000_000, wallNanoseconds: wall * 1_000_000)
}

private func report(_ id: String, turn: UInt64, applied: UInt64 = 0) -> NodeReport {
    NodeReport(id: id, name: "host-\(id)", turn: turn, applied: at(applied))
}

struct NodeRegisterTests {
    private var register = NodeRegister(own: "me", name: "my host", leaseMilliseconds: 1000)

    @Test("A report reads back", arguments: ["host", "a host with blanks", "127.0.0.1:9900"])
    func reading(name: String) {
        let report = NodeReport(id: "a", name: name, turn: 7, applied: at(12))
        #expect(NodeReport(id: "a", text: report.text) == report)
        #expect(NodeReport(id: "a", text: "7 x \(name)") == nil)
        #expect(NodeReport(id: "a", text: "7") == nil)
    }

    @Test("A node counts its lease from before it wrote the report")
    mutating func ownLease() {
        #expect(register.confirmedUntilNanoseconds == nil)
        #expect(register.renew(applied: at(3)).turn == 1)
        #expect(register.confirmedUntilNanoseconds == nil)
        register.renewed(sent: time(100))
        #expect(register.confirmedUntilNanoseconds == 1_100_000_000)
        #expect(register.renew(applied: nil).turn == 2)
        #expect(register.confirmedUntilNanoseconds == 1_100_000_000)
        register.renewed(sent: time(500))
        register.renewed(sent: time(300))
        #expect(register.confirmedUntilNanoseconds == 1_500_000_000)
    }

    @Test("A node lives as long as its reports change, whatever the clocks of the world say")
    mutating func liveness() {
        register.observed([report("a", turn: 1), report("b", turn: 5), report("me", turn: 1)], now: time(0))
        #expect(register.live(now: time(999)).map(\.id) == ["a", "b"])
        register.observed([report("a", turn: 1), report("b", turn: 6)], now: time(900, wall: -10_000))
        #expect(register.live(now: time(1000, wall: 10_000)).map(\.id) == ["b"])
        register.observed([report("a", turn: 2), report("b", turn: 6)], now: time(1500))
        #expect(register.live(now: time(1800)).map(\.id) == ["a", "b"])
        #expect(register.prunable(now: time(10_900)) == ["b"])
    }

    @Test("Who says farewell is not waited for; who is lost from the register is, until its lease ends")
    mutating func leaving() {
        register.observed([report("a", turn: 1), report("b", turn: 5)], now: time(0))
        register.observed([report("a", turn: 0)], now: time(100))
        #expect(register.live(now: time(100)).map(\.id) == ["b"])
        register.observed([], now: time(900))
        #expect(register.live(now: time(999)).map(\.id) == ["b"])
        #expect(register.live(now: time(1000)).isEmpty)
        #expect(register.farewell.turn == 0)
    }
}

struct ConfirmationsTests {
    private var register = NodeRegister(own: "me", name: "me", leaseMilliseconds: 1000)
    private var waits = Confirmations()

    init() {
        register.observed([report("a", turn: 1), report("b", turn: 1)], now: time(0))
        waits.wait(for: 7, timeoutMilliseconds: 500, now: time(0))
    }

    private mutating func write() {
        let isAwaited = waits.written(7, as: at(50))
        #expect(isAwaited)
        waits.polled(7, register, now: time(1))
    }

    @Test("It is confirmed when every live node has applied it, with the time of each (promise 3)")
    mutating func complete() throws {
        write()
        waits.acknowledged(6, by: "a", now: time(2))
        waits.acknowledged(7, by: "a", now: time(3))
        waits.acknowledged(7, by: "a", now: time(4))
        #expect(waits.finished(register, now: time(4)).isEmpty)
        waits.acknowledged(7, by: "b", now: time(5))
        let done = waits.finished(register, now: time(5))
        let found = try #require(done.first)
        #expect(found.ownEpoch == 7 && found.1.isComplete && found.1.epoch == at(50))
        #expect(found.1.nodes.map(\.nanoseconds) == [0, 3_000_000, 5_000_000])
        #expect(waits.count == 0)
    }

    @Test("What comes before the register has been read counts")
    mutating func early() {
        waits.acknowledged(7, by: "a", now: time(0))
        waits.acknowledged(7, by: "b", now: time(1))
        write()
        #expect(waits.finished(register, now: time(1)).map { $0.1.isComplete } == [true])
    }

    @Test("Who has not applied it in time is named")
    mutating func late() throws {
        write()
        waits.acknowledged(7, by: "b", now: time(3))
        #expect(waits.nextDeadlineNanoseconds == 500_000_000)
        #expect(waits.finished(register, now: time(499)).isEmpty)
        let done = waits.finished(register, now: time(500))
        let found = try #require(done.first)
        #expect(!found.1.isComplete && found.1.missing.map(\.name) == ["host-a"])
    }

    @Test("What does not reach the log is not confirmed, nor is what is known by no register")
    mutating func unwritten() {
        #expect(waits.finished(register, now: time(500)).map { $0.1.isComplete } == [false])
        waits.wait(for: 8, timeoutMilliseconds: 10, now: time(0))
        let isAwaited = waits.written(8, as: at(3))
        #expect(isAwaited)
        #expect(waits.finished(register, now: time(10)).map { $0.1.isComplete } == [false])
    }

    @Test("A node whose lease ends is not waited for any longer")
    mutating func gone() {
        waits.wait(for: 9, timeoutMilliseconds: 5000, now: time(0))
        let isAwaited = waits.written(9, as: at(50))
        #expect(isAwaited)
        waits.polled(9, register, now: time(1))
        waits.acknowledged(9, by: "b", now: time(2))
        let atFirst = waits.finished(register, now: time(999))
        #expect(atFirst.map(\.ownEpoch) == [7])
        #expect(waits.finished(register, now: time(1000)).map { $0.1.nodes.map(\.id) } == [["me", "b"]])
    }
}
