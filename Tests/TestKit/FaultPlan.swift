// SPDX-License-Identifier: Apache-2.0

/// What the simulated network and kernel do to those who use them. Probabilities are per call, or per segment
/// of bytes on its way.
package struct FaultPlan: Sendable {
    /// A read brings a part of what has come; the rest comes later, with an event of its own.
    package var partialRead = 0.0
    /// A write takes a part of what there is room for, and no more until a later event.
    package var partialWrite = 0.0
    /// How long a segment is under way.
    package var latencyNanoseconds: ClosedRange<Int64> = 0...0
    /// Bytes travel in segments of up to this size.
    package var maxSegmentBytes = Int.max
    /// A segment, and all behind it, is held up for much longer.
    package var stall = 0.0
    package var stallNanoseconds: ClosedRange<Int64> = 500_000_000...5_000_000_000
    /// Both ends see a reset where a segment should have arrived.
    package var reset = 0.0
    /// Bytes under way are lost when their sender resets the connection; else they arrive before that.
    package var lossOnReset = 0.5
    package var connectNanoseconds: ClosedRange<Int64> = 0...0
    package var connectRefused = 0.0
    /// Nobody ever answers: the connection times out after 127 s.
    package var connectLost = 0.0
    /// Accepting fails with EMFILE.
    package var acceptFailure = 0.0
    /// Ready descriptors are told in any order.
    package var reordersEvents = true
    /// What one direction of a connection holds, bytes under way included.
    package var socketBufferBytes = 65536
    /// How much time one turn of a loop takes.
    package var turnNanoseconds: ClosedRange<Int64> = 0...0

    package init() {}

    /// Nothing fails and nothing takes time.
    package static let none = FaultPlan()

    /// Everything arrives, but late, in pieces and in any order.
    package static let fragmented: FaultPlan = {
        var plan = FaultPlan()
        plan.partialRead = 0.3
        plan.partialWrite = 0.3
        plan.latencyNanoseconds = 0...2_000_000
        plan.maxSegmentBytes = 1000
        plan.connectNanoseconds = 0...3_000_000
        plan.socketBufferBytes = 4096
        plan.turnNanoseconds = 1_000...50_000
        return plan
    }()

    /// Besides, connections are refused, lost, stalled and reset.
    package static let hostile: FaultPlan = {
        var plan = fragmented
        plan.stall = 0.01
        plan.reset = 0.01
        plan.connectRefused = 0.05
        plan.connectLost = 0.02
        plan.acceptFailure = 0.05
        return plan
    }()
}
