// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A generator that gives the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// In 0..<1.
    mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }

    static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Ranks drawn so that the rank-th most popular comes up in proportion to 1 / rank^skew.
struct ZipfDistribution {
    private var cumulative: ContiguousArray<Double> = []

    init(count: Int, skew: Double) {
        cumulative.reserveCapacity(count)
        var sum = 0.0
        for rank in 1...count {
            sum += 1 / pow(Double(rank), skew)
            cumulative.append(sum)
        }
    }

    func rank(_ generator: inout SeededGenerator) -> Int {
        let wanted = generator.nextUnit() * cumulative[cumulative.count - 1]
        var low = 0
        var high = cumulative.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// A sequence of requests with the sizes of what they ask for, and the room there is.
struct Trace {
    let name: String
    var requests: ContiguousArray<UInt32> = []
    /// By key; empty when every object has the size 1.
    var sizes: ContiguousArray<UInt32> = []
    var keyCount: Int
    let capacity: Int
    /// Requests before the counting begins.
    let warmUp: Int

    func size(of key: UInt32) -> Int { sizes.isEmpty ? 1 : Int(sizes[Int(key)]) }
}

extension Trace {
    /// Zipf(0.9) alone.
    static func skewed(keys: Int, capacity: Int, requests: Int) -> Trace {
        var trace = Trace(name: "zipf", keyCount: keys, capacity: capacity, warmUp: requests / 4)
        var generator = SeededGenerator(seed: 1)
        let zipf = ZipfDistribution(count: keys, skew: 0.9)
        for _ in 0..<requests { trace.requests.append(UInt32(zipf.rank(&generator))) }
        return trace
    }

    /// Zipf(0.9), where 30 % of all requests belong to sequential scans of keys that never come again.
    static func scanned(keys: Int, capacity: Int, requests: Int) -> Trace {
        var trace = Trace(name: "scan", keyCount: keys, capacity: capacity, warmUp: requests / 4)
        var generator = SeededGenerator(seed: 2)
        let zipf = ZipfDistribution(count: keys, skew: 0.9)
        let scanLength = capacity / 2
        while trace.requests.count < requests {
            for _ in 0..<scanLength * 7 / 3 { trace.requests.append(UInt32(zipf.rank(&generator))) }
            for _ in 0..<scanLength {
                trace.requests.append(UInt32(trace.keyCount))
                trace.keyCount += 1
            }
        }
        return trace
    }

    /// Zipf(0.9) with log-normal sizes of 200 bytes to 1 MB, bounded in bytes.
    static func sized(keys: Int, capacity: Int, requests: Int) -> Trace {
        var trace = Trace(name: "sizes", keyCount: keys, capacity: capacity, warmUp: requests / 4)
        var generator = SeededGenerator(seed: 3)
        let zipf = ZipfDistribution(count: keys, skew: 0.9)
        for _ in 0..<keys {
            let normal = sqrt(-2 * log(1 - generator.nextUnit())) * cos(2 * .pi * generator.nextUnit())
            trace.sizes.append(UInt32(min(max(exp(8.5 + 1.5 * normal), 200), 1_048_576)))
        }
        for _ in 0..<requests { trace.requests.append(UInt32(zipf.rank(&generator))) }
        return trace
    }

    /// Zipf(0.9) whose ranking moves on: every so often a part of the keys changes places.
    static func shifting(keys: Int, capacity: Int, requests: Int) -> Trace {
        var trace = Trace(name: "shift", keyCount: keys, capacity: capacity, warmUp: requests / 4)
        var generator = SeededGenerator(seed: 4)
        let zipf = ZipfDistribution(count: keys, skew: 0.9)
        var keyOfRank = ContiguousArray((0..<keys).map { UInt32($0) })
        keyOfRank.shuffle(using: &generator)
        for number in 0..<requests {
            if number % (capacity / 8 + 1) == 0 {
                for _ in 0..<keys / 1000 {
                    keyOfRank.swapAt(zipf.rank(&generator), Int(generator.next() % UInt64(keys)))
                }
            }
            trace.requests.append(keyOfRank[zipf.rank(&generator)])
        }
        return trace
    }
}
