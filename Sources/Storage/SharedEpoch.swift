// SPDX-License-Identifier: Apache-2.0
import Bytes

/// A place in the log of invalidations that all nodes share: the ID of its entry in a Redis Stream.
///
/// Redis alone numbers the entries, each higher than all before it, so that no node's clock is asked which of two came
/// first. It relates to the epochs of one process (`MemoryStore.currentEpoch`) like this:
///
/// - A response that was fetched remembers its process's epoch. When it goes to the second tier, the record says the
///   newest shared epoch of which that process had applied everything when the fetch began: `recordEpoch(of:)`.
/// - A record that comes from the second tier is judged by everything the process knows that is newer than the
///   record's shared epoch, and is then as good as fetched in the process's epoch of that moment: `judge`.
package struct SharedEpoch: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Of Redis' clock, which may have been set back; the sequence then counts on.
    package var milliseconds: UInt64
    package var sequence: UInt64

    /// Before every entry.
    package static let zero = SharedEpoch(milliseconds: 0, sequence: 0)

    package init(milliseconds: UInt64, sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// `1700000000000-3`; nil for anything else.
    package init?(_ text: borrowing Span<UInt8>) {
        var numbers: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var isSequence = false
        for index in 0..<text.count {
            if text[index] == UInt8(ascii: "-"), !isSequence, digits > 0 {
                isSequence = true
                numbers.0 = numbers.1
                numbers.1 = 0
                digits = 0
                continue
            }
            guard ASCII.isDigit(text[index]) else { return nil }
            let (tenfold, overflow) = numbers.1.multipliedReportingOverflow(by: 10)
            let (number, carry) = tenfold.addingReportingOverflow(UInt64(text[index] - UInt8(ascii: "0")))
            if overflow || carry { return nil }
            numbers.1 = number
            digits += 1
        }
        guard isSequence, digits > 0 else { return nil }
        self.init(milliseconds: numbers.0, sequence: numbers.1)
    }

    package var description: String { "\(milliseconds)-\(sequence)" }

    package static func < (one: SharedEpoch, other: SharedEpoch) -> Bool {
        one.milliseconds == other.milliseconds
            ? one.sequence < other.sequence : one.milliseconds < other.milliseconds
    }
}

/// Which log an epoch is of. A log ends when Redis has lost anything of it, or may have, and another begins, under a
/// random number. IDs of two logs say nothing about one another: the clock that makes them may have been set back.
package struct LogGeneration: Hashable, Sendable {
    package let number: UInt64

    /// Of what is related to no log, such as the records of a version that knew of one log alone.
    package static let none = LogGeneration(number: 0)

    package init(number: UInt64) { self.number = number }
}

/// What a record says of how much its fetch knew: of which log, and how far.
package struct RecordEpoch: Hashable, Sendable {
    package var generation: LogGeneration
    package var epoch: SharedEpoch

    package static let none = RecordEpoch(generation: .none, epoch: .zero)

    package init(generation: LogGeneration, epoch: SharedEpoch) {
        self.generation = generation
        self.epoch = epoch
    }
}

/// One entry of the shared log.
package struct SharedInvalidation: Sendable {
    package var epoch: SharedEpoch
    package var rules: [InvalidationRule]
    /// When this process issued it: the epoch in which it applied the rules.
    package var ownEpoch: UInt64?

    package init(_ epoch: SharedEpoch, _ rules: [InvalidationRule], ownEpoch: UInt64? = nil) {
        self.epoch = epoch
        self.rules = rules
        self.ownEpoch = ownEpoch
    }
}

/// What is known against a record of the second tier.
package struct SharedVerdict: Sendable, Equatable {
    package var verdict: InvalidationVerdict
    /// What the response is to be stored with in memory, so that later invalidations find it.
    package var epoch: UInt64
}
