// SPDX-License-Identifier: Apache-2.0
import EventIO
import HTTPMessages
import Telemetry

/// What coding cost, by route and coding.
extension Worker {
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
