// SPDX-License-Identifier: Apache-2.0
package import Bytes

extension Fields {
    /// Where the whole line stands as it came, its CRLF included; nil when it is not spelled `name: value`.
    borrowing func plainLine(at index: Int) -> Range<Int>? {
        let slot = slots[index]
        let (name, value) = (slot.nameRange, slot.valueRange)
        guard value.lowerBound == name.upperBound &+ 2, value.upperBound &+ 2 <= byteCount,
            bytes[name.upperBound] == ASCII.colon, bytes[name.upperBound &+ 1] == ASCII.space,
            bytes[value.upperBound] == ASCII.carriageReturn, bytes[value.upperBound &+ 1] == ASCII.lineFeed
        else { return nil }
        return name.lowerBound..<value.upperBound &+ 2
    }
}

/// Copies field lines from one head to another. Lines that stand side by side go in one piece, for most of a head
/// passes on as it came.
package struct FieldLineCopy: ~Copyable {
    private var run = 0..<0

    package init() {}

    /// The line goes behind those before it, no later than `end`.
    package mutating func add(_ index: Int, of fields: borrowing Fields, into buffer: inout ByteBuffer) {
        guard let line = fields.plainLine(at: index) else {
            end(of: fields, into: &buffer)
            buffer.append(fields.name(at: index))
            buffer.append(": ")
            buffer.append(fields.value(at: index))
            buffer.append("\r\n")
            return
        }
        if line.lowerBound == run.upperBound, !run.isEmpty {
            run = run.lowerBound..<line.upperBound
        } else {
            end(of: fields, into: &buffer)
            run = line
        }
    }

    /// To be called before anything else is written, and after the last line.
    package mutating func end(of fields: borrowing Fields, into buffer: inout ByteBuffer) {
        guard !run.isEmpty else { return }
        buffer.append(fields.bytes.extracting(run))
        run = 0..<0
    }
}
