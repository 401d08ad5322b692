// SPDX-License-Identifier: Apache-2.0

/// Non-negative decimal numbers as protocols write them: digits alone, no sign, no blanks.
package enum DecimalText {
    /// The number; nil when `text` is empty, holds anything but digits, or does not fit.
    package static func parse(_ text: borrowing Span<UInt8>) -> Int? {
        guard !text.isEmpty else { return nil }
        var number = 0
        for index in text.indices {
            guard ASCII.isDigit(text[index]) else { return nil }
            let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(text[index] &- 0x30))
            guard !overflow, !carry else { return nil }
            number = sum
        }
        return number
    }

    /// The number, or `limit` when it is larger than that, however many digits it has; nil when `text` is empty
    /// or holds anything but digits.
    package static func parseClamped(_ text: borrowing Span<UInt8>, to limit: Int = .max) -> Int? {
        guard !text.isEmpty else { return nil }
        for index in text.indices where !ASCII.isDigit(text[index]) { return nil }
        return Swift.min(parse(text) ?? limit, limit)
    }
}

extension ByteBuffer {
    /// Appends `number`, which is not negative, in lower-case hexadecimal.
    package mutating func append(hex number: Int) {
        precondition(number >= 0)
        var shift = number == 0 ? 0 : (Int.bitWidth - 1 - number.leadingZeroBitCount) / 4 * 4
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: number >> shift) & 15
            append(digit < 10 ? digit + 0x30 : digit + 0x57)
            shift -= 4
        }
    }
}
