// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

/// `SIM_SEEDS=10000` says how many seeds, `SIM_FIRST` which is the first, `SIM_SEED=123` replays one.
@Suite struct SimulationTests {
    private static func number(_ name: String) -> UInt64? {
        guard let text = unsafe getenv(name) else { return nil }
        return UInt64(unsafe String(cString: text))
    }

    /// So that a failure shows how it came about, a seed that failed is run again with a trace.
    private static func failure(of seed: UInt64) -> String? {
        do {
            _ = try Scenario(seed: seed).run()
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
        for seed in first..<first + count {
            if let failure = Self.failure(of: seed) { Issue.record("\(failure)") }
            if (seed - first + 1) % 500 == 0 { print("simulated \(seed - first + 1) of \(count) seeds") }
        }
    }

    private func replay(_ seed: UInt64) throws {
        let scenario = try Scenario(seed: seed, traces: true)
        defer { for line in scenario.judge.lines ?? [] { print(line) } }
        print("seed \(seed): \(try scenario.run())")
    }
}
