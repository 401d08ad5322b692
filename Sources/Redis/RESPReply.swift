// SPDX-License-Identifier: Apache-2.0
import Bytes

/// One element of a reply: a string, a number, an array of further elements.
package struct RESPElement: Hashable, Sendable {
    let index: Int
}

/// One reply of a server, lying flat: its elements in the order they came, an array before its children, and the
/// bytes of all of them in one run. Valid until its reader reads the next.
public struct RESPReply: ~Copyable {
    package enum Kind: UInt8, Sendable { case string, array, integer, null, status, error }

    struct Node {
        var kind: Kind
        /// Where its bytes begin.
        var start = 0
        /// Of bytes, or of children.
        var count = 0
        var integer = 0
        /// The index behind its last descendant.
        var end = 0
    }

    private(set) var nodes: ContiguousArray<Node> = []
    private var bytes = ByteBuffer()

    init() {}

    /// The reply itself.
    package var root: RESPElement { RESPElement(index: 0) }
    package var kind: Kind { nodes[0].kind }
    package var isError: Bool { kind == .error }

    /// The bytes of a string, a status or an error, of which there may be none; of other kinds there are none.
    package var text: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { text(of: root) }
    }

    package func kind(of element: RESPElement) -> Kind { nodes[element.index].kind }

    @_lifetime(borrow self)
    package borrowing func text(of element: RESPElement) -> Span<UInt8> {
        let node = nodes[element.index]
        let range = node.kind == .array ? 0..<0 : node.start..<node.start + node.count
        return bytes.span.extracting(range)
    }

    /// Nil for what is no integer.
    package func integer(of element: RESPElement) -> Int? {
        let node = nodes[element.index]
        return node.kind == .integer ? node.integer : nil
    }

    // MARK: Arrays

    /// How many children an array has; 0 for other kinds.
    package func childCount(of element: RESPElement) -> Int {
        nodes[element.index].kind == .array ? nodes[element.index].count : 0
    }

    /// The child at `position` of an array; nil when there is none. Walks over those before it.
    package func child(_ position: Int, of element: RESPElement) -> RESPElement? {
        guard position >= 0, position < childCount(of: element) else { return nil }
        var index = element.index + 1
        for _ in 0..<position { index = nodes[index].end }
        return RESPElement(index: index)
    }

    /// What follows `element` among the children of `array`.
    package func next(after element: RESPElement, in array: RESPElement) -> RESPElement? {
        let index = nodes[element.index].end
        return index < nodes[array.index].end ? RESPElement(index: index) : nil
    }
}

// MARK: - Building

extension RESPReply {
    /// Keeps the memory for the next reply unless it is much.
    mutating func clear() {
        nodes.removeAll(keepingCapacity: nodes.capacity <= 1024)
        if bytes.capacity > Self.keptByteCount { bytes.release() } else { bytes.clear() }
    }

    private static let keptByteCount = 256 << 10

    var byteCount: Int { bytes.count }

    mutating func add(_ kind: Kind, text: borrowing Span<UInt8>) {
        nodes.append(Node(kind: kind, start: bytes.count, count: text.count))
        bytes.append(text)
    }

    mutating func add(array count: Int) { nodes.append(Node(kind: .array, count: count)) }
    mutating func add(integer: Int) { nodes.append(Node(kind: .integer, integer: integer)) }
    mutating func addNull() { nodes.append(Node(kind: .null)) }

    /// All elements are there: each learns where it ends, from the last to the first.
    mutating func finish() {
        for index in nodes.indices.reversed() {
            var end = index + 1
            if nodes[index].kind == .array {
                for _ in 0..<nodes[index].count { end = nodes[end].end }
            }
            nodes[index].end = end
        }
    }
}
