// SPDX-License-Identifier: Apache-2.0

/// A block of addresses in CIDR notation: `10.0.0.0/8`, `2001:db8::/32`, or one address.
package struct AddressRange: Hashable, Sendable {
    /// The first address; bits past the prefix are zero.
    package let base: IPAddress
    /// How many leading bits of 128 are fixed; those of IPv4 are counted from the first of the 128.
    package let prefixBits: Int

    /// Reads an address, optionally with `/BITS`, or answers nil. Bits set past the prefix are refused: whoever
    /// writes `10.1.2.3/8` meant something else.
    package init?(_ text: borrowing Span<UInt8>) {
        var slash = 0
        var isV4 = true
        while slash < text.count, text[slash] != ASCII.slash {
            if text[slash] == ASCII.colon { isV4 = false }
            slash += 1
        }
        guard let base = IPAddress(text.extracting(first: slash)) else { return nil }
        let width = isV4 ? 32 : 128
        var bits = width
        if slash < text.count {
            guard slash + 1 < text.count, text.count - slash <= 4 else { return nil }
            bits = 0
            for index in slash + 1..<text.count {
                guard ASCII.isDigit(text[index]) else { return nil }
                bits = bits * 10 + Int(text[index] - 0x30)
            }
            guard bits <= width else { return nil }
        }
        self.base = base
        prefixBits = bits + 128 - width
        let mask = self.mask
        guard base.high & ~mask.high == 0, base.low & ~mask.low == 0 else { return nil }
    }

    package init?(_ text: String) {
        guard let range = AddressRange(text.utf8Span.span) else { return nil }
        self = range
    }

    package func contains(_ ip: IPAddress) -> Bool {
        let mask = self.mask
        return ip.high & mask.high == base.high && ip.low & mask.low == base.low
    }

    package func overlaps(_ other: AddressRange) -> Bool { contains(other.base) || other.contains(base) }

    /// Some of it is this machine's own.
    package var isLoopback: Bool {
        [AddressRange("127.0.0.0/8"), AddressRange("::1")].contains { $0.map(overlaps) ?? false }
    }

    /// Every IPv4 address, or every address, is in it.
    package var isEverybody: Bool { prefixBits == 0 || (prefixBits == 96 && base.isV4) }

    private var mask: IPAddress {
        IPAddress(
            high: UInt64.max << UInt64(64 - min(prefixBits, 64)),
            low: UInt64.max << UInt64(128 - max(prefixBits, 64)))
    }
}

extension AddressRange: CustomStringConvertible {
    /// One address without its prefix; IPv4 and IPv6 as they are written.
    package var description: String {
        guard prefixBits < 128 else { return base.description }
        return "\(base)/\(base.isV4 && prefixBits >= 96 ? prefixBits - 96 : prefixBits)"
    }
}
