// SPDX-License-Identifier: Apache-2.0

/// Where the entries of a shard begin, by hash: open addressing with linear probing and no tombstones.
///
/// A slot holds half of the hash and an entry number; the other half has chosen the shard. Whoever asks
/// compares the whole key, for the hash only selects.
struct HashIndex {
    /// Upper half: the tag. Lower half: entry number plus one, so that zero is an empty slot.
    private var slots: ContiguousArray<UInt64>
    private(set) var count = 0

    init(capacity: Int = 16) { slots = ContiguousArray(repeating: 0, count: capacity) }

    var allocatedBytes: Int { slots.capacity * MemoryLayout<UInt64>.stride }

    static func tag(of hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) }

    /// The first slot to look at for a tag.
    func firstSlot(for tag: UInt32) -> Int { Int(tag) & (slots.count - 1) }

    /// From `slot` on, the next one with that tag: its entry, and where to go on; nil at the end.
    func nextEntry(tagged tag: UInt32, from slot: Int) -> (entry: UInt32, slot: Int)? {
        let mask = slots.count - 1
        var slot = slot & mask
        while slots[slot] != 0 {
            if UInt32(truncatingIfNeeded: slots[slot] >> 32) == tag {
                return (UInt32(truncatingIfNeeded: slots[slot]) &- 1, slot)
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    mutating func insert(_ entry: UInt32, tag: UInt32) {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        Self.place(UInt64(tag) << 32 | UInt64(entry + 1), in: &slots)
        count += 1
    }

    /// Another entry takes over a slot that `nextEntry` gave.
    mutating func replace(at slot: Int, with entry: UInt32) {
        slots[slot] = slots[slot] & 0xFFFF_FFFF_0000_0000 | UInt64(entry + 1)
    }

    /// Empties a slot that `nextEntry` gave and moves up those behind it that are not at their home.
    mutating func remove(at slot: Int) {
        let mask = slots.count - 1
        var hole = slot
        var next = (slot + 1) & mask
        while slots[next] != 0 {
            let home = Int(truncatingIfNeeded: slots[next] >> 32) & mask
            if (next &- home) & mask >= (next &- hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
        count -= 1
    }

    private mutating func grow() {
        var larger = ContiguousArray<UInt64>(repeating: 0, count: slots.count * 2)
        for slot in slots where slot != 0 { Self.place(slot, in: &larger) }
        slots = larger
    }

    private static func place(_ value: UInt64, in slots: inout ContiguousArray<UInt64>) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: value >> 32) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = value
    }
}
