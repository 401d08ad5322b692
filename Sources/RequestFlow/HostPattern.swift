// SPDX-License-Identifier: Apache-2.0
import Bytes

/// A host that routes name, or all below one.
struct HostPattern: Sendable {
    /// As it is written: in lower case, `*.example.com` for all names below that.
    let name: String
    /// `.example.com` for all names below it.
    private let wanted: ContiguousArray<UInt8>

    init(_ name: String) {
        self.name = name
        wanted = ContiguousArray(name.hasPrefix("*.") ? name.utf8.dropFirst() : name.utf8[...])
    }

    private var isBelow: Bool { wanted.first == UInt8(ascii: ".") }

    /// Whether it is the more specific one; hosts that exclude each other are in the order of their text.
    func precedes(_ other: HostPattern) -> Bool {
        if isBelow != other.isBelow { return !isBelow }
        if isBelow, wanted.count != other.wanted.count { return wanted.count > other.wanted.count }
        return name < other.name
    }

    /// - Parameter range: where the name lies in `host`.
    func holds(_ host: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard isBelow ? range.count > wanted.count : range.count == wanted.count else { return false }
        let start = range.upperBound - wanted.count
        for offset in wanted.indices where ASCII.lowercased(host[start + offset]) != wanted[offset] { return false }
        return true
    }

    /// Without the port, and without the brackets of an IPv6 address.
    static func nameRange(_ host: borrowing Span<UInt8>) -> Range<Int> {
        if host.count > 1, host[0] == UInt8(ascii: "[") {
            for index in 1..<host.count where host[index] == UInt8(ascii: "]") { return 1..<index }
            return 0..<host.count
        }
        var end = host.count
        while end > 0, ASCII.isDigit(host[end - 1]) { end -= 1 }
        return end > 0 && host[end - 1] == ASCII.colon ? 0..<(end - 1) : 0..<host.count
    }
}
