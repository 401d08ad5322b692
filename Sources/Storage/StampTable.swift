// SPDX-License-Identifier: Apache-2.0

/// A place in the order of invalidations: the number of a rule, an epoch of this process, or one of the shared log.
protocol InvalidationStamp: Comparable, Sendable { static var zero: Self { get } }

extension UInt64: InvalidationStamp {}
extension SharedEpoch: InvalidationStamp {}

/// When things were last invalidated, by hash: open addressing with linear probing, compact, and as large as needed.
///
/// The soft invalidation of a thing has a row of its own, since an earlier hard one still counts for what is older.
struct StampTable<Stamp: InvalidationStamp>: Sendable {
    private struct Slot: Sendable {
        /// 0 in an empty one.
        var hash: UInt64 = 0
        var stamp = Stamp.zero
    }

    private var slots: ContiguousArray<Slot> = []
    private(set) var count = 0
    private var hasSoft = false

    var allocatedBytes: Int { slots.capacity * MemoryLayout<Slot>.stride }

    /// What a table takes that holds up to `count` rows.
    static func bytes(holding count: Int) -> Int { slotCount(holding: count) * MemoryLayout<Slot>.stride }

    private static func slotCount(holding count: Int) -> Int {
        var slots = 16
        while count * 4 > slots * 3 { slots *= 2 }
        return slots
    }

    /// Answers whether the row is new.
    @discardableResult
    mutating func raise(_ hash: UInt64, to stamp: Stamp, isSoft: Bool) -> Bool {
        if isSoft { hasSoft = true }
        if (count + 1) * 4 > slots.count * 3 { grow() }
        let hash = Self.row(hash, isSoft: isSoft)
        let slot = find(hash)
        let isNew = slots[slot].hash == 0
        if isNew { count += 1 }
        slots[slot] = Slot(hash: hash, stamp: max(slots[slot].stamp, stamp))
        return isNew
    }

    func verdict(on hash: UInt64, since stamp: Stamp) -> InvalidationVerdict {
        guard count > 0 else { return .no }
        let hard = slots[find(Self.row(hash, isSoft: false))]
        if hard.hash != 0, hard.stamp > stamp { return .hard }
        guard hasSoft else { return .no }
        let soft = slots[find(Self.row(hash, isSoft: true))]
        return soft.hash != 0 && soft.stamp > stamp ? .soft : .no
    }

    func forEach(_ body: (_ row: UInt64, _ stamp: Stamp) -> Void) {
        for slot in slots where slot.hash != 0 { body(slot.hash, slot.stamp) }
    }

    /// What tells a thing's rows apart; never 0.
    static func row(_ hash: UInt64, isSoft: Bool) -> UInt64 {
        let row = isSoft ? hash ^ 0x9B97_C2F5_31AD_70D3 : hash
        return row == 0 ? 1 : row
    }

    /// Its slot, or the empty one where it belongs.
    private func find(_ row: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Self.home(row, mask)
        while slots[slot].hash != 0, slots[slot].hash != row { slot = (slot + 1) & mask }
        return slot
    }

    /// Hashes of tags come from elsewhere, so they are mixed once more.
    static func home(_ row: UInt64, _ mask: Int) -> Int {
        Int(truncatingIfNeeded: (row &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    }

    private mutating func grow() {
        let old = slots
        slots = ContiguousArray(repeating: Slot(), count: max(16, old.count * 2))
        for slot in old where slot.hash != 0 { slots[find(slot.hash)] = slot }
    }
}

/// The newest stamps of more things than can be told apart, a bucket for many: a thing may be taken for another that
/// shares its bucket, one of some tens of thousands.
struct StampBuckets<Stamp: InvalidationStamp>: Sendable {
    private var buckets: ContiguousArray<Stamp> = []
    private(set) var newest = Stamp.zero
    private let size: Int

    /// - Parameter size: a power of two.
    init(size: Int) {
        precondition(size > 0 && size & (size - 1) == 0)
        self.size = size
    }

    var allocatedBytes: Int { buckets.capacity * MemoryLayout<Stamp>.stride }

    static func bytes(size: Int) -> Int { size * MemoryLayout<Stamp>.stride }

    mutating func raise(row: UInt64, to stamp: Stamp) {
        if buckets.isEmpty { buckets = ContiguousArray(repeating: .zero, count: size) }
        let bucket = StampTable<Stamp>.home(row, size - 1)
        buckets[bucket] = max(buckets[bucket], stamp)
        newest = max(newest, stamp)
    }

    /// Soft ones count as hard: which they were is not known any more.
    func isRaised(_ hash: UInt64, since stamp: Stamp) -> Bool {
        guard newest > stamp else { return false }
        return isRaised(row: StampTable<Stamp>.row(hash, isSoft: false), since: stamp)
            || isRaised(row: StampTable<Stamp>.row(hash, isSoft: true), since: stamp)
    }

    private func isRaised(row: UInt64, since stamp: Stamp) -> Bool {
        buckets[StampTable<Stamp>.home(row, size - 1)] > stamp
    }
}
