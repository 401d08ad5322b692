// SPDX-License-Identifier: Apache-2.0

/// A keyed 64-bit hash of bytes for tables in memory: sixteen bytes per 128-bit multiplication, folded.
///
/// Every word is mixed with a secret before it is multiplied, so that no peer can choose bytes that turn a
/// product to zero. It is no cryptographic hash; what it finds is compared whole.
package struct ByteHasher: Sendable {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64

    /// Seeded by the system's random numbers, once per process.
    package static let process = ByteHasher(seed: UInt64.random(in: .min ... .max))

    package init(seed: UInt64) {
        first = ByteHasher.scramble(seed &+ 0x9E37_79B9_7F4A_7C15)
        second = ByteHasher.scramble(first ^ 0xD1B5_4A32_D192_ED03)
        third = ByteHasher.scramble(second ^ 0x8CB9_2BA7_2F3D_8DD7)
    }

    package func hash64(_ bytes: borrowing Span<UInt8>) -> UInt64 {
        let count = bytes.count
        var state = first ^ UInt64(truncatingIfNeeded: count)
        var index = 0
        while index &+ 16 < count {
            state = ByteHasher.fold(bytes.word(at: index) ^ second, bytes.word(at: index &+ 8) ^ state)
            index &+= 16
        }
        let (low, high) = ByteHasher.tail(bytes)
        return ByteHasher.fold(ByteHasher.fold(low ^ second, high ^ state) ^ third, state ^ third)
    }

    /// The last sixteen bytes, or all of fewer; they may overlap what was read before.
    @inline(__always)
    private static func tail(_ bytes: borrowing Span<UInt8>) -> (UInt64, UInt64) {
        let count = bytes.count
        if count >= 16 { return (bytes.word(at: count &- 16), bytes.word(at: count &- 8)) }
        if count >= 8 { return (bytes.word(at: 0), bytes.word(at: count &- 8)) }
        if count >= 4 { return (UInt64(bytes.halfWord(at: 0)), UInt64(bytes.halfWord(at: count &- 4))) }
        if count == 0 { return (0, 0) }
        return (UInt64(bytes[0]) << 8 | UInt64(bytes[count / 2]), UInt64(bytes[count &- 1]))
    }

    @inline(__always)
    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    private static func scramble(_ word: UInt64) -> UInt64 {
        var word = (word ^ word >> 32) &* 0xD6E8_FEB8_6659_FD93
        word = (word ^ word >> 29) &* 0xA3B1_95D4_63D0_F82B
        return word ^ word >> 32
    }
}

/// One hash under its own seed; where many are taken, keep a `ByteHasher`.
package func hash64(_ bytes: borrowing Span<UInt8>, seed: UInt64) -> UInt64 {
    ByteHasher(seed: seed).hash64(bytes)
}
