// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Settings

/// What a route asks of a request besides its path.
struct RouteCondition: Sendable {
    /// A bit for each method.
    private let methods: UInt32
    /// Lower case; `.example.com` for all names below it. Empty for every host.
    private let hosts: ContiguousArray<ContiguousArray<UInt8>>

    init(_ route: RouteSettings) {
        var methods: UInt32 = route.methods.isEmpty ? .max : 0
        for name in route.methods {
            let method = Method(Array(name.utf8).span)
            methods |= Self.bit(method)
            // HEAD and PURGE ask about what GET answers (RFC 9110 §9.3.2).
            if method == .get { methods |= Self.bit(.head) | Self.bit(.purge) }
        }
        self.methods = methods
        hosts = ContiguousArray(
            route.hosts.map { ContiguousArray($0.hasPrefix("*.") ? $0.utf8.dropFirst() : $0.utf8[...]) })
    }

    private static func bit(_ method: Method) -> UInt32 { 1 << UInt32(method.rawValue) }

    func holds(_ method: Method, _ host: borrowing Span<UInt8>) -> Bool {
        guard methods & Self.bit(method) != 0 else { return false }
        return hosts.isEmpty || isAmongHosts(host)
    }

    private func isAmongHosts(_ host: borrowing Span<UInt8>) -> Bool {
        let name = Self.nameRange(host)
        for index in hosts.indices where Self.ends(host, name, with: hosts[index]) { return true }
        return false
    }

    /// Whether the name is the wanted one, or below it if that begins with a dot.
    private static func ends(
        _ host: borrowing Span<UInt8>, _ name: Range<Int>, with wanted: ContiguousArray<UInt8>
    ) -> Bool {
        guard let first = wanted.first else { return false }
        let isBelow = first == UInt8(ascii: ".")
        guard isBelow ? name.count > wanted.count : name.count == wanted.count else { return false }
        let start = name.upperBound - wanted.count
        for offset in wanted.indices where ASCII.lowercased(host[start + offset]) != wanted[offset] { return false }
        return true
    }

    /// Without the port, and without the brackets of an IPv6 address.
    private static func nameRange(_ host: borrowing Span<UInt8>) -> Range<Int> {
        if host.count > 1, host[0] == UInt8(ascii: "[") {
            for index in 1..<host.count where host[index] == UInt8(ascii: "]") { return 1..<index }
            return 0..<host.count
        }
        var end = host.count
        while end > 0, ASCII.isDigit(host[end - 1]) { end -= 1 }
        return end > 0 && host[end - 1] == ASCII.colon ? 0..<(end - 1) : 0..<host.count
    }
}
