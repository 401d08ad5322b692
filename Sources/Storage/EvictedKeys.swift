// SPDX-License-Identifier: Apache-2.0

/// Remembers which keys were given up lately, by 16 bits of their hash, oldest forgotten first.
///
/// A bucket holds four of them in one word, the newest lowest; remembering shifts the oldest out. How many of
/// the four count follows the number wanted, between the powers of two. A wrong "yes" (about 1 in 10,000) only
/// keeps one newcomer longer.
struct EvictedKeys {
    private var buckets: ContiguousArray<UInt64> = [0, 0, 0, 0]
    private var lanes = 4

    var allocatedBytes: Int { buckets.capacity * MemoryLayout<UInt64>.stride }

    mutating func remember(_ hash: UInt32) {
        let place = place(hash)
        buckets[place] = buckets[place] << 16 | Self.mark(hash)
    }

    func contains(_ hash: UInt32) -> Bool {
        let mark = Self.mark(hash)
        var bucket = buckets[place(hash)]
        for _ in 0..<lanes {
            if bucket & 0xFFFF == mark { return true }
            bucket >>= 16
        }
        return false
    }

    /// About so many shall be remembered from now on. What is remembered stays so.
    mutating func setCapacity(_ wanted: Int) {
        while buckets.count * 4 < wanted { buckets.append(contentsOf: buckets) }
        lanes = min(max((wanted + buckets.count / 2) / buckets.count, 1), 4)
    }

    private func place(_ hash: UInt32) -> Int { Int(hash) & (buckets.count - 1) }

    /// Never zero, which marks an empty place.
    private static func mark(_ hash: UInt32) -> UInt64 { UInt64(hash >> 16) | 1 }
}
