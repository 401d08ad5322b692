// SPDX-License-Identifier: Apache-2.0
import Bytes
import Settings

/// Exact and prefix patterns as one radix tree in flat arrays: a node's label is what its parent's path lacks, and
/// siblings stand side by side.
struct RouterTree: Sendable {
    /// Places in `candidates`.
    struct Candidates: Sendable {
        var start: Int32 = 0
        var end: Int32 = 0
    }

    struct Node: Sendable {
        var firstByte: UInt8 = 0
        var labelStart: Int32 = 0
        var labelEnd: Int32 = 0
        var firstChild: Int32 = 0
        var childrenEnd: Int32 = 0
        /// Routes whose path ends here, and those whose prefix does; in the order of their ranks.
        var exact = Candidates()
        var prefix = Candidates()
        /// The nearest node above that ends a prefix; -1 for none.
        var outerPrefix: Int32 = -1

        var endsPrefix: Bool { prefix.start < prefix.end }
    }

    private struct Entry {
        var bytes: [UInt8]
        var isPrefix: Bool
        var route: Int32
    }

    private(set) var nodes: ContiguousArray<Node> = [Node()]
    private(set) var candidates: ContiguousArray<Int32> = []
    private var labels: ContiguousArray<UInt8> = []

    /// - Parameter ranked: the indices of those that it is to hold, in their order.
    init(_ routes: [RouteSettings], ranked: [Int]) {
        var entries: [Entry] = []
        for index in ranked where [.exact, .prefix].contains(routes[index].pattern.kind) {
            let route = routes[index]
            let isPrefix = route.pattern.kind == .prefix
            let bytes = Array(isPrefix ? route.pattern.text.utf8.dropLast() : route.pattern.text.utf8[...])
            entries.append(Entry(bytes: bytes, isPrefix: isPrefix, route: Int32(index)))
        }
        var pending = [(node: 0, depth: 0, entries: entries)]
        while let (node, depth, entries) = pending.popLast() {
            let here = entries.filter { $0.bytes.count == depth }
            nodes[node].exact = add(here.filter { !$0.isPrefix })
            nodes[node].prefix = add(here.filter(\.isPrefix))
            let groups = Dictionary(grouping: entries.filter { $0.bytes.count > depth }) { $0.bytes[depth] }
            nodes[node].firstChild = Int32(nodes.count)
            nodes[node].childrenEnd = Int32(nodes.count + groups.count)
            for (byte, group) in groups.sorted(by: { $0.key < $1.key }) {
                let end = Self.commonEnd(group, from: depth)
                pending.append((nodes.count, end, group))
                nodes.append(child(of: node, byte, label: group[0].bytes[depth..<end]))
            }
        }
    }

    private mutating func add(_ entries: [Entry]) -> Candidates {
        let start = candidates.count
        candidates += entries.map(\.route)
        return Candidates(start: Int32(start), end: Int32(candidates.count))
    }

    private mutating func child(of parent: Int, _ byte: UInt8, label: ArraySlice<UInt8>) -> Node {
        var node = Node()
        node.firstByte = byte
        node.labelStart = Int32(labels.count)
        labels += label
        node.labelEnd = Int32(labels.count)
        node.outerPrefix = nodes[parent].endsPrefix ? Int32(parent) : nodes[parent].outerPrefix
        return node
    }

    /// How far all entries of a group agree.
    private static func commonEnd(_ group: [Entry], from depth: Int) -> Int {
        var end = group.map(\.bytes.count).min() ?? depth
        for entry in group {
            while entry.bytes[depth..<end] != group[0].bytes[depth..<end] { end -= 1 }
        }
        return end
    }

    /// The node at which `path` ends, nil when there is none; and the deepest one on the way that ends a prefix.
    func descend(_ path: borrowing Span<UInt8>, deepestPrefix: inout Int32) -> Int? {
        let nodes = nodes.span
        let labels = labels.span
        var node = 0
        var position = 0
        while true {
            if nodes[node].endsPrefix { deepestPrefix = Int32(node) }
            guard position < path.count else { return node }
            let byte = path[position]
            var child = Int(nodes[node].firstChild)
            let end = Int(nodes[node].childrenEnd)
            while child < end, nodes[child].firstByte != byte { child += 1 }
            guard child < end else { return nil }
            let label = Int(nodes[child].labelStart)
            let length = Int(nodes[child].labelEnd) - label
            guard path.count - position >= length else { return nil }
            for offset in 1..<max(1, length) where path[position + offset] != labels[label + offset] { return nil }
            position += length
            node = child
        }
    }
}
