// SPDX-License-Identifier: Apache-2.0

/// Looking at eight bytes at a time.
extension Span where Element == UInt8 {
    /// Eight bytes from `offset` on, the first one lowest.
    @inlinable @inline(__always)
    package func word(at offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Four bytes from `offset` on, the first one lowest.
    @inlinable @inline(__always)
    package func halfWord(at offset: Int) -> UInt32 {
        UInt32(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// Where a scan that found nothing in the word at `index` goes on: at the next word or, when only a part of one is
    /// left, at the last whole one, whose first bytes it sees again.
    @inlinable @inline(__always)
    func nextWord(after index: Int, in range: Range<Int>) -> Int {
        let next = index &+ 8
        return next < range.upperBound && next &+ 8 > range.upperBound ? range.upperBound &- 8 : next
    }

    /// Where the first control byte (below space, or DEL) stands in `range`; its upper bound when there is none.
    @inlinable
    package func firstControl(in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index &+ 8 <= range.upperBound {
            let bytes = word(at: index)
            let found = ByteLanes.below(0x20, bytes) | ByteLanes.equal(0x7F, bytes)
            if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
            index = nextWord(after: index, in: range)
        }
        while index < range.upperBound, self[index] >= 0x20, self[index] != 0x7F { index &+= 1 }
        return index
    }

    /// Where the first byte outside 0x21…0x7E stands in `range`; its upper bound when there is none.
    @inlinable
    package func firstNotVisible(in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index &+ 8 <= range.upperBound {
            let bytes = word(at: index)
            let found = ByteLanes.below(0x21, bytes) | ByteLanes.equal(0x7F, bytes) | bytes & ByteLanes.high
            if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
            index = nextWord(after: index, in: range)
        }
        while index < range.upperBound, self[index] > 0x20, self[index] < 0x7F { index &+= 1 }
        return index
    }

    /// Where the first byte that no URI may hold (`ASCII.isURIByte`) stands in `range`; its upper bound when there is
    /// none.
    @inlinable
    package func firstNotURI(in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index &+ 8 <= range.upperBound {
            let found = ByteLanes.suspectInURI(word(at: index))
            if found == 0 {
                index = nextWord(after: index, in: range)
                continue
            }
            index &+= found.trailingZeroBitCount / 8
            guard ASCII.isURIByte(self[index]) else { return index }
            index &+= 1
        }
        while index < range.upperBound, ASCII.isURIByte(self[index]) { index &+= 1 }
        return index
    }

    /// Where the first byte stands in `range` that is no letter, digit, hyphen or slash, of which most paths are made;
    /// its upper bound when there is none.
    @inlinable
    package func firstNotPlainPath(in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index &+ 8 <= range.upperBound {
            let found = ~ByteLanes.plainPath(word(at: index)) & ByteLanes.high
            if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
            index = nextWord(after: index, in: range)
        }
        while index < range.upperBound {
            let byte = self[index]
            guard ASCII.isLetter(byte) || byte &- 0x2F < 11 || byte == 0x2D else { return index }
            index &+= 1
        }
        return index
    }

    /// Where the first byte stands in `range` that cannot go as it is between double quotes: outside 0x20…0x7E, a
    /// quote or a backslash; the range's upper bound when there is none.
    package func firstNotQuotable(in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index &+ 8 <= range.upperBound {
            let bytes = word(at: index)
            let escaped = ByteLanes.equal(0x22, bytes) | ByteLanes.equal(0x5C, bytes)
            let outside = ByteLanes.below(0x20, bytes) | ByteLanes.equal(0x7F, bytes) | bytes & ByteLanes.high
            let found = escaped | outside
            if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < range.upperBound {
            let byte = self[index]
            if byte < 0x20 || byte >= 0x7F || byte == 0x22 || byte == 0x5C { return index }
            index &+= 1
        }
        return index
    }

    /// Where the first byte that is no tchar (RFC 9110 §5.6.2) stands in `range`; its upper bound when there is
    /// none. Letters and hyphens, of which names are made, go eight at a time.
    @inlinable
    package func firstNotToken(in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index &+ 8 <= range.upperBound {
            let found = ~ByteLanes.lettersAndHyphens(word(at: index)) & ByteLanes.high
            index &+= found == 0 ? 8 : found.trailingZeroBitCount / 8
            if found != 0 {
                guard ASCII.isTokenCharacter(self[index]) else { return index }
                index &+= 1
            }
        }
        while index < range.upperBound, ASCII.isTokenCharacter(self[index]) { index &+= 1 }
        return index
    }

    /// Whether all bytes are small letters, digits, `-`, `.` or `:`, as in nearly every host.
    @inlinable
    package var isPlainHost: Bool {
        var index = 0
        while index &+ 8 <= count {
            guard ByteLanes.plainHost(word(at: index)) == ByteLanes.high else { return false }
            index = nextWord(after: index, in: 0..<count)
        }
        while index < count {
            let byte = self[index]
            guard byte &- 0x61 < 26 || (byte &- 0x2D < 14 && byte != 0x2F) else { return false }
            index &+= 1
        }
        return true
    }

    /// Where the first of two bytes stands in `range`; its upper bound when neither does.
    @inlinable
    package func firstIndex(of one: UInt8, or other: UInt8, in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index &+ 8 <= range.upperBound {
            let bytes = word(at: index)
            let found = ByteLanes.equal(one, bytes) | ByteLanes.equal(other, bytes)
            if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
            index = nextWord(after: index, in: range)
        }
        while index < range.upperBound, self[index] != one, self[index] != other { index &+= 1 }
        return index
    }

    /// Where `byte` stands first in `range`, or nil.
    @inlinable
    package func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index &+ 8 <= range.upperBound {
            let found = ByteLanes.equal(byte, word(at: index))
            if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
            index = nextWord(after: index, in: range)
        }
        while index < range.upperBound {
            if self[index] == byte { return index }
            index &+= 1
        }
        return nil
    }
}

/// Questions about the eight bytes of a word. The answers have the top bit of a lane set where they hold; only
/// the lowest set bit is exact (a borrow may mark lanes above it).
@usableFromInline
package enum ByteLanes {
    @inlinable static var low: UInt64 { 0x0101_0101_0101_0101 }
    @inlinable package static var high: UInt64 { 0x8080_8080_8080_8080 }

    /// Lanes whose byte is below `bound`, which is at most 0x80.
    @inlinable @inline(__always)
    static func below(_ bound: UInt64, _ word: UInt64) -> UInt64 { (word &- low &* bound) & ~word & high }

    @inlinable @inline(__always)
    static func equal(_ byte: UInt8, _ word: UInt64) -> UInt64 {
        let difference = word ^ (low &* UInt64(byte))
        return (difference &- low) & ~difference & high
    }

    /// Lanes that hold a letter or a hyphen; every lane is exact.
    @inlinable @inline(__always)
    static func lettersAndHyphens(_ word: UInt64) -> UInt64 {
        let sevenBits = word & ~high
        let small = sevenBits | low &* 0x20
        let fromA = small &+ low &* (0x80 - 0x61)
        let aboveZ = small &+ low &* (0x80 - 0x7B)
        let notHyphen = (sevenBits ^ low &* 0x2D) &+ low &* 0x7F
        return ((fromA & ~aboveZ) | ~notHyphen) & ~word & high
    }

    /// Lanes that hold a letter, a hyphen, a digit or a slash; every lane is exact.
    @inlinable @inline(__always)
    static func plainPath(_ word: UInt64) -> UInt64 {
        let sevenBits = word & ~high
        let fromSlash = sevenBits &+ low &* (0x80 - 0x2F)
        let aboveNine = sevenBits &+ low &* (0x80 - 0x3A)
        return lettersAndHyphens(word) | (fromSlash & ~aboveNine & ~word & high)
    }

    /// Lanes that hold what no URI may hold, or a tilde.
    @inlinable @inline(__always)
    static func suspectInURI(_ word: UInt64) -> UInt64 {
        // `<`, `>`, backslash, `^`, `|` and `~` are alike but for three bits.
        let angular = equal(0x1C, word & (low &* 0x9D))
        let fromBrace = word &+ low &* (0x80 - 0x7B)
        return angular | equal(0x22, word) | equal(0x60, word) | below(0x21, word) | (word | fromBrace) & high
    }

    /// Lanes that hold a small letter, a digit, `-`, `.` or `:`; every lane is exact.
    @inlinable @inline(__always)
    static func plainHost(_ word: UInt64) -> UInt64 {
        let sevenBits = word & ~high
        let fromA = sevenBits &+ low &* (0x80 - 0x61)
        let aboveZ = sevenBits &+ low &* (0x80 - 0x7B)
        let fromHyphen = sevenBits &+ low &* (0x80 - 0x2D)
        let aboveColon = sevenBits &+ low &* (0x80 - 0x3B)
        let notSlash = (sevenBits ^ low &* 0x2F) &+ low &* 0x7F
        return ((fromA & ~aboveZ) | (fromHyphen & ~aboveColon & notSlash)) & ~word & high
    }

    /// The word with its letters in lower case; every lane is exact.
    @inlinable @inline(__always)
    package static func lowercased(_ word: UInt64) -> UInt64 {
        let sevenBits = word & ~high
        let fromA = sevenBits &+ low &* (0x80 - 0x41)
        let aboveZ = sevenBits &+ low &* (0x80 - 0x5B)
        return word | ((fromA ^ aboveZ) & ~word & high) >> 2
    }
}
