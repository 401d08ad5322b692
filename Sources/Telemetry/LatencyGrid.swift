// SPDX-License-Identifier: Apache-2.0

/// Where a duration is counted: 32 buckets per power of two, from 1 µs to 1 h, each cut once more where a bound
/// of the exported histogram falls inside, so that the exported counts are exact and not estimates.
///
/// A bucket is at most 1/32 of its lower edge wide; its middle is within 1.6 % of every duration in it.
package enum LatencyGrid {
    package static let smallestNanoseconds: UInt64 = 1_000
    package static let largestNanoseconds: UInt64 = 3_600_000_000_000

    /// A bound of the exported histogram, with its text in seconds. Each is at least twice the one before, so no
    /// power of two holds two of them.
    package struct ExportedBound: Sendable {
        package let nanoseconds: UInt64
        package let seconds: StaticString
    }

    package static let exportedBounds: [ExportedBound] = [
        .init(nanoseconds: 100_000, seconds: "0.0001"),
        .init(nanoseconds: 500_000, seconds: "0.0005"),
        .init(nanoseconds: 1_000_000, seconds: "0.001"),
        .init(nanoseconds: 2_500_000, seconds: "0.0025"),
        .init(nanoseconds: 5_000_000, seconds: "0.005"),
        .init(nanoseconds: 10_000_000, seconds: "0.01"),
        .init(nanoseconds: 25_000_000, seconds: "0.025"),
        .init(nanoseconds: 50_000_000, seconds: "0.05"),
        .init(nanoseconds: 100_000_000, seconds: "0.1"),
        .init(nanoseconds: 250_000_000, seconds: "0.25"),
        .init(nanoseconds: 500_000_000, seconds: "0.5"),
        .init(nanoseconds: 1_000_000_000, seconds: "1"),
        .init(nanoseconds: 2_500_000_000, seconds: "2.5"),
        .init(nanoseconds: 5_000_000_000, seconds: "5"),
        .init(nanoseconds: 10_000_000_000, seconds: "10"),
    ]

    private static let firstOctave = 9
    private static let octaveCount = 33
    private static let bitsPerOctave = 5

    /// One past the largest index.
    static let bucketCount = octaveCount << bitsPerOctave + exportedBounds.count

    /// For each octave the exported bound inside it, and in the top 16 bits how many bounds lie below it. Spelled
    /// out, since a computed table would be asked for its initialisation at each use.
    static let cuts: InlineArray<33, UInt64> = [
        0 << 48 | none, 0 << 48 | none, 0 << 48 | none, 0 << 48 | none,
        0 << 48 | none, 0 << 48 | none, 0 << 48 | none, 0 << 48 | 100_000,
        1 << 48 | none, 1 << 48 | 500_000, 2 << 48 | 1_000_000, 3 << 48 | none,
        3 << 48 | 2_500_000, 4 << 48 | 5_000_000, 5 << 48 | 10_000_000, 6 << 48 | 25_000_000,
        7 << 48 | 50_000_000, 8 << 48 | 100_000_000, 9 << 48 | 250_000_000, 10 << 48 | 500_000_000,
        11 << 48 | 1_000_000_000, 12 << 48 | none, 12 << 48 | 2_500_000_000, 13 << 48 | 5_000_000_000,
        14 << 48 | 10_000_000_000, 15 << 48 | none, 15 << 48 | none, 15 << 48 | none,
        15 << 48 | none, 15 << 48 | none, 15 << 48 | none, 15 << 48 | none,
        15 << 48 | none,
    ]
    private static let none: UInt64 = boundMask
    private static let boundMask: UInt64 = (1 << 48) - 1

    /// The bucket of a duration; what lies outside of the grid goes to its ends.
    @inline(__always)
    static func bucket(nanoseconds: UInt64) -> Int {
        let value = min(max(nanoseconds, smallestNanoseconds), largestNanoseconds)
        let octave = 63 &- value.leadingZeroBitCount
        let row = octave &- firstOctave
        let column = Int(truncatingIfNeeded: value &>> UInt64(truncatingIfNeeded: octave &- bitsPerOctave)) & 31
        let cut = cuts[row]
        let cutsBelow = Int(truncatingIfNeeded: cut &>> 48) &+ (value > cut & boundMask ? 1 : 0)
        return row &<< bitsPerOctave &+ column &+ cutsBelow
    }

    /// For each bucket the largest duration that is counted in it; for buckets that cannot be hit, the one before.
    static let upperEdges: [UInt64] = {
        var edges = [UInt64](repeating: 0, count: bucketCount)
        for row in 0..<octaveCount {
            for column in 0..<32 {
                let width = UInt64(1) << UInt64(row + firstOctave - bitsPerOctave)
                let lower = UInt64(32 + column) * width
                guard lower <= largestNanoseconds else { continue }
                edges[bucket(nanoseconds: lower + width - 1)] = lower + width - 1
            }
        }
        for bound in exportedBounds { edges[bucket(nanoseconds: bound.nanoseconds)] = bound.nanoseconds }
        for index in 1..<bucketCount where edges[index] == 0 { edges[index] = edges[index - 1] }
        return edges
    }()

    /// The bucket that ends exactly at each exported bound.
    static let exportedBuckets: [Int] = exportedBounds.map { bucket(nanoseconds: $0.nanoseconds) }

    /// The middle of a bucket, in nanoseconds.
    static func middle(of bucket: Int) -> UInt64 {
        let lower = max(bucket == 0 ? 0 : upperEdges[bucket - 1] + 1, smallestNanoseconds)
        return lower + (max(upperEdges[bucket], lower) - lower) / 2
    }
}
