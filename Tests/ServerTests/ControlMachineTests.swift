// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Settings
import Storage
import TestKit
import Testing

@testable import Server

@Suite struct ControlMachineTests {
    private func at(_ milliseconds: Int64) -> Moment {
        Moment(monotonicNanoseconds: milliseconds * 1_000_000, wallNanoseconds: 0)
    }

    // MARK: Drain

    @Test func drainEndsWhenTheLastConnectionIsGone() {
        var machine = DrainMachine()
        #expect(machine.counted(connections: 0, now: at(0)) == .wait)
        #expect(machine.isServing)
        #expect(machine.stopRequested(now: at(0), timeoutMilliseconds: 30_000) == .beginDrain)
        #expect(!machine.isServing)
        #expect(machine.counted(connections: 2, now: at(20)) == .wait)
        #expect(machine.counted(connections: 1, now: at(1000)) == .report)
        #expect(machine.counted(connections: 1, now: at(1020)) == .wait)
        #expect(machine.counted(connections: 1, now: at(2000)) == .report)
        #expect(machine.counted(connections: 0, now: at(2020)) == .end(cut: 0))
        #expect(machine.counted(connections: 0, now: at(2040)) == .wait)
    }

    @Test func drainIsBounded() {
        var machine = DrainMachine()
        #expect(machine.stopRequested(now: at(0), timeoutMilliseconds: 300) == .beginDrain)
        #expect(machine.counted(connections: 5, now: at(299)) == .wait)
        #expect(machine.counted(connections: 5, now: at(300)) == .end(cut: 5))
    }

    @Test func aLimitOfZeroWaitsForNobody() {
        var machine = DrainMachine()
        #expect(machine.stopRequested(now: at(7), timeoutMilliseconds: 0) == .beginDrain)
        #expect(machine.counted(connections: 5, now: at(7)) == .end(cut: 5))
    }

    @Test func askingTwiceEndsAtOnce() {
        var machine = DrainMachine()
        #expect(machine.stopRequested(now: at(0), timeoutMilliseconds: 30_000) == .beginDrain)
        #expect(machine.stopRequested(now: at(1), timeoutMilliseconds: 30_000) == .endNow)
        #expect(machine.stopRequested(now: at(2), timeoutMilliseconds: 30_000) == .none)
        #expect(machine.counted(connections: 3, now: at(3)) == .wait)
    }

    // MARK: Reload

    private func settings(_ text: String) throws -> ProxySettings { try AdminInvalidationTests.snapshot(text).settings }

    private static let base = "upstream api { server 127.0.0.1:1 }\nroute /* { upstream api }\n"

    @Test(arguments: [
        ("listen 127.0.0.1:1234\n", ["listen"]), ("admin 127.0.0.1:1234\n", ["admin"]), ("workers 3\n", ["workers"]),
        ("memory 1GB max_object=1MB\n", []), ("log_level debug\n", []), ("access_log off\n", []), ("x_cache on\n", []),
    ])
    func whatNeedsARestartIsNamed(change: String, named: [String]) throws {
        let plan = ReloadPlan(from: try settings(Self.base), to: try settings(change + Self.base))
        #expect(plan.needsRestart == named)
    }

    @Test func whatIsAppliedBesideRequestsIsNamed() throws {
        let old = try settings(Self.base)
        let plan = ReloadPlan(from: old, to: try settings("memory 1GB\nlog_level debug\naccess_log off\n" + Self.base))
        #expect(plan.changesMemory)
        #expect(plan.logLevel == .debug)
        #expect(plan.changesAccessLog)
        #expect(ReloadPlan(from: old, to: old).needsRestart.isEmpty)
    }

    // MARK: Service manager

    @Test(
        arguments: [
            (.ready, "READY=1\nSTATUS=a b\n"), (.stopping, "STOPPING=1\nSTATUS=a b\n"), (.status, "STATUS=a b\n"),
            (.reloading(monotonicNanoseconds: 1_234_567), "RELOADING=1\nMONOTONIC_USEC=1234\nSTATUS=a b\n"),
        ] as [(ServiceNotice.State, String)])
    func noticesAreWrittenAsTheManagerReadsThem(state: ServiceNotice.State, text: String) {
        #expect(ServiceNotice.text(state, status: "a\nb") == text)
    }

    @Test(arguments: [("/run/notify", 1), ("@abstract", 1), ("relative", 0), ("", 0), (nil, 0)] as [(String?, Int)])
    func noticesGoToPathsAndAbstractNames(socket: String?, count: Int) throws {
        let world = VirtualKernel(seed: 1)
        try ServiceNotice(socket: socket, kernel: world).send(.ready, status: "s")
        #expect(world.datagrams.count == count)
    }

    // MARK: Upstreams and memory

    @Test func upstreamsAreDownWhenMostOfThemFailedLately() {
        var health = UpstreamHealth()
        let totals = { (attempts: UInt64, failures: UInt64) in
            UpstreamHealth.Totals(attempts: attempts, failures: failures)
        }
        #expect(health.readings([("a", totals(2, 2))]).first?.isUp == true)
        #expect(health.readings([("a", totals(3, 3))]).first?.isUp == false)
        #expect(health.readings([("a", totals(100, 40))]).first?.isUp == true)
        for _ in 0..<3 { health.rotate(["a": totals(100, 100)]) }
        #expect(health.readings([("a", totals(100, 100))]).first == .init(name: "a", isUp: true, recentFailures: 0))
        #expect(health.readings([("a", totals(5, 5))]).first?.isUp == false, "counts begin anew after a reload")
    }

    @Test func memoryIsNoMoreThanTheControlGroupBears() {
        #expect(MemoryWatch.bearable(256 << 20, nil) == 256 << 20)
        #expect(MemoryWatch.bearable(256 << 20, 1 << 30) == 256 << 20)
        #expect(MemoryWatch.bearable(256 << 20, 128 << 20) == 96 << 20)
    }

    @Test func theSmallestLimitOfAllGroupsCounts() {
        let world = VirtualKernel(seed: 1)
        world.readableFiles["/proc/self/cgroup"] = Array("0::/system.slice/larder.service\n".utf8)
        world.readableFiles["/sys/fs/cgroup/system.slice/larder.service/memory.max"] = Array("max\n".utf8)
        world.readableFiles["/sys/fs/cgroup/system.slice/memory.max"] = Array("104857600\n".utf8)
        world.readableFiles["/proc/self/statm"] = Array("1000 500 100 1 0 1 0\n".utf8)
        var watch = MemoryWatch(MemorySettings(), kernel: world)
        #expect(watch.groupLimitBytes == 104_857_600)
        #expect(watch.isLowered)
        #expect(watch.limitBytes == 78_643_200)
        #expect(watch.look(accountedBytes: 0, heldBytes: 0)?.limitBytes == watch.storeBytes)
        #expect(watch.storeBytes + watch.connectionBytes == watch.limitBytes)
        #expect(watch.residentBytes == 500 * 4096)
    }
}
