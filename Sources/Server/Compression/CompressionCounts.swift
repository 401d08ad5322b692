// SPDX-License-Identifier: Apache-2.0
import Compression
import HTTPMessages
import Storage
import Telemetry

/// Whose bodies are coded in the background.
struct CompressionSubject: Hashable, Sendable {
    /// Its label.
    let route: String
    let coding: ContentCoding
}

/// What became of the jobs since the start.
struct CompressionCounts: Sendable {
    private(set) var made: UInt64 = 0
    /// The entry went meanwhile, or there was no room for the form.
    private(set) var cancelled: UInt64 = 0
    private(set) var failed: UInt64 = 0
    /// The queue was full.
    var dropped: UInt64 = 0
    private var inputBytes: UInt64 = 0
    private var outputBytes: UInt64 = 0
    private var nanoseconds: UInt64 = 0

    /// - Parameter result: the length of the form, when it was kept.
    mutating func ended(
        _ result: Result<Int?, CodingError>, of job: CompressionPool.Job, computedNanoseconds: Int64
    ) {
        nanoseconds += UInt64(max(computedNanoseconds, 0))
        switch result {
        case .success(let count?):
            made += 1
            inputBytes += UInt64(job.stored.bodyCount)
            outputBytes += UInt64(count)
        case .success(nil), .failure(.cancelled): cancelled += 1
        case .failure: failed += 1
        }
    }

    func reading(of subject: CompressionSubject) -> RecodingReading {
        var reading = RecodingReading(route: subject.route, coding: subject.coding)
        reading.results = [
            LabelledCount("made", made), LabelledCount("cancelled", cancelled), LabelledCount("failed", failed),
            LabelledCount("dropped", dropped),
        ]
        reading.inputBytes = inputBytes
        reading.outputBytes = outputBytes
        reading.nanoseconds = nanoseconds
        return reading
    }
}

extension CompressionPool {
    /// In an order that stays.
    var readings: [RecodingReading] {
        counts.sorted { ($0.key.route, $0.key.coding.rawValue) < ($1.key.route, $1.key.coding.rawValue) }
            .map { $0.value.reading(of: $0.key) }
    }
}
