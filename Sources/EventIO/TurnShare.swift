// SPDX-License-Identifier: Apache-2.0

/// What one channel may take of a turn of its loop before the others have theirs. A peer that sends faster than its
/// bytes are dealt with would otherwise keep the turn for as long as it sends.
package struct TurnShare {
    private static let byteLimit = 256 << 10
    private static let nanosecondLimit: Int64 = 1_000_000

    private var byteCount = 0
    private let beganNanoseconds: Int64

    package init(_ loop: Loop) { beganNanoseconds = loop.monotonicNanoseconds() }

    /// Whether it is used up, so many bytes later: what is left is for `Loop.later`.
    package mutating func isUsedUp(by bytes: Int, _ loop: Loop) -> Bool {
        byteCount += bytes
        return byteCount >= Self.byteLimit || loop.monotonicNanoseconds() - beganNanoseconds >= Self.nanosecondLimit
    }
}
