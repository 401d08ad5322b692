// SPDX-License-Identifier: Apache-2.0

/// Hashes several beginnings of one text in one pass: each word is mixed in once, whatever is asked for. Keyed by
/// random numbers, once per process.
package struct PrefixHasher {
    private struct Secret: Sendable {
        let first = UInt64.random(in: .min ... .max)
        let second = UInt64.random(in: .min ... .max)
        let third = UInt64.random(in: .min ... .max)
        let start = UInt64.random(in: .min ... .max)
    }

    private static let secret = Secret()

    private let secret = Self.secret
    private var state: UInt64
    private var hashed = 0

    package init() { state = secret.start }

    /// Of the first `length` bytes, which are there. For one text, each call asks for no less than the one before.
    package mutating func hash(_ text: borrowing Span<UInt8>, length: Int) -> UInt64 {
        while hashed + 8 <= length {
            state = Self.fold(text.word(at: hashed) ^ secret.first, state ^ secret.second)
            hashed += 8
        }
        var tail: UInt64 = 0
        for index in hashed..<length { tail = tail << 8 | UInt64(text[index]) }
        let end = Self.fold(tail ^ secret.first, state ^ secret.third)
        return Self.fold(end ^ secret.second, UInt64(truncatingIfNeeded: length) ^ secret.third)
    }

    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
