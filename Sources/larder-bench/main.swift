// SPDX-License-Identifier: Apache-2.0
import Storage

let arguments = Array(CommandLine.arguments.dropFirst())

/// The number after an option's name.
func option(_ name: String, default number: Int) -> Int {
    guard let place = arguments.firstIndex(of: name), place + 1 < arguments.count else { return number }
    return Int(arguments[place + 1]) ?? number
}

guard ProcessMemory.tuneAllocator() else { fatalError("the allocator refused its settings") }

switch arguments.first {
case "eviction": EvictionTable.printAll(scale: option("--scale", default: 1))
case "lookup": MemoryBenchmarks().lookUp()
case "overhead":
    MemoryBenchmarks().overhead(
        entries: option("--entries", default: 1_000_000), bodyBytes: option("--body", default: 100))
case "invalidate": try MemoryBenchmarks().invalidate(entries: option("--entries", default: 1_000_000))
case "churn":
    Churn(
        memoryBytes: option("--megabytes", default: 256) << 20, seconds: option("--seconds", default: 60),
        threads: option("--threads", default: 2)
    ).run()
default:
    print(
        "usage: larder-bench eviction|lookup|overhead|invalidate|churn [--entries N] [--scale N] [--body BYTES] [--megabytes N] [--seconds N]"
    )
}
