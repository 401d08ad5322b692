// SPDX-License-Identifier: Apache-2.0
import HTTPMessages

/// What one route sent in one content coding, and what it cost.
package struct CodingMetrics: Sendable, Equatable {
    /// Answers sent whole in a coding that was made here.
    package var answers: UInt64 = 0
    /// Of the bodies of these answers.
    package var codedBytes: UInt64 = 0
    /// Bytes that clients did not have to receive.
    package var savedBytes: UInt64 = 0
    /// What went into coders on the event loops, and what came out.
    package var inputBytes: UInt64 = 0
    package var outputBytes: UInt64 = 0
    package var nanoseconds: UInt64 = 0

    package init() {}

    mutating func answered(bytes: UInt64, saving saved: UInt64) {
        answers &+= 1
        codedBytes &+= bytes
        savedBytes &+= saved
    }

    mutating func merge(_ other: CodingMetrics) {
        answers &+= other.answers
        codedBytes &+= other.codedBytes
        savedBytes &+= other.savedBytes
        inputBytes &+= other.inputBytes
        outputBytes &+= other.outputBytes
        nanoseconds &+= other.nanoseconds
    }

    func since(_ earlier: CodingMetrics) -> CodingMetrics {
        var rest = CodingMetrics()
        rest.answers = answers.after(earlier.answers)
        rest.codedBytes = codedBytes.after(earlier.codedBytes)
        rest.savedBytes = savedBytes.after(earlier.savedBytes)
        rest.inputBytes = inputBytes.after(earlier.inputBytes)
        rest.outputBytes = outputBytes.after(earlier.outputBytes)
        rest.nanoseconds = nanoseconds.after(earlier.nanoseconds)
        return rest
    }
}

extension RouteMetrics {
    /// The codings that answers are brought into.
    static let codings: [ContentCoding] = [.brotli, .gzip, .deflate]
}
