// SPDX-License-Identifier: Apache-2.0

/// The commands of one connection that wait for their answers, in the order they were sent. One that was waited for
/// too long keeps its place, because its answer still comes.
struct PendingCalls<Call>: ~Copyable {
    private struct Place {
        /// Nil when nobody waits any more.
        var call: Call?
        let deadlineNanoseconds: Int64
        let stallNanoseconds: Int64
    }

    /// A ring: its length is a power of two.
    private var places: ContiguousArray<Place?> = []
    private var first = 0
    private(set) var count = 0
    /// How many at the front have been waited for too long.
    private var overdue = 0

    var isEmpty: Bool { count == 0 }

    private func index(_ position: Int) -> Int { (first + position) & (places.count - 1) }

    private func place(_ position: Int) -> Place {
        guard let place = places[index(position)] else { preconditionFailure("a place within the count is taken") }
        return place
    }

    var nextDeadlineNanoseconds: Int64? {
        guard count > 0 else { return nil }
        let stall = place(0).stallNanoseconds
        return overdue < count ? min(place(overdue).deadlineNanoseconds, stall) : stall
    }

    /// No answer can come before those that were asked for earlier, so that neither ends a wait.
    mutating func append(_ call: Call, deadlineNanoseconds: Int64, stallNanoseconds: Int64) {
        if count == places.count { grow() }
        let last = count > 0 ? place(count - 1) : nil
        places[index(count)] = Place(
            call: call, deadlineNanoseconds: max(deadlineNanoseconds, last?.deadlineNanoseconds ?? .min),
            stallNanoseconds: max(stallNanoseconds, last?.stallNanoseconds ?? .min))
        count += 1
    }

    private mutating func grow() {
        var larger = ContiguousArray<Place?>(repeating: nil, count: max(16, places.count * 2))
        for position in 0..<count { larger[position] = places[index(position)] }
        places = larger
        first = 0
    }

    /// The oldest one's answer came; nil when nobody waits for it.
    mutating func removeFirst() -> Call? {
        let call = place(0).call
        places[first] = nil
        first = (first + 1) & (places.count - 1)
        count -= 1
        overdue = max(0, overdue - 1)
        return call
    }

    /// The next one whose time is up: it keeps its place, without its call.
    mutating func takeOverdue(at nanoseconds: Int64) -> Call? {
        guard overdue < count, place(overdue).deadlineNanoseconds <= nanoseconds else { return nil }
        let position = index(overdue)
        overdue += 1
        defer { places[position]?.call = nil }
        return places[position]?.call
    }

    func isStalled(at nanoseconds: Int64) -> Bool { count > 0 && place(0).stallNanoseconds <= nanoseconds }

    /// The next call that is still waited for, whatever the time.
    mutating func takeAny() -> Call? {
        while count > 0 {
            if let call = removeFirst() { return call }
        }
        return nil
    }
}
