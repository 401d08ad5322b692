// SPDX-License-Identifier: Apache-2.0

/// Object hit ratios, one row per trace and one column per policy.
struct EvictionTable {
    static var policies: [any CacheSimulator.Type] {
        [LRUSimulator.self, SieveSimulator.self, S3FIFOSimulator.self, TinyLFUSimulator.self, ProductSimulator.self]
    }

    static func traces(scale: Int) -> [Trace] {
        [
            .skewed(keys: 1_000_000 / scale, capacity: 65_536 / scale, requests: 8_000_000 / scale),
            .scanned(keys: 1_000_000 / scale, capacity: 65_536 / scale, requests: 8_000_000 / scale),
            .sized(keys: 500_000 / scale, capacity: (256 << 20) / scale, requests: 6_000_000 / scale),
            .shifting(keys: 1_000_000 / scale, capacity: 65_536 / scale, requests: 8_000_000 / scale),
        ]
    }

    static func ratios(on trace: Trace) -> [(policy: String, ratio: Double)] {
        policies.map { ($0.name, hitRatio(of: $0, on: trace)) }
    }

    static func printAll(scale: Int) {
        print("trace", policies.map { $0.name }.joined(separator: "\t"), separator: "\t")
        for trace in traces(scale: scale) {
            let ratios = ratios(on: trace).map { fourDigits($0.ratio) }
            print(trace.name, ratios.joined(separator: "\t"), separator: "\t")
        }
    }

    private static func fourDigits(_ ratio: Double) -> String {
        let digits = String(Int((ratio * 10_000).rounded()))
        return "0." + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
