// SPDX-License-Identifier: Apache-2.0

/// A duration in four bytes, since every entry holds several: milliseconds up to 24 days; beyond that whole
/// seconds, rounded down, up to 68 years.
@usableFromInline
struct CompactDuration: Sendable, Equatable {
    /// With the top bit: seconds beyond `secondsBase`; without: milliseconds.
    @usableFromInline let bits: UInt32

    @usableFromInline static let secondsBit: UInt32 = 1 << 31
    @usableFromInline static let secondsBase: Int64 = 2_147_483

    /// Below zero counts as zero.
    @inlinable
    init(milliseconds: Int64) {
        if milliseconds < (Self.secondsBase + 1) * 1000 {
            // What is said in seconds is longer than all that is said in milliseconds: equal times have equal bits.
            bits = UInt32(min(max(milliseconds, 0), Int64(Self.secondsBit - 1)))
        } else {
            bits = Self.secondsBit | UInt32(min(milliseconds / 1000 - Self.secondsBase, Int64(Self.secondsBit - 1)))
        }
    }

    @inlinable var milliseconds: Int64 {
        if bits & Self.secondsBit == 0 { return Int64(bits) }
        return (Int64(bits & ~Self.secondsBit) + Self.secondsBase) * 1000
    }
}
