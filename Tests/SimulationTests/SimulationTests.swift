// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestKit
import Testing

/// `SIM_SEEDS=10000` says how many seeds, `SIM_FIRST` which is the first. `SIM_SEED=123` replays one with
/// its trace, `SIM_CALLS=1` with every call of the kernel besides.
@Suite struct SimulationTests {
    private static func number(_ name: String) -> UInt64? {
        guard let text = unsafe getenv(name) else { return nil }
        return UInt64(unsafe String(cString: text))
    }

    /// At once, unlike what is printed.
    private static func tell(_ line: String) {
        let written = unsafe write(STDERR_FILENO, line, line.utf8.count)
        #expect(written == line.utf8.count)
    }

    /// So that a failure shows how it came about, a seed that failed is run again with a trace.
    private static func failure(of seed: UInt64, fromRedis: inout UInt64) -> String? {
        do {
            fromRedis += try Scenario(seed: seed).run().fromRedis
            return nil
        } catch {
            do {
                _ = try Scenario(seed: seed, traces: true).run()
                return "\(error)\n(a second run went well)"
            } catch { return "\(error)" }
        }
    }

    @Test func promisesHoldWhateverTheSeed() throws {
        if let seed = Self.number("SIM_SEED") { return try replay(seed) }
        let first = Self.number("SIM_FIRST") ?? 1
        let count = Self.number("SIM_SEEDS") ?? 200
        var fromRedis: UInt64 = 0
        for seed in first..<first + count {
            if let failure = Self.failure(of: seed, fromRedis: &fromRedis) { Issue.record("\(failure)") }
            let done = seed - first + 1
            if done % 100 == 0, count > 200 { Self.tell("simulated \(done) of \(count) seeds\n") }
        }
        #expect(fromRedis > count / 4 || count < 100, "\(fromRedis) answers from Redis")
    }

    private func replay(_ seed: UInt64) throws {
        let scenario = try Scenario(seed: seed, traces: true)
        if unsafe getenv("SIM_CALLS") != nil {
            scenario.world.trace = { [judge = scenario.judge] line in judge.trace("kernel: \(line)") }
        }
        defer { for line in scenario.judge.lines ?? [] { print(line) } }
        print("seed \(seed): \(try scenario.run())")
    }
}
