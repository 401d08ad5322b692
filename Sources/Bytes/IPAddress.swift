// SPDX-License-Identifier: Apache-2.0

/// An IPv4 or IPv6 address in 16 bytes; IPv4 is held as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so that a peer is
/// the same address whichever socket it came through.
public struct IPAddress: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package init(v4: UInt32) { self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(v4)) }

    package static let loopback = IPAddress(v4: 0x7F00_0001)
    package static let any = IPAddress(v4: 0)

    package var isV4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// 127.0.0.0/8 and ::1.
    package var isLoopback: Bool {
        isV4 ? UInt8(truncatingIfNeeded: low >> 24) == 127 : high == 0 && low == 1
    }

    /// The `index`-th of eight groups of 16 bits.
    func group(_ index: Int) -> UInt16 {
        let half = index < 4 ? high : low
        return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index & 3)))
    }

    mutating func setGroup(_ index: Int, _ value: UInt16) {
        let shift = UInt64(48 - 16 * (index & 3))
        if index < 4 { high |= UInt64(value) << shift } else { low |= UInt64(value) << shift }
    }
}

// MARK: Text

extension IPAddress {
    /// Reads `192.0.2.1` or `2001:db8::1` (no brackets, no zone), or answers nil.
    package init?(_ text: borrowing Span<UInt8>) {
        var hasColon = false
        for index in 0..<text.count where text[index] == ASCII.colon { hasColon = true }
        if hasColon {
            self.init(v6: text)
        } else {
            guard let v4 = Self.dottedQuad(text, from: 0) else { return nil }
            self.init(v4: v4)
        }
    }

    package init?(_ text: String) {
        guard let address = IPAddress(text.utf8Span.span) else { return nil }
        self = address
    }

    /// Four decimal numbers without leading zeros, to the end of `text`.
    private static func dottedQuad(_ text: borrowing Span<UInt8>, from start: Int) -> UInt32? {
        var value: UInt32 = 0
        var part: UInt32 = 0
        var digits = 0
        var dots = 0
        for index in start..<text.count {
            let byte = text[index]
            if ASCII.isDigit(byte) {
                guard digits == 0 || part != 0 else { return nil }
                part = part * 10 + UInt32(byte - 0x30)
                digits += 1
                guard part < 256 else { return nil }
            } else {
                guard byte == UInt8(ascii: "."), digits > 0, dots < 3 else { return nil }
                value = value << 8 | part
                part = 0
                digits = 0
                dots += 1
            }
        }
        return dots == 3 && digits > 0 ? value << 8 | part : nil
    }

    /// RFC 4291 §2.2, the dotted form of the last 32 bits included.
    private init?(v6 text: borrowing Span<UInt8>) {
        self.init(high: 0, low: 0)
        var groups = [UInt16]()
        var gap = -1
        var index = 0
        if text.count >= 2, text[0] == ASCII.colon {
            guard text[1] == ASCII.colon else { return nil }
            gap = 0
            index = 2
        }
        while index < text.count {
            let start = index
            var value: UInt32 = 0
            while index < text.count, let digit = ASCII.hexValue(text[index]) {
                value = value << 4 | UInt32(digit)
                index += 1
                guard index - start <= 4 else { return nil }
            }
            if index < text.count, text[index] == UInt8(ascii: ".") {
                guard let quad = Self.dottedQuad(text, from: start) else { return nil }
                groups += [UInt16(quad >> 16), UInt16(truncatingIfNeeded: quad)]
                break
            }
            guard index > start else { return nil }
            groups.append(UInt16(value))
            guard index < text.count else { break }
            guard text[index] == ASCII.colon, index + 1 < text.count, groups.count < 8 else { return nil }
            index += 1
            if text[index] == ASCII.colon {
                guard gap < 0 else { return nil }
                gap = groups.count
                index += 1
            }
        }
        guard gap < 0 ? groups.count == 8 : groups.count < 8 else { return nil }
        for (place, value) in groups.enumerated() {
            setGroup(gap >= 0 && place >= gap ? place + 8 - groups.count : place, value)
        }
    }

    /// Writes the canonical text: dotted for IPv4, RFC 5952 for IPv6.
    package func write(into buffer: inout ByteBuffer) {
        guard !isV4 else {
            for part in 0..<4 {
                if part > 0 { buffer.append(UInt8(ascii: ".")) }
                buffer.append(octet: UInt8(truncatingIfNeeded: low >> UInt64(24 - 8 * part)))
            }
            return
        }
        let zeros = longestZeros()
        var index = 0
        while index < 8 {
            if index == zeros.lowerBound, !zeros.isEmpty {
                buffer.append("::")
                index = zeros.upperBound
                continue
            }
            if index > 0, index != zeros.upperBound || zeros.isEmpty { buffer.append(ASCII.colon) }
            buffer.append(hexadecimal: group(index))
            index += 1
        }
    }

    /// The first of the longest runs of two or more zero groups (RFC 5952 §4.2).
    private func longestZeros() -> Range<Int> {
        var longest = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || group(index) != 0 {
            if index - start > max(1, longest.count) { longest = start..<index }
            start = index + 1
        }
        return longest
    }
}

extension ByteBuffer {
    /// In decimal.
    fileprivate mutating func append(octet: UInt8) {
        if octet >= 100 { append(octet / 100 &+ 0x30) }
        if octet >= 10 { append(octet / 10 % 10 &+ 0x30) }
        append(octet % 10 &+ 0x30)
    }

    fileprivate mutating func append(hexadecimal number: UInt16) {
        var isLeading = true
        for place in 0..<4 {
            let digit = UInt8(truncatingIfNeeded: number >> UInt16(12 - 4 * place)) & 0xF
            isLeading = isLeading && digit == 0 && place < 3
            if !isLeading { append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
        }
    }
}

extension IPAddress: CustomStringConvertible {
    public var description: String {
        var buffer = ByteBuffer(capacity: 40)
        write(into: &buffer)
        return buffer.span.text()
    }
}
