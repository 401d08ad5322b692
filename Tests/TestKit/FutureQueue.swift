// SPDX-License-Identifier: Apache-2.0

/// What will happen, soonest first; what is due at one time happens in the order it was added. A binary heap.
struct FutureQueue {
    struct Entry {
        let time: Int64
        let number: UInt64
        let action: () -> Void
    }

    private var heap: [Entry] = []
    private var lastNumber: UInt64 = 0

    var nextTime: Int64? { heap.first?.time }

    mutating func add(at time: Int64, _ action: @escaping () -> Void) {
        lastNumber += 1
        heap.append(Entry(time: time, number: lastNumber, action: action))
        var child = heap.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popDue(at time: Int64) -> (() -> Void)? {
        guard let first = heap.first, first.time <= time else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return first.action
    }

    private mutating func sink() {
        var parent = 0
        while true {
            let left = 2 * parent + 1
            var least = parent
            if left < heap.count, precedes(left, least) { least = left }
            if left + 1 < heap.count, precedes(left + 1, least) { least = left + 1 }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    private func precedes(_ one: Int, _ other: Int) -> Bool {
        let one = heap[one]
        let other = heap[other]
        return one.time == other.time ? one.number < other.number : one.time < other.time
    }
}
