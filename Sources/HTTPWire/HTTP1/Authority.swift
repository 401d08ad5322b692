// SPDX-License-Identifier: Apache-2.0
import Bytes

/// `uri-host [ ":" port ]` of RFC 9110 §7.2, without user information.
enum Authority {
    enum Port { case optional, required }

    /// Whether `text` is a host that is not empty, with a port as wanted.
    static func isValid(_ text: borrowing Span<UInt8>, port: Port = .optional) -> Bool {
        guard !text.isEmpty else { return false }
        guard let end = text[0] == UInt8(ascii: "[") ? endOfAddress(text) : endOfName(text), end > 0 else {
            return false
        }
        // One dot at the end says that a name is complete; what is before it must be a name.
        if text[end - 1] == dot, end == 1 || text[end - 2] == dot { return false }
        if end == text.count { return port == .optional }
        guard text[end] == ASCII.colon else { return false }
        return isPort(text.extracting(end + 1..<text.count), port)
    }

    /// RFC 3986 §3.2.3 lets a port be empty; where it must be given it has digits.
    private static func isPort(_ digits: borrowing Span<UInt8>, _ port: Port) -> Bool {
        if digits.isEmpty { return port == .optional }
        guard let number = DecimalText.parse(digits) else { return false }
        return number <= 65_535
    }

    /// Where a registered name or an IPv4 address ends, or nil when a byte cannot stand in it.
    private static func endOfName(_ text: borrowing Span<UInt8>) -> Int? {
        if text.isPlainHost { return text.firstIndex(of: ASCII.colon, in: 0..<text.count) ?? text.count }
        var index = 0
        while index < text.count, text[index] != ASCII.colon {
            if isNameCharacter(text[index]) {
                index &+= 1
            } else {
                guard text[index] == ASCII.percent, index + 2 < text.count, ASCII.hexValue(text[index + 1]) != nil,
                    ASCII.hexValue(text[index + 2]) != nil
                else { return nil }
                index += 3
            }
        }
        return index
    }

    /// Where `[IPv6]` ends, or nil. Its groups are not counted: a wrong one resolves to nothing.
    private static func endOfAddress(_ text: borrowing Span<UInt8>) -> Int? {
        var index = 1
        var colons = 0
        while index < text.count, text[index] != UInt8(ascii: "]") {
            let byte = text[index]
            if byte == ASCII.colon { colons += 1 }
            guard byte == ASCII.colon || byte == UInt8(ascii: ".") || ASCII.hexValue(byte) != nil else { return nil }
            index += 1
        }
        return index < text.count && colons >= 2 && index <= 46 ? index + 1 : nil
    }

    private static let dot = UInt8(ascii: ".")

    /// unreserved and sub-delims of RFC 3986 §2, but for the comma: several hosts in one field are none.
    @inline(__always)
    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        byte < 128
            && (byte < 64 ? 0x2BFF_6FD2_0000_0000 : 0x47FF_FFFE_87FF_FFFE as UInt64) & (1 << UInt64(byte & 63)) != 0
    }
}
