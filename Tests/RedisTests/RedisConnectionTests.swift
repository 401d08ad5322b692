// SPDX-License-Identifier: Apache-2.0
import Bytes
import Redis
import Testing

@Suite struct RedisConnectionTests {
    /// A machine, and the replies it is given as text.
    private struct Driver: ~Copyable {
        var machine: RedisConnection<Int>
        let reader = RESPReader()
        var output = ByteBuffer()

        init(_ login: RedisLogin = RedisLogin(), maximumPending: Int = 100) {
            let limits = RedisConnectionLimits(
                connectMilliseconds: 500, answerMilliseconds: 20, stallMilliseconds: 1_000,
                maximumPending: maximumPending)
            machine = RedisConnection(login: login, limits: limits, now: at(0))
        }

        /// `none`, `ready`, `answer 1`, `end login`
        mutating func reply(_ text: String) throws -> String {
            try reader.feed(Array("\(text)\r\n".utf8).span)
            let isWhole = try reader.next()
            #expect(isWhole)
            return switch machine.replyReceived(reader.reply) {
            case .none: "none"
            case .becomeReady: "ready"
            case .answer(let call): "answer \(call)"
            case .giveUp(let failure): "end \(failure.rawValue)"
            }
        }

        mutating func logIn() throws {
            machine.connected(into: &output)
            try expect("none", after: "+OK")
            try expect("ready", after: "+PONG")
        }

        mutating func expect(_ result: String, after text: String) throws {
            let found = try reply(text)
            #expect(found == result)
        }

        mutating func expect(_ wanted: [String], at milliseconds: Int64) {
            let seen = pass(to: milliseconds)
            #expect(seen == wanted)
        }

        func expect(deadline: Int64?) {
            let next = machine.nextDeadlineNanoseconds
            #expect(next == deadline)
        }

        mutating func pass(to milliseconds: Int64) -> [String] {
            var seen: [String] = []
            while true {
                switch machine.timePassed(now: at(milliseconds)) {
                case .timeOut(let call): seen.append("late \(call)")
                case .giveUp(let failure): return seen + ["end \(failure.rawValue)"]
                case .nothing: return seen
                }
            }
        }
    }

    @Test func itLogsInChoosesTheDatabaseAndNamesItself() {
        var driver = Driver(RedisLogin(user: "u", password: "p w", database: 3, clientName: "l1"))
        driver.machine.connected(into: &driver.output)
        let text = driver.output.text
        #expect(
            text == "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$3\r\np w\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
                + "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$2\r\nl1\r\n*1\r\n$4\r\nPING\r\n")
    }

    @Test func aPasswordAloneIsTheDefaultUsers() {
        var driver = Driver(RedisLogin(password: "p"))
        driver.machine.connected(into: &driver.output)
        let text = driver.output.text
        #expect(text.hasPrefix("*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n*3\r\n$6\r\nCLIENT"))
    }

    @Test(arguments: [
        (["-WRONGPASS no"], "end login"), (["-LOADING"], "end unavailable"),
        (["+OK", "-ERR DB index is out of range"], "end database"),
        (["+OK", "+OK", "-NOPERM no such command", "+PONG"], "ready"),
        (["+OK", "+OK", "+OK", "-LOADING Redis is loading"], "end unavailable"),
        (["+OK", "+OK", "+OK", "-MASTERDOWN no"], "end unavailable"),
        (["+OK", "+OK", "+OK", "-NOPERM no ping"], "ready"),
    ])
    func whatIsWrongAtLoginEndsIt(replies: [String], result: String) throws {
        var driver = Driver(RedisLogin(password: "p", database: 1))
        driver.machine.connected(into: &driver.output)
        var last = ""
        for reply in replies { last = try driver.reply(reply) }
        #expect(last == result)
    }

    @Test func aMissingPasswordIsALoginThatFailed() throws {
        var driver = Driver()
        driver.machine.connected(into: &driver.output)
        try driver.expect("none", after: "-NOAUTH Authentication required.")
        try driver.expect("end login", after: "-NOAUTH Authentication required.")
    }

    @Test func answersComeInTheOrderOfTheCommands() throws {
        var driver = Driver()
        try driver.logIn()
        for call in 1...50 { driver.machine.commandSent(call, now: at(1)) }
        for call in 1...50 { try driver.expect("answer \(call)", after: ":\(call)") }
        try driver.expect("end malformed", after: ":1")
    }

    @Test func aLateAnswerIsNobodysAndTheNextIsTheNextOnes() throws {
        var driver = Driver()
        try driver.logIn()
        driver.machine.commandSent(1, now: at(0))
        driver.machine.commandSent(2, now: at(10))
        driver.expect(deadline: 20_000_000)
        driver.expect([], at: 19)
        driver.expect(["late 1"], at: 20)
        driver.expect(deadline: 30_000_000)
        try driver.expect("none", after: ":1")
        try driver.expect("answer 2", after: ":2")
        driver.expect(deadline: nil)
    }

    @Test func aServerThatStallsIsGivenUp() throws {
        var driver = Driver()
        try driver.logIn()
        driver.machine.commandSent(1, now: at(0))
        driver.expect(["late 1"], at: 500)
        driver.expect(deadline: 1_000_000_000)
        driver.expect(["end timeout"], at: 1_000)
    }

    @Test func aCommandThatMayWaitIsWaitedFor() throws {
        var driver = Driver()
        try driver.logIn()
        driver.machine.commandSent(1, extraMilliseconds: 5_000, now: at(0))
        driver.machine.commandSent(2, now: at(0))
        driver.expect([], at: 5_019)
        driver.expect(["late 1", "late 2"], at: 5_020)
        driver.expect(["end timeout"], at: 6_000)
    }

    @Test func connectingAndLoggingInHaveOneLimit() {
        var driver = Driver()
        driver.expect([], at: 499)
        driver.machine.connected(into: &driver.output)
        driver.expect([], at: 499)
        driver.expect(["end connect-timeout"], at: 500)
    }

    @Test func whatIsUnansweredAtTheEndIsToldOnce() throws {
        var driver = Driver(maximumPending: 4)
        try driver.logIn()
        driver.machine.commandSent(1, now: at(0))
        driver.expect(["late 1"], at: 20)
        for call in 2...4 { driver.machine.commandSent(call, now: at(20)) }
        let isFull = driver.machine.isFull
        #expect(isFull)
        var left: [Int] = []
        while let call = driver.machine.takeUnanswered() { left.append(call) }
        #expect(left == [2, 3, 4])
    }
}

private func at(_ milliseconds: Int64) -> Moment {
    Moment(monotonicNanoseconds: milliseconds * 1_000_000, wallNanoseconds: 0)
}
