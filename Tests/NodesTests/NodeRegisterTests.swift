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
        register.observed(
            [report("a", turn: 1), report("b", turn: 5), report("me", turn: 1)], asked: time(0), now: time(0))
        #expect(register.live(now: time(999)).map(\.id) == ["a", "b"])
        register.observed(
            [report("a", turn: 1), report("b", turn: 6)], asked: time(900, wall: -10_000), now: time(900, wall: -10_000)
        )
        #expect(register.live(now: time(1000, wall: 10_000)).map(\.id) == ["b"])
        register.observed([report("a", turn: 2), report("b", turn: 6)], asked: time(1500), now: time(1500))
        #expect(register.live(now: time(1800)).map(\.id) == ["a", "b"])
        #expect(register.prunable(now: time(10_900)) == ["b"])
    }

    @Test("The first log that a node sees has to have stood for a lease, unless the register says so (promise 3)")
    mutating func completeness() {
        #expect(!register.isComplete(time(0)))
        register.adopted(firstLog, settled: nil, now: time(0))
        register.adopted(firstLog, settled: nil, now: time(500))
        #expect(!register.isComplete(time(999)) && register.isComplete(time(1000)))
        register.adopted(secondLog, settled: firstLog, now: time(2000))
        #expect(!register.isComplete(time(2999)) && register.isComplete(time(3000)))
        register.adopted(firstLog, settled: firstLog, now: time(4000))
        #expect(register.isComplete(time(4000)))
    }

    @Test("Who says farewell is not waited for; who is lost from the register is, until its lease ends")
    mutating func leaving() {
        register.observed([report("a", turn: 1), report("b", turn: 5)], asked: time(0), now: time(0))
        register.observed([report("a", turn: 0)], asked: time(100), now: time(100))
        #expect(register.live(now: time(100)).map(\.id) == ["b"])
        register.observed([], asked: time(900), now: time(900))
        #expect(register.live(now: time(999)).map(\.id) == ["b"])
        #expect(register.live(now: time(1000)).isEmpty)
        #expect(register.farewell.turn == 0)
    }
}

struct LogNameTests {
    @Test("The name of a log reads back, and nothing else does")
    func reading() {
        let name = LogName(LogGeneration(number: .max), server: "5f0c")
        #expect(LogName(text: name.text) == name)
        for text in ["", "1", "0 a", "x a", "1 a b"] { #expect(LogName(text: text) == nil) }
    }

    @Test("It stands in the register among the reports of nodes")
    func register() {
        let one = report("5f", turn: 3)
        let reading = RegisterReading(
            fields: ["log", "1 run", "5f", one.text, "settled", "2", "6a", "nonsense", "odd"])
        #expect(reading.log == LogName(firstLog, server: "run"))
        #expect(reading.settled == secondLog && reading.reports == [one])
        #expect(RegisterReading(fields: []).log == nil)
    }

    @Test(
        "A Redis process tells itself from others",
        arguments: [
            ("# Server\r\nredis_version:7.0.15\r\nrun_id:ab\r\n", "ab", true),
            ("run_id:ab\nredis_version:6.2.0\n", "ab", true), ("redis_version:6.0.16\nrun_id:ab\n", "ab", false),
            ("redis_version:10.0\n", "unknown", true), ("", "unknown", false), (nil, "unknown", false),
        ] as [(String?, String, Bool)])
    func server(information: String?, run: String, knowsNoMakeStream: Bool) {
        let server = LogServer(information: information)
        #expect(server.run == run && server.knowsNoMakeStream == knowsNoMakeStream)
        #expect(server.isKnown == (run == "ab"))
    }
}

struct ConfirmationsTests {
    private var register = NodeRegister(own: "me", name: "me", leaseMilliseconds: 1000)
    private var waits = Confirmations()

    init() {
        register.adopted(firstLog, settled: firstLog, now: time(0))
        register.observed([report("a", turn: 1), report("b", turn: 1)], asked: time(0), now: time(0))
        waits.wait(for: 7, timeoutMilliseconds: 500, now: time(0))
    }

    private mutating func write() {
        let isAwaited = waits.written(7, as: at(50))
        #expect(isAwaited)
        waits.polled(7, register)
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

    @Test("A node whose lease ends is not waited for any longer, once the register has been read after that")
    mutating func gone() {
        waits.wait(for: 9, timeoutMilliseconds: 5000, now: time(0))
        let isAwaited = waits.written(9, as: at(50))
        #expect(isAwaited)
        waits.polled(9, register)
        waits.acknowledged(9, by: "b", now: time(2))
        let atFirst = waits.finished(register, now: time(999))
        #expect(atFirst.map(\.ownEpoch) == [7])
        // It may have renewed its lease where it is not seen from here.
        #expect(waits.finished(register, now: time(1000)).isEmpty)
        let reports = [report("a", turn: 1), report("b", turn: 1)]
        register.observed(reports, asked: time(999), now: time(1001))
        #expect(waits.finished(register, now: time(1001)).isEmpty)
        register.observed(reports, asked: time(1000), now: time(1002))
        #expect(waits.finished(register, now: time(1002)).map { $0.1.nodes.map(\.id) } == [["me", "b"]])
    }

    @Test("A node that says farewell is not waited for any longer")
    mutating func farewell() {
        write()
        waits.acknowledged(7, by: "b", now: time(2))
        register.observed([report("a", turn: 0), report("b", turn: 1)], asked: time(3), now: time(3))
        #expect(waits.finished(register, now: time(3)).map { $0.1.isComplete } == [true])
    }

    @Test("Nothing is confirmed in a new log before it has stood for a lease: reports may have been lost (promise 3)")
    mutating func unsettled() {
        waits.wait(for: 8, timeoutMilliseconds: 5000, now: time(0))
        register.adopted(secondLog, settled: firstLog, now: time(100))
        write()
        let isAwaited = waits.written(8, as: at(51))
        #expect(isAwaited)
        waits.polled(8, register)
        for own in [7, 8] as [UInt64] { for node in ["a", "b"] { waits.acknowledged(own, by: node, now: time(2)) } }
        #expect(waits.finished(register, now: time(499)).isEmpty)
        let late = waits.finished(register, now: time(500))
        #expect(late.map(\.ownEpoch) == [7] && late.allSatisfy { !$0.1.isComplete && !$0.1.knowsNodes })
        #expect(waits.finished(register, now: time(1099)).isEmpty)
        #expect(waits.finished(register, now: time(1100)).map { $0.1.isComplete } == [true])
    }

    @Test("What stood in a log that was lost is asked for again")
    mutating func again() {
        #expect(waits.written.isEmpty)
        write()
        waits.wait(for: 8, awaitsNodes: false, timeoutMilliseconds: 5000, now: time(0))
        let isAwaited = waits.written(8, as: at(51))
        #expect(!isAwaited && waits.written == [7])
    }
}
