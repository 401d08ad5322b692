// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Where one field line stands in the bytes of its head.
package struct FieldSlot: Sendable {
    package var valueStart: UInt32
    package var valueLength: UInt32
    package var nameStart: UInt32
    package var nameLength: UInt16
    package var name: FieldName

    package init(name: FieldName, nameRange: Range<Int>, valueRange: Range<Int>) {
        self.name = name
        nameStart = UInt32(nameRange.lowerBound)
        nameLength = UInt16(nameRange.count)
        valueStart = UInt32(valueRange.lowerBound)
        valueLength = UInt32(valueRange.count)
    }

    package var nameRange: Range<Int> { Int(nameStart)..<Int(nameStart) + Int(nameLength) }
    package var valueRange: Range<Int> { Int(valueStart)..<Int(valueStart) + Int(valueLength) }
}

/// The field lines of one message in the order in which they came, over one run of bytes.
///
/// `bytes` holds the start line too when a parser filled it, so that ranges of the head index it directly.
/// Reused by clearing: neither array gives its memory back then.
package struct Fields: Sendable {
    package private(set) var bytes: ContiguousArray<UInt8> = []
    package private(set) var slots: ContiguousArray<FieldSlot> = []
    /// Which known names occur at all.
    package private(set) var present = FieldNameSet()

    package init() {}

    package var count: Int { slots.count }
    package var isEmpty: Bool { slots.isEmpty }

    /// The bytes that all ranges of the slots refer to.
    package var span: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes.span }
    }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
        present = FieldNameSet()
    }

    // MARK: Filling, by a parser

    /// Copies a head's bytes in, after which slots may be recorded over them.
    package mutating func setBytes(_ source: borrowing Span<UInt8>) {
        bytes.removeAll(keepingCapacity: true)
        unsafe source.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    /// Adds text that no line refers to, and says where it stands.
    package mutating func appendText(_ text: StaticString) -> Range<Int> {
        let start = bytes.count
        for index in 0..<text.utf8CodeUnitCount { unsafe bytes.append(text.utf8Start[index]) }
        return start..<bytes.count
    }

    /// The same for text that is copied.
    package mutating func appendText(_ text: borrowing Span<UInt8>) -> Range<Int> {
        let start = bytes.count
        unsafe text.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
        return start..<bytes.count
    }

    /// Records a line whose ranges refer to bytes that are, or will be, set by `setBytes`.
    package mutating func record(_ slot: FieldSlot) {
        slots.append(slot)
        if slot.name != .other { present.insert(slot.name) }
    }

    // MARK: Filling, by hand

    package mutating func append(_ name: FieldName, _ value: borrowing Span<UInt8>) {
        precondition(name != .other)
        let start = bytes.count
        let text = name.lowercased
        for index in 0..<text.utf8CodeUnitCount { unsafe bytes.append(text.utf8Start[index]) }
        appendValue(value, name: name, nameRange: start..<bytes.count)
    }

    package mutating func append(name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>) {
        let start = bytes.count
        unsafe name.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
        appendValue(value, name: FieldName.lookUp(name), nameRange: start..<bytes.count)
    }

    /// For tests and for Larder's own answers.
    package mutating func append(_ name: String, _ value: String) {
        append(name: Array(name.utf8).span, Array(value.utf8).span)
    }

    private mutating func appendValue(_ value: borrowing Span<UInt8>, name: FieldName, nameRange: Range<Int>) {
        let start = bytes.count
        unsafe value.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
        record(FieldSlot(name: name, nameRange: nameRange, valueRange: start..<bytes.count))
    }

    package mutating func remove(_ name: FieldName) {
        guard present.contains(name) else { return }
        slots.removeAll { $0.name == name }
        present = FieldNameSet()
        for slot in slots where slot.name != .other { present.insert(slot.name) }
    }

    // MARK: Reading

    package func contains(_ name: FieldName) -> Bool { present.contains(name) }

    /// The first line of that name, as an index into `slots`.
    package func firstIndex(of name: FieldName) -> Int? {
        guard present.contains(name) else { return nil }
        for index in slots.indices where slots[index].name == name { return index }
        return nil
    }

    /// The last line of that name, as an index into `slots`.
    package func lastIndex(of name: FieldName) -> Int? {
        guard present.contains(name) else { return nil }
        return slots.lastIndex { $0.name == name }
    }

    package func count(of name: FieldName) -> Int {
        guard present.contains(name) else { return 0 }
        var count = 0
        for slot in slots where slot.name == name { count += 1 }
        return count
    }

    @_lifetime(borrow self)
    package borrowing func name(at index: Int) -> Span<UInt8> {
        bytes.span.extracting(slots[index].nameRange)
    }

    @_lifetime(borrow self)
    package borrowing func value(at index: Int) -> Span<UInt8> {
        bytes.span.extracting(slots[index].valueRange)
    }

    /// The value of the first line of that name; empty when there is none.
    @_lifetime(borrow self)
    package borrowing func firstValue(of name: FieldName) -> Span<UInt8> {
        guard let index = firstIndex(of: name) else { return bytes.span.extracting(0..<0) }
        return bytes.span.extracting(slots[index].valueRange)
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
