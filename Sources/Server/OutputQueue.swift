// SPDX-License-Identifier: Apache-2.0
import Bytes
import Storage

/// What a connection has yet to send, because the kernel's buffer was full. Stored bodies wait by reference.
struct OutputQueue {
    enum Content {
        case bytes(ContiguousArray<UInt8>)
        case inlineBody(StoredResponse)
        case sharedBody(StoredBody)
    }

    struct Item {
        let content: Content
        var range: Range<Int>
    }

    private var items: ContiguousArray<Item> = []
    private(set) var byteCount = 0
    // Small, as each idle connection has them.
    private var firstItem: UInt32 = 0
    private var copied: UInt32 = 0

    private var first: Int {
        get { Int(firstItem) }
        set { firstItem = UInt32(newValue) }
    }
    /// What the bytes that wait as copies take.
    private(set) var copiedByteCount: Int {
        get { Int(copied) }
        set { copied = UInt32(clamping: newValue) }
    }

    var isEmpty: Bool { first == items.count }

    mutating func append(_ content: Content, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        items.append(Item(content: content, range: range))
        byteCount += range.count
    }

    mutating func append(_ bytes: borrowing Span<UInt8>) {
        guard bytes.count > 0 else { return }
        append(.bytes(ContiguousArray(copying: bytes)), 0..<bytes.count)
        copiedByteCount += bytes.count + Self.itemBytes
    }

    /// Hands the bytes at the front to `send`, and whether they lie in pages that may be sent without a copy.
    func withFront<Result>(_ send: (_ bytes: borrowing Span<UInt8>, _ isPaged: Bool) -> Result) -> Result? {
        guard first < items.count else { return nil }
        let item = items[first]
        switch item.content {
        case .bytes(let bytes): return send(bytes.span.extracting(item.range), false)
        case .inlineBody(let stored): return send(stored.inlineBody.extracting(item.range), false)
        case .sharedBody(let body):
            guard let run = body.run(at: item.range.lowerBound) else { return nil }
            return send(run.bytes.extracting(0..<min(run.count, item.range.count)), run.isPaged)
        }
    }

    mutating func consume(_ count: Int) {
        byteCount -= count
        var rest = count
        while rest > 0 {
            let taken = min(rest, items[first].range.count)
            items[first].range = items[first].range.lowerBound + taken..<items[first].range.upperBound
            rest -= taken
            if items[first].range.isEmpty { removeFirst() }
        }
        if first == items.count {
            items.removeAll()
            copiedByteCount = 0
            first = 0
        } else if first > 64 {
            items.removeFirst(first)
            first = 0
        }
    }
}

extension OutputQueue {
    /// About what an item takes besides its bytes.
    private static var itemBytes: Int { 64 }

    /// Its memory is given back at once, its place later.
    private mutating func removeFirst() {
        if case .bytes(let bytes) = items[first].content { copiedByteCount -= bytes.count + Self.itemBytes }
        items[first] = Item(content: .bytes([]), range: 0..<0)
        first += 1
    }
}

extension ContiguousArray where Element == UInt8 {
    init(copying buffer: borrowing ByteBuffer) { self.init(copying: buffer.span) }

    init(copying bytes: borrowing Span<UInt8>) {
        self.init()
        reserveCapacity(bytes.count)
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
