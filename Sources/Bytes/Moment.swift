// SPDX-License-Identifier: Apache-2.0

/// One reading of both clocks. Durations come from the monotonic clock; the wall clock only meets dates that
/// peers wrote, so that a step of it cannot stretch or shrink what is stored.
public struct Moment: Sendable, Equatable {
    /// From an arbitrary start, never going back.
    @usableFromInline package var monotonicNanoseconds: Int64
    /// Since 1970-01-01 UTC.
    @usableFromInline package var wallNanoseconds: Int64

    @inlinable package init(monotonicNanoseconds: Int64, wallNanoseconds: Int64) {
        self.monotonicNanoseconds = monotonicNanoseconds
        self.wallNanoseconds = wallNanoseconds
    }

    @inlinable package var monotonicMilliseconds: Int64 { monotonicNanoseconds / 1_000_000 }
    @inlinable package var wallMilliseconds: Int64 { wallNanoseconds / 1_000_000 }
    @inlinable package var wallSeconds: Int64 { wallNanoseconds / 1_000_000_000 }
}
