// SPDX-License-Identifier: Apache-2.0

/// Decides which entry goes when memory is short. Pure: knows entries by number, size and hash alone.
struct EvictionQueue {
    static let none = UInt32.max

    private enum Place: UInt8 { case nowhere, small, main }

    private struct Node {
        var previous = EvictionQueue.none
        var next = EvictionQueue.none
        var fingerprint: UInt32 = 0
        var chargeUnits: UInt32 = 0
        var frequency: UInt8 = 0
        var place = Place.nowhere
    }

    private struct List {
        var head = EvictionQueue.none
        var tail = EvictionQueue.none
        var bytes = 0
    }

    private var nodes: ContiguousArray<Node> = []
    private var small = List()
    private var main = List()

    init() {}

    var bytes: Int { small.bytes + main.bytes }
    var allocatedBytes: Int { nodes.capacity * MemoryLayout<Node>.stride }

    mutating func insert(_ entry: UInt32, hash: UInt64, charge: Int) {
        while nodes.count <= Int(entry) { nodes.append(Node()) }
        nodes[Int(entry)] = Node(
            fingerprint: UInt32(truncatingIfNeeded: hash), chargeUnits: UInt32((charge + 15) / 16), place: .small)
        Self.append(entry, to: &small, in: &nodes)
    }

    mutating func touch(_ entry: UInt32) {
        if nodes[Int(entry)].frequency < 3 { nodes[Int(entry)].frequency += 1 }
    }

    mutating func remove(_ entry: UInt32) {
        switch nodes[Int(entry)].place {
        case .small: Self.unlink(entry, from: &small, in: &nodes)
        case .main: Self.unlink(entry, from: &main, in: &nodes)
        case .nowhere: preconditionFailure("entry is in no queue")
        }
        nodes[Int(entry)].place = .nowhere
    }

    /// The entry to give up next, which stays until `remove`; nil when there is none.
    mutating func victim() -> UInt32? {
        while small.head != Self.none, small.bytes * 10 > bytes || main.head == Self.none {
            let entry = small.head
            if nodes[Int(entry)].frequency == 0 { return entry }
            Self.unlink(entry, from: &small, in: &nodes)
            nodes[Int(entry)].frequency = 0
            nodes[Int(entry)].place = .main
            Self.append(entry, to: &main, in: &nodes)
        }
        while main.head != Self.none {
            let entry = main.head
            if nodes[Int(entry)].frequency == 0 { return entry }
            nodes[Int(entry)].frequency -= 1
            Self.unlink(entry, from: &main, in: &nodes)
            Self.append(entry, to: &main, in: &nodes)
        }
        return nil
    }

    private static func append(
        _ entry: UInt32, to list: inout List, in nodes: inout ContiguousArray<Node>
    ) {
        nodes[Int(entry)].previous = list.tail
        nodes[Int(entry)].next = none
        if list.tail == none { list.head = entry } else { nodes[Int(list.tail)].next = entry }
        list.tail = entry
        list.bytes += Int(nodes[Int(entry)].chargeUnits) * 16
    }

    private static func unlink(
        _ entry: UInt32, from list: inout List, in nodes: inout ContiguousArray<Node>
    ) {
        let node = nodes[Int(entry)]
        if node.previous == none { list.head = node.next } else { nodes[Int(node.previous)].next = node.next }
        if node.next == none { list.tail = node.previous } else { nodes[Int(node.next)].previous = node.previous }
        list.bytes -= Int(node.chargeUnits) * 16
    }
}
