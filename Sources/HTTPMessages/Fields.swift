// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Where one field line stands in the bytes of its head.
@usableFromInline
package struct FieldSlot: Sendable {
    @usableFromInline package var valueStart: UInt32
    @usableFromInline package var valueLength: UInt32
    @usableFromInline package var nameStart: UInt32
    @usableFromInline package var nameLength: UInt16
    @usableFromInline package var name: FieldName

    @inlinable @inline(__always)
    package init(name: FieldName, nameRange: Range<Int>, valueRange: Range<Int>) {
        self.name = name
        nameStart = UInt32(nameRange.lowerBound)
        nameLength = UInt16(nameRange.count)
        valueStart = UInt32(valueRange.lowerBound)
        valueLength = UInt32(valueRange.count)
    }

    @inlinable package var nameRange: Range<Int> { Int(nameStart)..<Int(nameStart) + Int(nameLength) }
    @inlinable package var valueRange: Range<Int> { Int(valueStart)..<Int(valueStart) + Int(valueLength) }
}

/// The field lines of one message in the order in which they came, over one run of bytes.
///
/// `bytes` holds the start line too when a parser filled it, so that ranges of the head index it directly.
/// Reused by clearing: neither array gives its memory back then, nor is it emptied, only written over.
@usableFromInline
package struct Fields: Sendable {
    @usableFromInline var byteStorage: ContiguousArray<UInt8> = []
    @usableFromInline var slotStorage: ContiguousArray<FieldSlot> = []
    // Small, as fields are lent with their head.
    @usableFromInline var byteEnd: UInt32 = 0
    @usableFromInline var lineCount: UInt32 = 0
    /// Which known names occur at all; `.other` stands for all that are not known.
    @usableFromInline package private(set) var present = FieldNameSet()

    package init() {}

    @inlinable @inline(__always)
    var byteCount: Int {
        get { Int(byteEnd) }
        set { byteEnd = UInt32(newValue) }
    }

    @inlinable @inline(__always)
    package var count: Int { Int(lineCount) }

    /// With room for what `other` holds.
    package init(asLargeAs other: borrowing Fields) {
        byteStorage.reserveCapacity(other.byteCount)
        slotStorage.reserveCapacity(other.count)
    }

    @inlinable package var isEmpty: Bool { count == 0 }

    /// The bytes that all ranges of the slots refer to.
    @inlinable
    package var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { byteStorage.span.extracting(0..<byteCount) }
    }

    @inlinable
    package var slots: Span<FieldSlot> {
        @_lifetime(borrow self)
        borrowing get { slotStorage.span.extracting(0..<count) }
    }

    /// What is kept when it is cleared.
    @inlinable package var allocatedBytes: Int {
        byteStorage.capacity + slotStorage.capacity * MemoryLayout<FieldSlot>.stride
    }

    package mutating func removeAll() {
        byteCount = 0
        lineCount = 0
        present = FieldNameSet()
    }

    // MARK: Filling, by a parser

    /// Copies a head's bytes in, after which slots may be recorded over them.
    package mutating func setBytes(_ source: borrowing Span<UInt8>) {
        byteCount = 0
        appendBytes(source)
    }

    /// Adds text that no line refers to, and says where it stands.
    package mutating func appendText(_ text: StaticString) -> Range<Int> {
        let start = byteCount
        text.withUTF8Buffer { unsafe appendBytes(Span(_unsafeElements: $0)) }
        return start..<byteCount
    }

    /// The same for text that is copied.
    package mutating func appendText(_ text: borrowing Span<UInt8>) -> Range<Int> {
        let start = byteCount
        appendBytes(text)
        return start..<byteCount
    }

    /// Records a line whose ranges refer to bytes that are, or will be, set by `setBytes`.
    package mutating func record(_ slot: FieldSlot) {
        if count < slotStorage.count { slotStorage[count] = slot } else { slotStorage.append(slot) }
        lineCount &+= 1
        present.insert(slot.name)
    }

    private mutating func appendBytes(_ source: borrowing Span<UInt8>) {
        let (start, end) = (byteCount, byteCount + source.count)
        byteCount = end
        guard end <= byteStorage.count else {
            if start < byteStorage.count { byteStorage.removeLast(byteStorage.count - start) }
            unsafe source.withUnsafeBufferPointer { unsafe byteStorage.append(contentsOf: $0) }
            return
        }
        var target = byteStorage.mutableSpan
        unsafe target.withUnsafeMutableBytes { target in
            unsafe source.withUnsafeBytes { source in
                guard let into = target.baseAddress, let from = source.baseAddress else { return }
                unsafe (into + start).copyMemory(from: from, byteCount: source.count)
            }
        }
    }

    // MARK: Filling, by hand

    package mutating func append(_ name: FieldName, _ value: borrowing Span<UInt8>) {
        precondition(name != .other)
        appendValue(value, name: name, nameRange: appendText(name.lowercased))
    }

    package mutating func append(name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>) {
        let start = byteCount
        appendBytes(name)
        appendValue(value, name: FieldName.lookUp(name), nameRange: start..<byteCount)
    }

    /// For tests and for Larder's own answers.
    package mutating func append(_ name: String, _ value: String) {
        append(name: Array(name.utf8).span, Array(value.utf8).span)
    }

    private mutating func appendValue(_ value: borrowing Span<UInt8>, name: FieldName, nameRange: Range<Int>) {
        let start = byteCount
        appendBytes(value)
        record(FieldSlot(name: name, nameRange: nameRange, valueRange: start..<byteCount))
    }

    /// The line keeps its name and its place.
    package mutating func replaceValue(at index: Int, with value: borrowing Span<UInt8>) {
        let range = appendText(value)
        let slot = slotStorage[index]
        slotStorage[index] = FieldSlot(name: slot.name, nameRange: slot.nameRange, valueRange: range)
    }

    package mutating func remove(_ name: FieldName) {
        var names = FieldNameSet()
        names.insert(name)
        remove(names)
    }

    package mutating func remove(_ names: FieldNameSet) {
        guard present.intersects(names) else { return }
        keep { !names.contains($0.name) }
    }

    /// Marks a line to be taken away by `removeMarked`. Until then its name is empty.
    package mutating func mark(_ index: Int) { slotStorage[index].nameLength = 0 }

    package mutating func removeMarked() { keep { $0.nameLength > 0 } }

    private mutating func keep(_ isKept: (FieldSlot) -> Bool) {
        let all = count
        lineCount = 0
        present = FieldNameSet()
        for index in 0..<all where isKept(slotStorage[index]) { record(slotStorage[index]) }
    }

    /// Gives a line another value, which stands among the bytes already.
    package mutating func setValue(at index: Int, _ range: Range<Int>) {
        slotStorage[index].valueStart = UInt32(range.lowerBound)
        slotStorage[index].valueLength = UInt32(range.count)
    }

    // MARK: Reading

    @inlinable
    package func contains(_ name: FieldName) -> Bool { present.contains(name) }

    /// The first line of that name, as an index into `slots`.
    @inlinable
    package func firstIndex(of name: FieldName) -> Int? {
        guard present.contains(name) else { return nil }
        for index in slots.indices where slots[index].name == name { return index }
        return nil
    }

    /// The line of that name, as an index into `slots`; nil when there is none, and when there are several.
    package func onlyIndex(of name: FieldName) -> Int? {
        guard present.contains(name) else { return nil }
        var only: Int?
        for index in slots.indices where slots[index].name == name {
            if only != nil { return nil }
            only = index
        }
        return only
    }

    /// The last line of that name, as an index into `slots`.
    package func lastIndex(of name: FieldName) -> Int? {
        guard present.contains(name) else { return nil }
        var index = count
        while index > 0 {
            index &-= 1
            if slotStorage[index].name == name { return index }
        }
        return nil
    }

    package func count(of name: FieldName) -> Int {
        guard present.contains(name) else { return 0 }
        var count = 0
        for index in slots.indices where slots[index].name == name { count += 1 }
        return count
    }

    @inlinable
    @_lifetime(borrow self)
    package borrowing func name(at index: Int) -> Span<UInt8> {
        bytes.extracting(slots[index].nameRange)
    }

    @inlinable
    @_lifetime(borrow self)
    package borrowing func value(at index: Int) -> Span<UInt8> {
        bytes.extracting(slots[index].valueRange)
    }

    /// The value of the first line of that name; empty when there is none.
    @inlinable
    @_lifetime(borrow self)
    package borrowing func firstValue(of name: FieldName) -> Span<UInt8> {
        guard let index = firstIndex(of: name) else { return bytes.extracting(0..<0) }
        return bytes.extracting(slots[index].valueRange)
    }

    /// Calls `body` with the value of each line of that name, in order.
    package func forEachValue(of name: FieldName, _ body: (borrowing Span<UInt8>) -> Void) {
        guard present.contains(name) else { return }
        for index in slots.indices where slots[index].name == name { body(value(at: index)) }
    }

    /// The value of the first line of that name as text; for tests, logs and slow paths.
    package func text(of name: FieldName) -> String? {
        guard let index = firstIndex(of: name) else { return nil }
        return value(at: index).text()
    }
}
