// SPDX-License-Identifier: Apache-2.0

/// Remembers for a while which keys gave uncacheable answers, so that requests for them do not wait for one
/// another. Direct-mapped and fixed in size: a later key takes the slot of an earlier one, which costs the
/// earlier one some waiting and nothing else.
struct UncacheableMemory {
    private struct Slot {
        var hash: UInt64 = 0
        var untilMonotonicMilliseconds = Int64.min
    }
    private var slots: ContiguousArray<Slot>

    /// - Parameter slotCount: a power of two.
    init(slotCount: Int = 1024) {
        precondition(slotCount > 0 && slotCount & (slotCount - 1) == 0)
        slots = ContiguousArray(repeating: Slot(), count: slotCount)
    }

    var allocatedBytes: Int { slots.count * MemoryLayout<Slot>.stride }

    mutating func remember(_ hash: UInt64, untilMonotonicMilliseconds: Int64) {
        slots[place(hash)] = Slot(hash: hash, untilMonotonicMilliseconds: untilMonotonicMilliseconds)
    }

    mutating func forget(_ hash: UInt64) {
        let place = place(hash)
        if slots[place].hash == hash { slots[place] = Slot() }
    }

    func contains(_ hash: UInt64, nowMonotonicMilliseconds now: Int64) -> Bool {
        let slot = slots[place(hash)]
        return slot.hash == hash && now < slot.untilMonotonicMilliseconds
    }

    private func place(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 32) & (slots.count - 1) }
}
