// SPDX-License-Identifier: Apache-2.0

/// One to four bytes in a row, with how many they are: what a text is looked through for, whole patterns being too many.
package struct Gram: Hashable, Sendable {
    package static let maximumLength = 4

    package let value: UInt64

    /// - Parameters:
    ///   - window: the last bytes of what was read, the newest lowest.
    ///   - length: how many of them count, up to four.
    package init(_ window: UInt64, length: Int) {
        value = window & (1 << UInt64(length * 8) - 1) | UInt64(length) << 32
    }

    package var length: Int { Int(value >> 32) }
}

extension Glob {
    /// Calls `body` with grams that every matching text contains behind the literal prefix, until it answers no: all of
    /// four bytes, and runs between wildcards that are shorter as a whole.
    package func forEachGram(_ body: (Gram) -> Bool) {
        var window: UInt64 = 0
        var run = 0
        for element in elements.dropFirst(literalPrefix.count) {
            if let byte = UInt8(exactly: element) {
                window = window << 8 | UInt64(byte)
                run += 1
                if run >= Gram.maximumLength, !body(Gram(window, length: Gram.maximumLength)) { return }
                continue
            }
            if run > 0, run < Gram.maximumLength, !body(Gram(window, length: run)) { return }
            run = 0
        }
        // Nobody asks any more what `body` answers to the last.
        if run > 0, run < Gram.maximumLength { _ = body(Gram(window, length: run)) }
    }
}
