// SPDX-License-Identifier: Apache-2.0
import EventIO
import HTTPMessages
import Telemetry

/// What coding cost and what it saved, by route and coding.
extension Worker {
    /// An answer was sent whole in a coding that was made here.
    func recordCoded(_ coding: ContentCoding, plainByteCount: Int, codedByteCount: Int, route: CompiledRoute) {
        var made = CodingMetrics()
        made.answers = 1
        made.savedBytes = UInt64(max(0, plainByteCount - codedByteCount))
        metrics.record(made, coding, route: label(of: route))
    }

    /// A coder was at work since `start`.
    func recordCoding(
        _ coding: ContentCoding, inputByteCount: Int, outputByteCount: Int, since start: Int64, route: CompiledRoute
    ) {
        var made = CodingMetrics()
        made.inputBytes = UInt64(max(0, inputByteCount))
        made.outputBytes = UInt64(max(0, outputByteCount))
        made.nanoseconds = UInt64(max(0, loop.kernel.monotonicNanoseconds() - start))
        metrics.record(made, coding, route: label(of: route))
    }
}
