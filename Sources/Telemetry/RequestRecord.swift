// SPDX-License-Identifier: Apache-2.0
package import CacheRules
package import HTTPMessages

/// What the metrics keep of one finished request. Plain numbers: to make and record one allocates nothing.
package struct RequestRecord: Sendable {
    /// Index into `MetricLabels.routes`, as of the labels the worker holds now; `noRoute` counts under "none".
    package var route: UInt16
    package var outcome: CacheOutcome
    package var method: Method
    package var status: UInt16
    /// From the first byte of the request to the last byte of the answer.
    package var durationNanoseconds: UInt64
    /// 0 when no upstream was asked.
    package var upstreamNanoseconds: UInt64 = 0
    package var bytesReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0
    /// It took longer than its route's `slow`.
    package var isSlow = false
    /// Why the origin was asked; nil when it was not.
    package var forwardReason: ForwardReason?
    /// Index into `MetricLabels.notStoredReasons`; nil when it was stored or nothing could be.
    package var notStoredReason: UInt8?
    /// Index into `MetricLabels.staleReasons`; nil when no stale response was served.
    package var staleReason: UInt8?
    /// In which its body was sent whole, if that was made here.
    package var coding = ContentCoding.identity
    package var codedBytes: UInt64 = 0
    /// By which the coding made it shorter.
    package var savedBytes: UInt64 = 0

    package static let noRoute = UInt16.max

    package init(route: UInt16, outcome: CacheOutcome, method: Method, status: UInt16, durationNanoseconds: UInt64) {
        self.route = route
        self.outcome = outcome
        self.method = method
        self.status = status
        self.durationNanoseconds = durationNanoseconds
    }
}
