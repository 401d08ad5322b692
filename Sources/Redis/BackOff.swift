// SPDX-License-Identifier: Apache-2.0

/// How long to stay away before another attempt: doubling up to a limit, and a random part of that, so that those
/// who failed together do not come back together.
package struct BackOff: Sendable {
    private let firstNanoseconds: Int64
    private let longestNanoseconds: Int64
    private var nextNanoseconds: Int64

    package init(firstMilliseconds: Int = 20, longestMilliseconds: Int = 2_000) {
        precondition(firstMilliseconds > 0 && longestMilliseconds >= firstMilliseconds)
        firstNanoseconds = Int64(firstMilliseconds) * 1_000_000
        longestNanoseconds = Int64(longestMilliseconds) * 1_000_000
        nextNanoseconds = firstNanoseconds
    }

    /// Between half of the present length and all of it; the next is twice as long.
    package mutating func next(random: UInt64) -> Int64 {
        let length = nextNanoseconds
        nextNanoseconds = min(length * 2, longestNanoseconds)
        return length - Int64(random % UInt64(length / 2 + 1))
    }

    package mutating func reset() { nextNanoseconds = firstNanoseconds }
}
