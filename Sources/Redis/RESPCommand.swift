// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Commands as they go over the wire: an array of bulk strings.
extension ByteBuffer {
    /// Begins a command of `count` arguments, its name not counted; exactly so many must follow.
    package mutating func beginCommand(_ name: StaticString, arguments count: Int) {
        append(UInt8(ascii: "*"))
        append(decimal: count + 1)
        append("\r\n")
        argument(name)
    }

    package mutating func argument(_ bytes: borrowing Span<UInt8>) {
        beginArgument(byteCount: bytes.count)
        append(bytes)
        endArgument()
    }

    package mutating func argument(_ text: StaticString) {
        beginArgument(byteCount: text.utf8CodeUnitCount)
        append(text)
        endArgument()
    }

    package mutating func argument(_ text: String) {
        beginArgument(byteCount: text.utf8.count)
        append(text: text)
        endArgument()
    }

    package mutating func argument(decimal number: Int) {
        let digits = number == .min ? 20 : ByteBuffer.digitCount(number)
        beginArgument(byteCount: digits)
        append(decimal: number)
        endArgument()
    }

    /// For an argument put together in place: exactly `byteCount` bytes are appended before `endArgument`.
    package mutating func beginArgument(byteCount: Int) {
        append(UInt8(ascii: "$"))
        append(decimal: byteCount)
        append("\r\n")
    }

    package mutating func endArgument() { append("\r\n") }

    private static func digitCount(_ number: Int) -> Int {
        var count = number < 0 ? 2 : 1
        var rest = number.magnitude / 10
        while rest > 0 {
            count += 1
            rest /= 10
        }
        return count
    }
}
