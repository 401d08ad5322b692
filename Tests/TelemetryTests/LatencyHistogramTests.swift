// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Telemetry

@Suite struct LatencyHistogramTests {
    @Test func bucketsFollowOneAnotherWithoutGapOverTheWholeGrid() {
        var generator = SeededGenerator(seed: 1)
        let probes = LatencyGrid.upperEdges.flatMap { [$0, $0 + 1] } + (0..<10_000).map { _ in generator.duration() }
        var last = 0
        for nanoseconds in probes.sorted() {
            let bucket = LatencyGrid.bucket(nanoseconds: nanoseconds)
            #expect(bucket >= last && bucket < LatencyGrid.bucketCount)
            last = bucket
        }
        #expect(last == LatencyGrid.bucketCount - 1 || LatencyGrid.upperEdges[last] == LatencyGrid.upperEdges.last)
    }

    @Test func everyDurationIsWithinItsBucketAndNearItsMiddle() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            let nanoseconds = generator.duration()
            guard nanoseconds <= LatencyGrid.largestNanoseconds else { continue }
            let bucket = LatencyGrid.bucket(nanoseconds: nanoseconds)
            #expect(nanoseconds <= LatencyGrid.upperEdges[bucket])
            #expect(bucket == 0 || nanoseconds > LatencyGrid.upperEdges[bucket - 1])
            let error = Double(LatencyGrid.middle(of: bucket)) / Double(nanoseconds) - 1
            #expect(abs(error) <= 0.016)
        }
    }

    @Test(arguments: [0, 1, 999, LatencyGrid.largestNanoseconds + 1, .max] as [UInt64])
    func durationsOutsideTheGridAreCountedAtItsEnds(nanoseconds: UInt64) {
        var histogram = LatencyHistogram()
        histogram.record(nanoseconds: nanoseconds)
        #expect(histogram.count == 1)
        #expect(histogram.percentile(0.5) == nanoseconds)
        #expect(histogram.minNanoseconds == nanoseconds && histogram.maxNanoseconds == nanoseconds)
    }

    @Test(arguments: 0..<20)
    func percentilesAreWithinBoundsOfTheSortedDurations(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let durations = (0..<Int.random(in: 1...3_000, using: &generator)).map { _ in
            min(generator.duration(), LatencyGrid.largestNanoseconds)
        }
        var histogram = LatencyHistogram()
        for duration in durations { histogram.record(nanoseconds: duration) }
        let sorted = durations.sorted()
        for share in [0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1] {
            let rank = max(1, Int((share * Double(sorted.count)).rounded(.up)))
            let exact = Double(sorted[rank - 1])
            #expect(abs(Double(histogram.percentile(share)) - exact) <= exact * 0.016, "share \(share)")
        }
        #expect(histogram.count == UInt64(sorted.count))
        #expect(histogram.sumNanoseconds == sorted.reduce(0) { $0 + UInt128($1) })
        #expect(histogram.minNanoseconds == sorted.first && histogram.maxNanoseconds == sorted.last)
    }

    @Test(arguments: 0..<10)
    func exportedCountsAreExact(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bounds = LatencyGrid.exportedBounds.map(\.nanoseconds)
        let durations = bounds.flatMap { [$0 - 1, $0, $0 + 1] } + (0..<2_000).map { _ in generator.duration() }
        var histogram = LatencyHistogram()
        for duration in durations { histogram.record(nanoseconds: duration) }
        #expect(
            histogram.exportedCounts() == bounds.map { bound in UInt64(durations.count { $0 <= bound }) })
    }

    @Test(arguments: 0..<10)
    func mergingIsRecordingIntoOne(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var parts = [LatencyHistogram](repeating: LatencyHistogram(), count: 3)
        var whole = LatencyHistogram()
        for _ in 0..<500 {
            let duration = generator.duration()
            parts[Int.random(in: 0..<3, using: &generator)].record(nanoseconds: duration)
            whole.record(nanoseconds: duration)
        }
        let merged = parts.reduce(into: LatencyHistogram()) { $0.merge($1) }
        #expect(merged == whole)
    }

    @Test(arguments: 0..<10)
    func theDifferenceIsWhatWasRecordedInBetween(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var histogram = LatencyHistogram()
        for _ in 0..<300 { histogram.record(nanoseconds: generator.duration()) }
        let earlier = histogram.detached()
        var between = LatencyHistogram()
        for _ in 0..<50 {
            let duration = min(generator.duration(), LatencyGrid.largestNanoseconds)
            histogram.record(nanoseconds: duration)
            between.record(nanoseconds: duration)
        }
        let difference = histogram.since(earlier)
        #expect(difference.count == 50 && difference.sumNanoseconds == between.sumNanoseconds)
        #expect(difference.exportedCounts() == between.exportedCounts())
        for share in [0.1, 0.5, 0.99] {
            let exact = Double(between.percentile(share))
            #expect(abs(Double(difference.percentile(share)) - exact) <= exact * 0.033)
        }
        #expect(Double(difference.maxNanoseconds) <= Double(between.maxNanoseconds) * 1.032)
        #expect(Double(difference.minNanoseconds) >= Double(between.minNanoseconds) * 0.968)
    }

    @Test func nothingRecordedMeansZeroEverywhere() {
        let empty = LatencyHistogram()
        #expect(empty.percentile(0.99) == 0 && empty.minNanoseconds == 0 && empty.meanNanoseconds == 0)
        #expect(empty.exportedCounts().allSatisfy { $0 == 0 })
        #expect(empty.since(empty) == empty)
        var full = LatencyHistogram()
        full.record(nanoseconds: 5_000)
        #expect(full.since(full).isEmpty)
        #expect(full.since(empty) == full)
    }

    @Test func theTableOfCutsIsMadeOfTheExportedBounds() {
        for row in LatencyGrid.cuts.indices {
            let octave = UInt64(1) << UInt64(row + 9)
            let inside = LatencyGrid.exportedBounds.filter { $0.nanoseconds >= octave && $0.nanoseconds < octave * 2 }
            let below = LatencyGrid.exportedBounds.count { $0.nanoseconds < octave }
            #expect(inside.count <= 1)
            #expect(LatencyGrid.cuts[row] == UInt64(below) << 48 | (inside.first?.nanoseconds ?? 1 << 48 - 1))
        }
    }

    @Test func recordingTakesMemoryOnlyForNewRangesOfDurations() {
        var histogram = LatencyHistogram()
        var generator = SeededGenerator(seed: 3)
        for power in 10..<42 as Range<UInt64> { histogram.record(nanoseconds: 1 << power) }
        histogram.record(nanoseconds: LatencyGrid.smallestNanoseconds)
        let before = histogram.memory
        for _ in 0..<10_000 { histogram.record(nanoseconds: generator.duration()) }
        #expect(histogram.memory == before)
    }
}

extension LatencyHistogram {
    /// Where the counts lie.
    fileprivate var memory: UInt { unsafe counts.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) } }
}
