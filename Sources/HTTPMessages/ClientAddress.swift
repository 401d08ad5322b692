// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Whom a request comes from, where proxies that are trusted stand in between.
package struct ClientAddress: Equatable, Sendable {
    package var address: IPAddress
    /// A trusted proxy stands at `address`, and whom it has the request from it says in no address: not itself.
    package var isHidden = false

    package init(_ address: IPAddress, isHidden: Bool = false) {
        self.address = address
        self.isHidden = isHidden
    }

    /// The last address on the way here that no trusted proxy has: from `peer` backwards through X-Forwarded-For or
    /// Forwarded (RFC 7239), whichever the proxies write. What is no address, as `unknown` or a hidden name, ends the
    /// way at the last one that is; where all are trusted, it is the first.
    package static func find(
        peer: IPAddress, fields: borrowing Fields, trusted: borrowing [AddressRange], written: ForwardingFields
    ) -> ClientAddress {
        guard !trusted.isEmpty else { return ClientAddress(peer) }
        let name = written.ofClient(in: fields)
        guard fields.contains(name) else { return ClientAddress(peer) }
        var client = peer
        for index in fields.slots.indices.reversed() where fields.slots[index].name == name {
            let line = fields.value(at: index)
            for member in members(of: line).reversed() {
                guard trusted.contains(where: { $0.contains(client) }) else { return ClientAddress(client) }
                let node = name == .forwarded ? forwardedFor(line, in: member) : member
                guard let node, let next = address(line.extracting(node)) else {
                    return ClientAddress(client, isHidden: true)
                }
                client = next
            }
        }
        return ClientAddress(client)
    }

    private static func members(of line: borrowing Span<UInt8>) -> [Range<Int>] {
        var members: [Range<Int>] = []
        var list = FieldListParser()
        while let member = list.next(in: line) { members.append(member) }
        return members
    }

    /// Where the value of `for` lies; nil without one, and with two.
    private static func forwardedFor(_ line: borrowing Span<UInt8>, in member: Range<Int>) -> Range<Int>? {
        var found: Range<Int>?
        var start = member.lowerBound
        while start < member.upperBound {
            let end = endOfPair(line, from: start, to: member.upperBound)
            let pair = line.trimmingBlanks(start..<end)
            if pair.count > 4, line.extracting(pair.lowerBound..<pair.lowerBound + 4).equalsIgnoringCase("for=") {
                guard found == nil else { return nil }
                found = pair.lowerBound + 4..<pair.upperBound
            }
            start = end + 1
        }
        return found
    }

    private static func endOfPair(_ line: borrowing Span<UInt8>, from start: Int, to end: Int) -> Int {
        var isQuoted = false
        var index = start
        while index < end {
            if line[index] == ASCII.doubleQuote { isQuoted.toggle() }
            if line[index] == ASCII.semicolon, !isQuoted { return index }
            index += 1
        }
        return end
    }

    /// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`, quoted or not.
    package static func address(_ text: borrowing Span<UInt8>) -> IPAddress? {
        var range = 0..<text.count
        if range.count >= 2, text[0] == ASCII.doubleQuote {
            guard text[range.upperBound - 1] == ASCII.doubleQuote else { return nil }
            range = 1..<range.upperBound - 1
        }
        guard !range.isEmpty else { return nil }
        if text[range.lowerBound] == UInt8(ascii: "[") {
            guard let close = text.firstIndex(of: UInt8(ascii: "]"), in: range),
                isPort(text, close + 1..<range.upperBound),
                let address = IPAddress(text.extracting(range.lowerBound + 1..<close)), !isDotted(text, to: close)
            else { return nil }
            return address
        }
        guard let colon = text.firstIndex(of: ASCII.colon, in: range) else {
            return IPAddress(text.extracting(range))
        }
        if text.firstIndex(of: ASCII.colon, in: colon + 1..<range.upperBound) != nil {
            return IPAddress(text.extracting(range))
        }
        guard isPort(text, colon..<range.upperBound) else { return nil }
        return IPAddress(text.extracting(range.lowerBound..<colon))
    }

    /// In brackets stands IPv6 alone.
    private static func isDotted(_ text: borrowing Span<UInt8>, to end: Int) -> Bool {
        text.firstIndex(of: ASCII.colon, in: 0..<end) == nil
    }

    /// Nothing, or a colon and a port, which may have a hidden name (RFC 7239 §6.3).
    private static func isPort(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return true }
        guard text[range.lowerBound] == ASCII.colon, range.count > 1 else { return false }
        if text[range.lowerBound + 1] == UInt8(ascii: "_") { return true }
        for index in range.lowerBound + 1..<range.upperBound where !ASCII.isDigit(text[index]) { return false }
        return range.count <= 6
    }
}
