// SPDX-License-Identifier: Apache-2.0
package import Bytes

extension ByteBuffer {
    /// Appends `units` of 10^-`decimals` as a decimal number: 1234 with 3 decimals is `1.234`. All decimals are
    /// written, and no binary fraction is in between.
    package mutating func append(units: UInt64, decimals: Int) {
        var scale: UInt64 = 1
        for _ in 0..<decimals { scale *= 10 }
        append(decimal: Int(units / scale))
        guard decimals > 0 else { return }
        append(UInt8(ascii: "."))
        var rest = units % scale
        for _ in 0..<decimals {
            scale /= 10
            append(0x30 + UInt8(rest / scale))
            rest %= scale
        }
    }

    /// Appends nanoseconds as milliseconds, exact to the microsecond.
    package mutating func append(millisecondsOf nanoseconds: UInt64) {
        append(units: nanoseconds / 1_000, decimals: 3)
    }

    /// Appends a count that may pass the range of `Int`.
    package mutating func append(count: UInt64) {
        append(decimal: Int(clamping: count))
    }

    /// Appends `number` with leading zeros up to `digits`.
    package mutating func append(padded number: Int, digits: Int) {
        var bound = 1
        for _ in 1..<digits { bound *= 10 }
        while bound > number, bound > 1 {
            append(0x30)
            bound /= 10
        }
        append(decimal: number)
    }
}
