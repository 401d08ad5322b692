// SPDX-License-Identifier: Apache-2.0

/// The links of several queues over the same keys; a key is in one queue at most.
struct KeyLinks {
    static let none = UInt32.max
    fileprivate var previous: ContiguousArray<UInt32>
    fileprivate var next: ContiguousArray<UInt32>

    init(keyCount: Int) {
        previous = ContiguousArray(repeating: Self.none, count: keyCount)
        next = previous
    }

    func following(_ key: UInt32) -> UInt32 { next[Int(key)] }
}

/// One queue: joined at its tail, oldest at its head.
struct KeyList {
    private(set) var head = KeyLinks.none
    private(set) var tail = KeyLinks.none
    private(set) var bytes = 0

    var isEmpty: Bool { head == KeyLinks.none }

    mutating func append(_ key: UInt32, size: Int, in links: inout KeyLinks) {
        links.previous[Int(key)] = tail
        links.next[Int(key)] = KeyLinks.none
        if tail == KeyLinks.none { head = key } else { links.next[Int(tail)] = key }
        tail = key
        bytes += size
    }

    mutating func remove(_ key: UInt32, size: Int, in links: inout KeyLinks) {
        let before = links.previous[Int(key)]
        let after = links.next[Int(key)]
        if before == KeyLinks.none { head = after } else { links.next[Int(before)] = after }
        if after == KeyLinks.none { tail = before } else { links.previous[Int(after)] = before }
        bytes -= size
    }
}
