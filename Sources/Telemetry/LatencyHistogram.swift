// SPDX-License-Identifier: Apache-2.0

/// Durations counted by `LatencyGrid`, with exact count, sum, least and greatest. Memory is taken for the span of
/// buckets in use and only when the first duration comes; an unused histogram costs 64 bytes.
package struct LatencyHistogram: Sendable, Equatable {
    package private(set) var count: UInt64 = 0
    /// Wide, because thousands of waiting clients fill 64 bits of nanoseconds within weeks.
    package private(set) var sumNanoseconds: UInt128 = 0
    private var least: UInt64 = .max
    /// 0 when nothing was recorded.
    package private(set) var maxNanoseconds: UInt64 = 0
    /// The counts of buckets `first ..< first + counts.count`.
    private(set) var counts: [UInt64] = []
    private var first = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// 0 when nothing was recorded.
    package var minNanoseconds: UInt64 { isEmpty ? 0 : least }

    package var meanNanoseconds: UInt64 { isEmpty ? 0 : UInt64(clamping: sumNanoseconds / UInt128(count)) }

    package mutating func record(nanoseconds: UInt64) {
        count &+= 1
        sumNanoseconds &+= UInt128(nanoseconds)
        if nanoseconds < least { least = nanoseconds }
        if nanoseconds > maxNanoseconds { maxNanoseconds = nanoseconds }
        let bucket = LatencyGrid.bucket(nanoseconds: nanoseconds)
        if bucket < first || bucket &- first >= counts.count { cover(bucket..<bucket + 1) }
        counts[bucket &- first] &+= 1
    }

    /// Grows by whole octaves, so that a histogram grows a few times in its life.
    @inline(never)
    private mutating func cover(_ wanted: Range<Int>) {
        let used = counts.isEmpty ? wanted : min(first, wanted.lowerBound)..<max(end, wanted.upperBound)
        let lower = used.lowerBound & ~31
        let upper = min((used.upperBound + 31) & ~31, LatencyGrid.bucketCount)
        guard lower != first || upper != end else { return }
        var grown = [UInt64](repeating: 0, count: upper - lower)
        for index in counts.indices { grown[first - lower + index] = counts[index] }
        counts = grown
        first = lower
    }

    private var end: Int { first + counts.count }

    /// Afterwards this holds what both recorded.
    package mutating func merge(_ other: LatencyHistogram) {
        guard !other.isEmpty else { return }
        cover(other.first..<other.end)
        for index in other.counts.indices { counts[other.first - first + index] &+= other.counts[index] }
        count &+= other.count
        sumNanoseconds &+= other.sumNanoseconds
        least = min(least, other.least)
        maxNanoseconds = max(maxNanoseconds, other.maxNanoseconds)
    }

    /// What was recorded after `earlier`, an older state of this histogram. Least and greatest are known to the
    /// bucket only, unless `earlier` was empty.
    package func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
        guard !earlier.isEmpty else { return self }
        guard count > earlier.count else { return LatencyHistogram() }
        var rest = LatencyHistogram()
        rest.count = count - earlier.count
        rest.sumNanoseconds = sumNanoseconds &- earlier.sumNanoseconds
        let left = (first..<end).map { counts[$0 - first] - min(counts[$0 - first], earlier.counted(in: $0)) }
        guard let low = left.firstIndex(where: { $0 > 0 }), let high = left.lastIndex(where: { $0 > 0 }) else {
            return LatencyHistogram()
        }
        rest.first = first + low
        rest.counts = Array(left[low...high])
        rest.least = max(least, rest.first == 0 ? 0 : LatencyGrid.upperEdges[rest.first - 1] + 1)
        rest.maxNanoseconds = min(maxNanoseconds, LatencyGrid.upperEdges[first + high])
        return rest
    }

    private func counted(in bucket: Int) -> UInt64 {
        bucket >= first && bucket < end ? counts[bucket - first] : 0
    }

    /// The duration that a share of `share` (0 to 1) of all did not exceed: within 1.6 %, and never outside of
    /// what was seen. 0 when nothing was recorded.
    package func percentile(_ share: Double) -> UInt64 {
        guard !isEmpty else { return 0 }
        let wanted = rank(of: share)
        if wanted >= count { return maxNanoseconds }
        var seen: UInt64 = 0
        for index in counts.indices {
            seen += counts[index]
            if seen >= wanted { return min(max(LatencyGrid.middle(of: first + index), least), maxNanoseconds) }
        }
        return maxNanoseconds
    }

    /// The least whole number of durations that is at least `share` of them. (`rounded` would need libm.)
    private func rank(of share: Double) -> UInt64 {
        let wanted = min(max(share, 0), 1) * Double(count)
        let floor = UInt64(wanted)
        return max(1, Double(floor) < wanted ? floor + 1 : floor)
    }

    /// How many durations were at or below each of `LatencyGrid.exportedBounds`: exact.
    package func exportedCounts() -> [UInt64] {
        var running: UInt64 = 0
        var bucket = first
        return LatencyGrid.exportedBuckets.map { last in
            while bucket <= last, bucket < end {
                running += counts[bucket - first]
                bucket += 1
            }
            return running
        }
    }

    /// A copy that shares no memory, so that recording into this one goes on without copying on write.
    func detached() -> LatencyHistogram {
        var copy = self
        copy.counts = counts.map { $0 }
        return copy
    }
}
