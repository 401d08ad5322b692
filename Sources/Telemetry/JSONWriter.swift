// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Writes one JSON text (RFC 8259) from front to back. Commas and escapes are its business; the nesting is that
/// of the closures, so that what comes out is well-formed.
///
///     JSONWriter.write(into: &buffer) { json in
///         json.object { json in
///             json.field("requests", 17)
///             json.object("l1") { json in json.field("bytes", 4_096) }
///         }
///     }
package struct JSONWriter: ~Copyable {
    private var buffer: ByteBuffer
    private var needsComma = false

    private init(continuing buffer: consuming ByteBuffer) { self.buffer = buffer }

    private consuming func finish() -> ByteBuffer { buffer }

    package static func write(into buffer: inout ByteBuffer, _ content: (inout JSONWriter) -> Void) {
        var taken = ByteBuffer()
        swap(&taken, &buffer)
        var writer = JSONWriter(continuing: taken)
        content(&writer)
        buffer = writer.finish()
    }

    package mutating func object(_ members: (inout JSONWriter) -> Void) {
        nest("{", members, "}")
    }

    package mutating func array(_ elements: (inout JSONWriter) -> Void) {
        nest("[", elements, "]")
    }

    package mutating func string(_ text: String) {
        separate()
        buffer.append(ASCII.doubleQuote)
        buffer.append(jsonEscaped: text)
        buffer.append(ASCII.doubleQuote)
    }

    package mutating func string(_ bytes: borrowing Span<UInt8>) {
        separate()
        buffer.append(ASCII.doubleQuote)
        buffer.append(jsonEscaped: bytes)
        buffer.append(ASCII.doubleQuote)
    }

    package mutating func number(_ value: Int) {
        separate()
        buffer.append(decimal: value)
    }

    /// `null` when it is not finite, which JSON cannot say.
    package mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        separate()
        buffer.append(text: "\(value)")
    }

    package mutating func milliseconds(nanoseconds: UInt64) {
        separate()
        buffer.append(millisecondsOf: nanoseconds)
    }

    package mutating func boolean(_ value: Bool) {
        separate()
        buffer.append(value ? "true" : "false")
    }

    package mutating func null() {
        separate()
        buffer.append("null")
    }

    /// The name of the next value; only inside an object.
    package mutating func key(_ name: String) {
        string(name)
        buffer.append(ASCII.colon)
        needsComma = false
    }

    /// A name that needs no escape.
    package mutating func key(_ name: StaticString) {
        separate()
        buffer.append(ASCII.doubleQuote)
        buffer.append(name)
        buffer.append("\":")
        needsComma = false
    }

    private mutating func separate() {
        if needsComma { buffer.append(ASCII.comma) }
        needsComma = true
    }

    private mutating func nest(_ open: StaticString, _ content: (inout JSONWriter) -> Void, _ close: StaticString) {
        separate()
        buffer.append(open)
        needsComma = false
        content(&self)
        buffer.append(close)
        needsComma = true
    }
}

/// Members of an object: name and value in one.
extension JSONWriter {
    package mutating func object(_ name: StaticString, _ members: (inout JSONWriter) -> Void) {
        key(name)
        object(members)
    }

    package mutating func array(_ name: StaticString, _ elements: (inout JSONWriter) -> Void) {
        key(name)
        array(elements)
    }

    package mutating func field(_ name: StaticString, _ value: Int) {
        key(name)
        number(value)
    }

    /// Counts past the range of `Int` stay at its end.
    package mutating func field(_ name: StaticString, _ value: UInt64) {
        field(name, Int(clamping: value))
    }

    /// Nil is `null`.
    package mutating func field(_ name: StaticString, _ value: Double?) {
        key(name)
        if let value { number(value) } else { null() }
    }

    package mutating func field(_ name: StaticString, _ value: Bool) {
        key(name)
        boolean(value)
    }

    /// Nil is `null`.
    package mutating func field(_ name: StaticString, _ value: String?) {
        key(name)
        if let value { string(value) } else { null() }
    }

    package mutating func field(_ name: StaticString, milliseconds nanoseconds: UInt64) {
        key(name)
        self.milliseconds(nanoseconds: nanoseconds)
    }
}
