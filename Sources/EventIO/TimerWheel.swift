// SPDX-License-Identifier: Apache-2.0

/// A hierarchical timer wheel over ticks of any length: inserting, removing and firing cost a constant.
///
/// Level L has 64 slots of 64^L ticks. An entry lies on the level of the highest bit in which its tick differs
/// from `current`, in the slot its tick names there. So every entry of a level is due before every entry of the
/// next, occupied slots lie ahead of the current one, and no slot holds two rounds. When `current` enters a slot
/// above level 0, its entries move down. Eleven levels cover every tick there can be.
package struct TimerWheel<Payload> {
    /// Names an entry until it is removed or popped.
    package typealias Handle = Int32

    private struct Node {
        var next: Int32
        var previous: Int32
        var list: Int32
        var tick: Int64
        var payload: Payload?
    }

    private static var levels: Int { 11 }
    private static var nothing: Int32 { -1 }
    /// The list of entries that are due, after those of the slots.
    private static var dueList: Int32 { Int32(levels * 64) }

    private var nodes: [Node] = []
    private var free = TimerWheel.nothing
    private var heads = [Int32](repeating: TimerWheel.nothing, count: TimerWheel.levels * 64 + 1)
    /// Per level, which slots hold entries.
    private var occupied = [UInt64](repeating: 0, count: TimerWheel.levels)
    /// Which levels hold entries.
    private var occupiedLevels: UInt16 = 0
    /// Time as far as `popDue` was told of it.
    package private(set) var current: Int64
    package private(set) var count = 0

    package init(tick: Int64) { current = tick }

    /// The earliest tick at which `popDue` has work; it may be no more than moving entries down.
    package var nextTick: Int64? {
        if heads[Int(Self.dueList)] != Self.nothing { return current }
        guard occupiedLevels != 0 else { return nil }
        let level = occupiedLevels.trailingZeroBitCount
        return startOfSlot(level: level, occupied[level].trailingZeroBitCount)
    }

    /// A tick that is not in the future becomes the next one, so that whatever is inserted while due entries are
    /// popped cannot keep that from ending.
    package mutating func insert(_ payload: Payload, tick: Int64) -> Handle {
        let handle = allocate(payload)
        count += 1
        place(handle, tick: max(tick, current + 1))
        return handle
    }

    package mutating func remove(_ handle: Handle) {
        unlink(handle)
        release(handle)
    }

    package func tick(of handle: Handle) -> Int64 { nodes[Int(handle)].tick }

    /// Takes out an entry whose tick is not after `tick`, in the order of ticks; nil when there is none left.
    package mutating func popDue(at tick: Int64) -> Payload? {
        while true {
            let handle = heads[Int(Self.dueList)]
            if handle != Self.nothing {
                unlink(handle)
                return release(handle)
            }
            guard let next = nextTick, next <= tick else {
                current = max(current, tick)
                return nil
            }
            enterSlot(at: next)
        }
    }

    // MARK: Slots

    private func startOfSlot(level: Int, _ slot: Int) -> Int64 {
        let shift = UInt64(6 * level)
        let above = shift + 6 < 64 ? (current >> (shift + 6)) << (shift + 6) : 0
        return above | Int64(slot) << shift
    }

    private mutating func enterSlot(at tick: Int64) {
        let level = occupiedLevels.trailingZeroBitCount
        let list = level * 64 + occupied[level].trailingZeroBitCount
        current = tick
        while heads[list] != Self.nothing {
            let handle = heads[list]
            let due = nodes[Int(handle)].tick
            unlink(handle)
            place(handle, tick: due)
        }
    }

    private mutating func place(_ handle: Handle, tick: Int64) {
        nodes[Int(handle)].tick = tick
        guard tick > current else { return link(handle, into: Self.dueList) }
        let level = (63 - UInt64(bitPattern: tick ^ current).leadingZeroBitCount) / 6
        let slot = Int(tick >> UInt64(6 * level)) & 63
        occupied[level] |= 1 << UInt64(slot)
        occupiedLevels |= 1 << UInt16(level)
        link(handle, into: Int32(level * 64 + slot))
    }

    // MARK: Lists

    private mutating func link(_ handle: Handle, into list: Int32) {
        let head = heads[Int(list)]
        nodes[Int(handle)].list = list
        nodes[Int(handle)].next = head
        nodes[Int(handle)].previous = Self.nothing
        if head != Self.nothing { nodes[Int(head)].previous = handle }
        heads[Int(list)] = handle
    }

    private mutating func unlink(_ handle: Handle) {
        let node = nodes[Int(handle)]
        precondition(node.list != Self.nothing, "timer handle used after its end")
        if node.next != Self.nothing { nodes[Int(node.next)].previous = node.previous }
        guard node.previous == Self.nothing else {
            nodes[Int(node.previous)].next = node.next
            return
        }
        heads[Int(node.list)] = node.next
        guard node.next == Self.nothing, node.list != Self.dueList else { return }
        let level = Int(node.list) / 64
        occupied[level] &= ~(1 << UInt64(node.list % 64))
        if occupied[level] == 0 { occupiedLevels &= ~(1 << UInt16(level)) }
    }

    private mutating func allocate(_ payload: Payload) -> Handle {
        guard free != Self.nothing else {
            nodes.append(
                Node(next: Self.nothing, previous: Self.nothing, list: Self.nothing, tick: 0, payload: payload))
            return Int32(nodes.count - 1)
        }
        let handle = free
        free = nodes[Int(handle)].next
        nodes[Int(handle)].payload = payload
        return handle
    }

    @discardableResult
    private mutating func release(_ handle: Handle) -> Payload? {
        let payload = nodes[Int(handle)].payload
        nodes[Int(handle)].payload = nil
        nodes[Int(handle)].list = Self.nothing
        nodes[Int(handle)].next = free
        free = handle
        count -= 1
        return payload
    }

    // MARK: Proof

    /// Walks everything and says what is wrong, or nil when nothing is.
    package func validate() -> String? {
        var seen = 0
        for list in heads.indices {
            var handle = heads[list]
            let level = list / 64
            if level < Self.levels, (handle != Self.nothing) != (occupied[level] >> UInt64(list % 64) & 1 == 1) {
                return "list \(list) and its bit disagree"
            }
            var previous = Self.nothing
            while handle != Self.nothing {
                let node = nodes[Int(handle)]
                if Int(node.list) != list || node.previous != previous { return "entry \(handle) is badly linked" }
                if node.payload == nil { return "entry \(handle) has no payload" }
                if level < Self.levels, !belongs(node.tick, level: level, slot: list % 64) {
                    return "tick \(node.tick) lies in slot \(list % 64) of level \(level) at \(current)"
                }
                seen += 1
                previous = handle
                handle = node.next
            }
        }
        for level in 0..<Self.levels where (occupied[level] != 0) != (occupiedLevels >> UInt16(level) & 1 == 1) {
            return "level \(level) and its bit disagree"
        }
        return seen == count ? nil : "\(seen) entries are linked, \(count) were counted"
    }

    private func belongs(_ tick: Int64, level: Int, slot: Int) -> Bool {
        tick > current && (63 - UInt64(bitPattern: tick ^ current).leadingZeroBitCount) / 6 == level
            && Int(tick >> UInt64(6 * level)) & 63 == slot
    }
}
