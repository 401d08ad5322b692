// SPDX-License-Identifier: Apache-2.0

/// Decides which entry goes when memory is short. Pure: it knows entries by number, size and hash alone, and
/// has no limit of its own; whoever asks for a victim wants one.
///
/// Newcomers wait in a small first-in-first-out queue, from which those that were asked for again move to the
/// main queue; the others are given up and remembered for a while, and go straight to the main queue when they
/// come back, unless they are large. The head of the main queue gets as many further rounds as it was asked for,
/// by a fare that rises with its size. A scan passes through
/// the small queue and leaves the main one alone. A hit writes one counter and moves nothing.
package struct EvictionQueue {
    private static let none = UInt32.max

    /// Which queue an entry is in.
    private enum Place: UInt8 { case nowhere, small, main }

    private struct Node {
        var previous = EvictionQueue.none
        var next = EvictionQueue.none
        /// Charge in units of 16 bytes, place and frequency, packed to keep a node at 12 bytes.
        private var packed: UInt32 = 0

        init() {}

        init(charge: Int, place: Place) {
            packed = Self.units(charge) << 4 | UInt32(place.rawValue) << 2
        }

        var charge: Int {
            get { Int(packed >> 4) << 4 }
            set { packed = Self.units(newValue) << 4 | packed & 15 }
        }

        private static func units(_ charge: Int) -> UInt32 { UInt32(min((charge + 15) >> 4, (1 << 28) - 1)) }

        var place: Place {
            get { Place(rawValue: UInt8(packed >> 2 & 3)) ?? .nowhere }
            set { packed = packed & ~12 | UInt32(newValue.rawValue) << 2 }
        }

        /// Requests since it came or was last passed, up to 3.
        var frequency: UInt32 {
            get { packed & 3 }
            set { packed = packed & ~3 | newValue }
        }
    }

    private struct List {
        var head = EvictionQueue.none
        var tail = EvictionQueue.none
        var bytes = 0
    }

    private var nodes: ContiguousArray<Node> = []
    private var small = List()
    private var main = List()
    private var evicted = EvictedKeys()
    private var count = 0

    package init() {}

    /// The charges of all entries.
    package var bytes: Int { small.bytes + main.bytes }

    var allocatedBytes: Int { nodes.capacity * MemoryLayout<Node>.stride + evicted.allocatedBytes }

    /// An entry came. Numbers are small and may be used again after `remove`.
    package mutating func insert(_ entry: UInt32, hash: UInt64, charge: Int) {
        growNodes(toHold: Int(entry) + 1)
        let hash = UInt32(truncatingIfNeeded: hash >> 32)
        let isReturning = evicted.contains(hash) && !isLarge(charge)
        nodes[Int(entry)] = Node(charge: charge, place: isReturning ? .main : .small)
        if isReturning {
            Self.append(entry, to: &main, in: &nodes)
        } else {
            Self.append(entry, to: &small, in: &nodes)
        }
        count += 1
        evicted.setCapacity(count)
    }

    /// An entry was asked for.
    package mutating func touch(_ entry: UInt32) {
        if nodes[Int(entry)].frequency < 3 { nodes[Int(entry)].frequency += 1 }
    }

    /// An entry has grown or shrunk, and keeps its place.
    package mutating func recharge(_ entry: UInt32, charge: Int) {
        let before = nodes[Int(entry)].charge
        nodes[Int(entry)].charge = charge
        let change = nodes[Int(entry)].charge - before
        switch nodes[Int(entry)].place {
        case .small: small.bytes += change
        case .main: main.bytes += change
        case .nowhere: preconditionFailure("entry is in no queue")
        }
    }

    /// Requests since it came or was last passed, up to 3, and more for one that has been kept for them.
    func recentUses(of entry: UInt32) -> Int {
        let node = nodes[Int(entry)]
        return Int(node.frequency) + (node.place == .main ? 2 : 0)
    }

    /// An entry left, for whatever reason.
    package mutating func remove(_ entry: UInt32) {
        switch nodes[Int(entry)].place {
        case .small: Self.unlink(entry, from: &small, in: &nodes)
        case .main: Self.unlink(entry, from: &main, in: &nodes)
        case .nowhere: preconditionFailure("entry is in no queue")
        }
        nodes[Int(entry)].place = .nowhere
        count -= 1
    }

    /// An entry left that `victim` named. The hash is its key's: one that was never asked for again is remembered.
    package mutating func giveUp(_ entry: UInt32, hash: UInt64) {
        if nodes[Int(entry)].place == .small { evicted.remember(UInt32(truncatingIfNeeded: hash >> 32)) }
        remove(entry)
    }

    /// The entry to give up next, which stays until `giveUp`; nil when there is none.
    package mutating func victim() -> UInt32? {
        while small.head != Self.none, small.bytes * Self.smallShare > bytes || main.head == Self.none {
            if let victim = passSmallHead() { return victim }
        }
        while main.head != Self.none {
            if let victim = passMainHead() { return victim }
        }
        return nil
    }

    /// One part in so many of the memory is for newcomers.
    private static let smallShare = 10
    /// How often a newcomer has to be asked for to stay.
    private static let promotion: UInt32 = 2

    /// More than twice the mean.
    private func isLarge(_ charge: Int) -> Bool { charge * count > 2 * bytes }

    /// How many requests another round in the main queue costs: large entries keep many small ones out.
    private func fare(_ charge: Int) -> UInt32 { isLarge(charge) ? 3 : charge * count > bytes ? 2 : 1 }

    private mutating func passSmallHead() -> UInt32? {
        let entry = small.head
        guard nodes[Int(entry)].frequency >= Self.promotion else { return entry }
        Self.unlink(entry, from: &small, in: &nodes)
        nodes[Int(entry)].frequency -= Self.promotion
        nodes[Int(entry)].place = .main
        Self.append(entry, to: &main, in: &nodes)
        return nil
    }

    private mutating func passMainHead() -> UInt32? {
        let entry = main.head
        let fare = fare(nodes[Int(entry)].charge)
        guard nodes[Int(entry)].frequency >= fare else { return entry }
        nodes[Int(entry)].frequency -= fare
        Self.unlink(entry, from: &main, in: &nodes)
        Self.append(entry, to: &main, in: &nodes)
        return nil
    }

    private mutating func growNodes(toHold count: Int) {
        guard nodes.count < count else { return }
        if nodes.capacity < count { nodes.reserveCapacity(count + count / 8 + 16) }
        while nodes.count < count { nodes.append(Node()) }
    }

    private static func append(_ entry: UInt32, to list: inout List, in nodes: inout ContiguousArray<Node>) {
        nodes[Int(entry)].previous = list.tail
        nodes[Int(entry)].next = none
        if list.tail == none { list.head = entry } else { nodes[Int(list.tail)].next = entry }
        list.tail = entry
        list.bytes += nodes[Int(entry)].charge
    }

    private static func unlink(_ entry: UInt32, from list: inout List, in nodes: inout ContiguousArray<Node>) {
        let node = nodes[Int(entry)]
        if node.previous == none { list.head = node.next } else { nodes[Int(node.previous)].next = node.next }
        if node.next == none { list.tail = node.previous } else { nodes[Int(node.next)].previous = node.previous }
        list.bytes -= node.charge
    }
}
