// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestKit
import Testing

/// As `SimulationTests`, by the same variables, for several nodes, and a Redis that loses data.
@Suite struct NodesSimulationTests {
    private static func number(_ name: String) -> UInt64? {
        guard let text = unsafe getenv(name) else { return nil }
        return UInt64(unsafe String(cString: text))
    }

    private static func failure(of seed: UInt64) -> String? {
        do {
            _ = try NodesScenario(seed: seed).run()
            return nil
        } catch {
            do {
                _ = try NodesScenario(seed: seed, traces: true).run()
                return "\(error)\n(a second run went well)"
            } catch { return "\(error)" }
        }
    }

    @Test("What is confirmed is served by no node any more, whatever the seed (promise 3)")
    func confirmedInvalidationsHold() throws {
        if let seed = Self.number("SIM_SEED") { return try replay(seed) }
        let first = Self.number("SIM_FIRST") ?? 1
        let count = Self.number("SIM_SEEDS") ?? 40
        for seed in first..<first + count {
            if let failure = Self.failure(of: seed) { Issue.record("\(failure)") }
        }
    }

    private func replay(_ seed: UInt64) throws {
        let scenario = try NodesScenario(seed: seed, traces: true)
        defer { for line in scenario.traceLines { print(line) } }
        print("seed \(seed): \(try scenario.run())")
    }
}
