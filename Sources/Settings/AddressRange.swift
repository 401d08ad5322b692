// SPDX-License-Identifier: Apache-2.0

/// A network in CIDR notation. Every address is taken as the 128 bits of IPv6; IPv4 as `::ffff:a.b.c.d`.
package struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    /// The network's address: its first and its last eight bytes, in network order.
    package let high: UInt64
    package let low: UInt64
    /// 0 to 128, that of an IPv4 network counted from the first of the 128 bits.
    package let prefixLength: Int
    package let description: String

    /// `10.0.0.0/8`, `192.0.2.1`, `2001:db8::/32`; nil when `text` is none, or has bits beyond its prefix.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let bits: (high: UInt64, low: UInt64)
        var length = 128
        let isIPv4 = !parts[0].contains(":")
        if isIPv4 {
            guard let address = AddressRange.ipv4(parts[0]) else { return nil }
            bits = (0, AddressRange.mappedPrefix | UInt64(address))
        } else {
            guard let address = AddressRange.ipv6(parts[0]) else { return nil }
            bits = address
        }
        if parts.count == 2 {
            guard parts[1].utf8.count <= 3, let number = AddressRange.decimal(parts[1]), number <= (isIPv4 ? 32 : 128)
            else { return nil }
            length = isIPv4 ? 96 + number : number
        }
        high = bits.high
        low = bits.low
        prefixLength = length
        description = text
        guard high & ~highMask == 0, low & ~lowMask == 0 else { return nil }
    }

    package func contains(high: UInt64, low: UInt64) -> Bool {
        (high & highMask) == self.high && (low & lowMask) == self.low
    }

    /// `address` in host order.
    package func contains(ipv4 address: UInt32) -> Bool {
        contains(high: 0, low: AddressRange.mappedPrefix | UInt64(address))
    }

    package static func isLoopback(high: UInt64, low: UInt64) -> Bool {
        high == 0 && (low == 1 || low & 0xFFFF_FFFF_FF00_0000 == mappedPrefix | 0x7F00_0000)
    }

    private static let mappedPrefix: UInt64 = 0xFFFF_0000_0000

    private var highMask: UInt64 {
        prefixLength >= 64 ? .max : prefixLength == 0 ? 0 : .max << UInt64(64 - prefixLength)
    }
    private var lowMask: UInt64 { prefixLength <= 64 ? 0 : .max << UInt64(128 - prefixLength) }

    // MARK: Reading addresses

    private static func decimal(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { $0 &- 0x30 < 10 } ? Int(text) : nil
    }

    /// Four decimal numbers; leading zeros are refused, since some read them as octal.
    static func ipv4(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard part.utf8.count <= 3, let number = decimal(part), number < 256 else { return nil }
            guard part.utf8.count == 1 || part.utf8.first != UInt8(ascii: "0") else { return nil }
            address = address << 8 | UInt32(number)
        }
        return address
    }

    /// RFC 4291 §2.2, without a zone.
    static func ipv6(_ text: Substring) -> (high: UInt64, low: UInt64)? {
        var groups: [UInt16] = []
        var gap: Int?
        var rest = text
        if rest.hasPrefix("::") {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            let group = rest[..<end]
            if end == rest.endIndex, group.contains(".") {
                guard let address = ipv4(group) else { return nil }
                groups += [UInt16(address >> 16), UInt16(address & 0xFFFF)]
                break
            }
            guard (1...4).contains(group.utf8.count), group.utf8.first != UInt8(ascii: "+"),
                let number = UInt16(group, radix: 16)
            else { return nil }
            groups.append(number)
            rest = rest[end...]
            if rest.isEmpty { break }
            rest = rest.dropFirst()
            if rest.first == ":" {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst()
            } else if rest.isEmpty {
                return nil
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: Array(repeating: 0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        let words = groups.map(UInt64.init)
        return (
            words[0] << 48 | words[1] << 32 | words[2] << 16 | words[3],
            words[4] << 48 | words[5] << 32 | words[6] << 16 | words[7]
        )
    }
}
