// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import TestKit
import Testing

/// Remembers when its deadlines passed.
final class Alarm: Deadline {
    private(set) var times: [Int64] = []
    var onPassed: (() -> Void)?

    init(on loop: Loop) {
        super.init()
        attachDeadline(to: loop)
    }

    override func deadlinePassed() {
        times.append(loop.now.monotonicNanoseconds)
        onPassed?()
    }
}

@Suite struct DeadlineTests {
    let world = VirtualKernel(seed: 1)
    let loop: Loop
    let start: Int64

    init() throws {
        loop = try world.makeLoop()
        start = loop.now.monotonicNanoseconds
    }

    @Test func puttingOffMeansFiringOnceAtTheLastTime() {
        let alarm = Alarm(on: loop)
        for second in 1...5 { alarm.setDeadline(nanoseconds: start + Int64(second) * 1_000_000_000) }
        world.run(for: .seconds(10))
        #expect(alarm.times == [start + 5_000_000_000])
    }

    @Test func bringingForwardMeansFiringThen() {
        let alarm = Alarm(on: loop)
        alarm.setDeadline(nanoseconds: start + 5_000_000_000)
        alarm.setDeadline(nanoseconds: start + 1_000_000_000)
        world.run(for: .seconds(10))
        #expect(alarm.times == [start + 1_000_000_000])
    }

    @Test func aClearedDeadlineDoesNotPassAndMayBeSetAgain() {
        let alarm = Alarm(on: loop)
        alarm.setDeadline(nanoseconds: start + 1_000_000_000)
        alarm.clearDeadline()
        world.run(for: .seconds(3))
        #expect(alarm.times.isEmpty)
        alarm.setDeadline(nanoseconds: start + 4_000_000_000)
        alarm.cancelDeadline()
        alarm.setDeadline(nanoseconds: start + 5_000_000_000)
        world.run(for: .seconds(10))
        #expect(alarm.times == [start + 5_000_000_000])
    }

    @Test func aLoopMayEndBeforeItsDeadlines() throws {
        let alarm: Alarm
        do {
            let ending = try Loop(kernel: world)
            alarm = Alarm(on: ending)
            alarm.setDeadline(nanoseconds: ending.now.monotonicNanoseconds + 1_000_000_000)
        }
        #expect(!alarm.isAttached)
        #expect(alarm.times.isEmpty)
    }

    @Test func deadlinesAreNeverEarlyAndLessThanTwoMillisecondsLate() {
        let alarms = (0..<500).map { _ in Alarm(on: loop) }
        var wanted: [Int64] = []
        for (index, alarm) in alarms.enumerated() {
            wanted.append(start + Int64(index) * 7_654_321 + 1)
            alarm.setDeadline(nanoseconds: wanted[index])
        }
        world.run(for: .seconds(10))
        for (alarm, time) in zip(alarms, wanted) {
            #expect(alarm.times.count == 1)
            #expect((0..<2_000_000).contains(alarm.times[0] - time))
        }
    }

    @Test func aDeadlineSetToNowInItsOwnCallbackDoesNotHoldUpTheLoop() {
        let alarm = Alarm(on: loop)
        alarm.onPassed = { [unowned alarm] in alarm.setDeadline(nanoseconds: alarm.loop.now.monotonicNanoseconds) }
        alarm.setDeadline(nanoseconds: start)
        world.run(for: .milliseconds(10))
        #expect((5...11).contains(alarm.times.count))
    }

    @Test func theLoopLetsGoOfCancelledDeadlines() {
        weak var forgotten: Alarm?
        do {
            let alarm = Alarm(on: loop)
            forgotten = alarm
            alarm.setDeadline(after: .seconds(3600))
            alarm.cancelDeadline()
        }
        #expect(forgotten == nil)
    }

    @Test func aClosedChannelHasNoDeadline() throws {
        let client = EchoClient(message: [1])
        try client.connect(to: .loopback(port: 1), on: loop)
        client.setDeadline(after: .seconds(1))
        client.close()
        world.run(for: .seconds(5))
        #expect(!client.isFinished)
    }
}
