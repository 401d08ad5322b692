// SPDX-License-Identifier: Apache-2.0
import Bytes
package import Storage

/// Names the log that there is: a random number, and the Redis process that holds it. It stands in the register, so
/// that it cannot be lost without the reports of the nodes, nor they without it.
///
/// One log ends and another begins when there is no name, when the log has lost what was read from it, and when Redis
/// is another process than the one that is named: what such a one has may be older than what the other had, in ways
/// that nobody can see. A number never returns, so that to find the same one again proves that nothing was lost since.
package struct LogName: Equatable, Sendable {
    package var generation: LogGeneration
    /// What the Redis process calls itself, in INFO.
    package var server: String

    package init(_ generation: LogGeneration, server: String) {
        self.generation = generation
        self.server = server
    }

    /// What stands in the register.
    package var text: String { "\(generation.text) \(server)" }

    /// nil for what no node wrote.
    package init?(text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let generation = LogGeneration(text: String(parts[0])) else { return nil }
        self.init(generation, server: String(parts[1]))
    }
}

extension LogGeneration {
    package var text: String { String(number, radix: 16) }

    package init?(text: String) {
        guard let number = UInt64(text, radix: 16), number > 0 else { return nil }
        self.init(number: number)
    }
}

/// The register as it was read.
package struct RegisterReading: Equatable, Sendable {
    package var reports: [NodeReport] = []
    /// nil when there is none.
    package var log: LogName?
    /// The log that began a lease ago or earlier: every node that lives has reported since, or is not relied on.
    package var settled: LogGeneration?

    /// Of fields beside those that nodes name by their IDs, which are hexadecimal.
    package enum Name {
        package static let log = "log", settled = "settled"
    }

    /// - Parameter fields: names and values in turn.
    package init(fields: [String]) {
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            let value = fields[index + 1]
            switch fields[index] {
            case Name.log: log = LogName(text: value)
            case Name.settled: settled = LogGeneration(text: value)
            default: if let report = NodeReport(id: fields[index], text: value) { reports.append(report) }
            }
        }
    }
}

/// The Redis process at the other end, as it says of itself.
package struct LogServer: Equatable, Sendable {
    /// Random, of one run; "unknown" where the user may not ask for it.
    package var run: String
    /// 6.2 and later add to a stream without making one.
    package var knowsNoMakeStream: Bool

    /// - Parameter information: what INFO answers; nil when it was refused.
    package init(information: String?) {
        run = "unknown"
        knowsNoMakeStream = false
        for line in information?.split(whereSeparator: \.isNewline) ?? [] {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            if parts[0] == "run_id", !parts[1].contains(" ") { run = String(parts[1]) }
            if parts[0] == "redis_version" {
                let numbers = parts[1].split(separator: ".").prefix(2).compactMap { Int($0) }
                knowsNoMakeStream = !numbers.lexicographicallyPrecedes([6, 2])
            }
        }
    }

    package var isKnown: Bool { run != "unknown" }
}
