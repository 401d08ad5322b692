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
            let (low, high) = ByteHasher.words(bytes, at: index)
            state = ByteHasher.fold(low ^ second, high ^ state)
            index &+= 16
        }
        return finish(state, ByteHasher.tail(bytes))
    }

    /// Another hash than `hash64`, for long inputs: four chains, of which none waits for another's multiplications.
    package func chainedHash64(_ bytes: borrowing Span<UInt8>) -> UInt64 {
        let count = bytes.count
        var (one, two, three, four) = (first, second, third, first ^ third)
        var index = 0
        while index &+ 64 <= count {
            one = ByteHasher.step(one, second, ByteHasher.words(bytes, at: index))
            two = ByteHasher.step(two, third, ByteHasher.words(bytes, at: index &+ 16))
            three = ByteHasher.step(three, first, ByteHasher.words(bytes, at: index &+ 32))
            four = ByteHasher.step(four, second ^ third, ByteHasher.words(bytes, at: index &+ 48))
            index &+= 64
        }
        let rest = hash64(bytes.extracting(index..<count))
        let halves = (ByteHasher.fold(one ^ second, two ^ third), ByteHasher.fold(three ^ third, four ^ first))
        return finish(halves.0 ^ UInt64(truncatingIfNeeded: count), (halves.1, rest))
    }

    @inline(__always)
    private static func step(_ state: UInt64, _ secret: UInt64, _ words: (low: UInt64, high: UInt64)) -> UInt64 {
        fold(words.low ^ secret, words.high ^ state)
    }

    /// What `hash64` of each says of `bytes`, in one pass: neither waits for the other's multiplications.
    package static func hashes(_ bytes: borrowing Span<UInt8>, by one: ByteHasher, and other: ByteHasher) -> (
        UInt64, UInt64
    ) {
        let count = bytes.count
        var state = one.first ^ UInt64(truncatingIfNeeded: count)
        var otherState = other.first ^ UInt64(truncatingIfNeeded: count)
        var index = 0
        while index &+ 16 < count {
            let (low, high) = words(bytes, at: index)
            state = fold(low ^ one.second, high ^ state)
            otherState = fold(low ^ other.second, high ^ otherState)
            index &+= 16
        }
        let end = tail(bytes)
        return (one.finish(state, end), other.finish(otherState, end))
    }

    /// The sixteen bytes from `index` on, which are there.
    @inline(__always)
    private static func words(_ bytes: borrowing Span<UInt8>, at index: Int) -> (low: UInt64, high: UInt64) {
        let raw = unsafe bytes.bytes
        // The loops have compared with the count already, and twice more for each sixteen bytes is half of their work.
        let low = unsafe raw.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
        let high = unsafe raw.unsafeLoadUnaligned(fromUncheckedByteOffset: index &+ 8, as: UInt64.self)
        return (UInt64(littleEndian: low), UInt64(littleEndian: high))
    }

    @inline(__always)
    private func finish(_ state: UInt64, _ end: (low: UInt64, high: UInt64)) -> UInt64 {
        ByteHasher.fold(ByteHasher.fold(end.low ^ second, end.high ^ state) ^ third, state ^ third)
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
