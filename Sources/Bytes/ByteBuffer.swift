// SPDX-License-Identifier: Apache-2.0

/// A growable queue of bytes with one owner: written at its end, read at its front.
///
///     | consumed | readable | writable |
///     0      reader      writer    capacity
@usableFromInline
@safe package struct ByteBuffer: ~Copyable {
    @usableFromInline var storage: UnsafeMutableBufferPointer<UInt8>
    @usableFromInline var reader = 0
    @usableFromInline var writer = 0

    package init(capacity: Int = 0) {
        unsafe storage = capacity > 0 ? .allocate(capacity: capacity) : .init(start: nil, count: 0)
    }

    deinit { unsafe storage.deallocate() }

    @inlinable
    package var count: Int { writer - reader }
    @inlinable
    package var isEmpty: Bool { writer == reader }
    @inlinable
    package var capacity: Int { unsafe storage.count }

    /// The bytes not yet consumed.
    @inlinable
    package var span: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            let pointer = unsafe UnsafeBufferPointer(rebasing: storage[reader..<writer])
            let span = unsafe Span(_unsafeElements: pointer)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    @inlinable
    package mutating func consume(_ count: Int) {
        precondition(count >= 0 && count <= self.count)
        reader += count
        if reader == writer {
            reader = 0
            writer = 0
        }
    }

    /// Forgets the content and keeps the memory.
    @inlinable
    package mutating func clear() {
        reader = 0
        writer = 0
    }

    /// Forgets the content and gives the memory back.
    package mutating func release() {
        clear()
        unsafe storage.deallocate()
        unsafe storage = .init(start: nil, count: 0)
    }

    /// Keeps the first `count` readable bytes and drops what follows them.
    package mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count)
        writer = reader + count
    }

    /// Over eight bytes that are there, from `offset` behind the first readable one on.
    package mutating func overwrite(at offset: Int, littleEndian number: UInt64) {
        precondition(offset >= 0 && offset <= count - 8)
        for index in 0..<8 {
            unsafe storage[reader + offset + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
        }
    }

    @inlinable
    package mutating func reserve(_ additional: Int) {
        if capacity - writer < additional { makeRoom(additional) }
    }

    /// To that many bytes in all and no more.
    package mutating func grow(to wanted: Int) {
        guard wanted > capacity else { return }
        move(to: wanted)
    }

    private mutating func move(to wanted: Int) {
        let used = count
        let grown = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: wanted)
        if used > 0, let from = unsafe storage.baseAddress, let into = grown.baseAddress {
            unsafe into.update(from: from + reader, count: used)
        }
        unsafe storage.deallocate()
        unsafe storage = grown
        reader = 0
        writer = used
    }

    @usableFromInline
    mutating func makeRoom(_ additional: Int) {
        let used = count
        if capacity - used >= additional, reader >= capacity / 2 {
            if let base = unsafe storage.baseAddress { unsafe base.update(from: base + reader, count: used) }
            reader = 0
            writer = used
        } else {
            move(to: Swift.max(used + additional, capacity * 2, 64))
        }
    }

    @inlinable
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe storage[writer] = byte
        writer += 1
    }

    @inlinable
    package mutating func append(_ bytes: borrowing Span<UInt8>) {
        let added = bytes.count
        guard added > 0 else { return }
        reserve(added)
        unsafe bytes.withUnsafeBufferPointer { from in
            if let into = unsafe storage.baseAddress, let base = from.baseAddress {
                unsafe (into + writer).update(from: base, count: added)
            }
        }
        writer += added
    }

    @inlinable @inline(__always)
    package mutating func append(_ text: StaticString) {
        let added = text.utf8CodeUnitCount
        reserve(added)
        if let into = unsafe storage.baseAddress { unsafe (into + writer).update(from: text.utf8Start, count: added) }
        writer += added
    }

    /// Named apart: a literal would be taken for a `String`, which costs reference counting.
    package mutating func append(text: String) {
        var text = text
        text.withUTF8 { unsafe append(Span(_unsafeElements: $0)) }
    }

    /// Appends `number` in decimal, without a sign unless it is negative.
    package mutating func append(decimal number: Int) {
        reserve(20)
        if number < 0 {
            unsafe storage[writer] = UInt8(ascii: "-")
            writer &+= 1
        }
        var rest = number.magnitude
        writer &+= Self.digitCount(rest)
        var place = writer
        repeat {
            place &-= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            unsafe storage[place] = UInt8(truncatingIfNeeded: digit) &+ 0x30
            rest = quotient
        } while rest != 0
    }

    private static func digitCount(_ number: UInt) -> Int {
        var rest = number
        var digits = 1
        while rest >= 10_000 {
            rest /= 10_000
            digits &+= 4
        }
        return digits &+ (rest >= 10 ? 1 : 0) &+ (rest >= 100 ? 1 : 0) &+ (rest >= 1000 ? 1 : 0)
    }

    /// Room for at least `minimum` bytes is handed to `fill`, which answers how many it wrote.
    package mutating func fill<Failure: Error>(
        minimum: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        reserve(minimum)
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(storage)[writer...])
        let written = unsafe try fill(room)
        precondition(written >= 0 && written <= room.count)
        writer += written
        return written
    }
}
