// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// What texts of one kind look like, for values that no `ValueShape` describes.
package enum TextCheck {
    /// `10.0.0.1:80`, `[::1]:80`, `:80` and `*:80` for all addresses, `unix:/path`, and where `allowsNames` is set
    /// `api.internal:80`. Without a port, `defaultPort` is taken.
    package static func address(
        _ text: String, allowsNames: Bool, defaultPort: UInt16? = nil
    ) -> Result<SocketAddressText, SettingProblem> {
        let forms = allowsNames ? "HOST:PORT, [IPV6]:PORT or unix:PATH" : "ADDRESS:PORT, [IPV6]:PORT or unix:PATH"
        let wrong = SettingProblem("expected \(forms), got \"\(text)\"")
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/"), path.utf8.count < 108 else {
                return .failure(.init("a unix: path begins with / and is shorter than 108 bytes, got \"\(path)\""))
            }
            return .success(SocketAddressText(kind: .unix, host: path, port: 0))
        }
        if let scheme = text.utf8.firstIndex(of: ASCII.colon), text[scheme...].hasPrefix("://") {
            let rest = text[text.index(scheme, offsetBy: 3)...].prefix { $0 != "/" }
            return .failure(.init("an address has no scheme and no path here: write \"\(rest)\""))
        }
        if !text.isEmpty, text.utf8.allSatisfy(ASCII.isDigit) {
            let hint = allowsNames ? "HOST:\(text)" : "127.0.0.1:\(text), or 0.0.0.0:\(text) for all addresses"
            return .failure(.init("\"\(text)\" is a port alone: write \(hint)"))
        }
        var host = text[...]
        var portText: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return .failure(wrong) }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return .failure(wrong) }
            portText = rest.isEmpty ? nil : rest.dropFirst()
            guard host.contains(":"), IPAddress(String(host)) != nil else {
                return .failure(.init("\"\(host)\" is no IPv6 address"))
            }
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            portText = text[text.index(after: colon)...]
            if host.contains(":") { return .failure(.init("an IPv6 address goes in brackets: [\(text)]")) }
        }
        let port: UInt16
        if let portText {
            guard portText.utf8.allSatisfy(ASCII.isDigit), let number = UInt16(portText) else {
                return .failure(.init("\"\(portText)\" is no port from 0 to 65535"))
            }
            port = number
        } else if let defaultPort {
            port = defaultPort
        } else {
            return .failure(.init("the port is missing: \(text):PORT"))
        }
        return named(String(host), port: port, isIPv6: text.hasPrefix("["), allowsNames: allowsNames, wrong)
    }

    private static func named(
        _ host: String, port: UInt16, isIPv6: Bool, allowsNames: Bool, _ wrong: SettingProblem
    ) -> Result<SocketAddressText, SettingProblem> {
        if isIPv6 { return .success(SocketAddressText(kind: .ipv6, host: host, port: port)) }
        if !host.contains(":"), IPAddress(host) != nil {
            return .success(SocketAddressText(kind: .ipv4, host: host, port: port))
        }
        if allowsNames {
            guard port > 0 else { return .failure(.init("port 0 cannot be connected to")) }
            guard isHostName(host) else { return .failure(wrong) }
            return .success(SocketAddressText(kind: .name, host: host.lowercased(), port: port))
        }
        if host.isEmpty || host == "*" {
            return .success(SocketAddressText(kind: .ipv4, host: "0.0.0.0", port: port))
        }
        if host == "localhost" {
            return .success(SocketAddressText(kind: .ipv4, host: "127.0.0.1", port: port))
        }
        return .failure(wrong)
    }

    /// Labels of RFC 1123 and `_`, not all digits as a mistyped address would be.
    package static func isHostName(_ text: String) -> Bool {
        guard (1...253).contains(text.utf8.count) else { return false }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let isRight = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.utf8.allSatisfy {
                    ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                }
        }
        return isRight && labels.last?.utf8.allSatisfy(ASCII.isDigit) == false
    }

    package static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { ASCII.isLetter($0) || ASCII.isDigit($0) || "_.-".utf8.contains($0) }
    }

    package static func name(_ text: String) -> SettingProblem? {
        isName(text) ? nil : .init("a name is made of letters, digits, _ . and -, got \"\(text)\"")
    }

    package static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy(ASCII.isTokenCharacter)
    }

    package static func visible(_ text: String) -> Result<String, SettingProblem> {
        text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
            ? .success(text) : .failure(.init("blanks and control characters are not allowed in \"\(text)\""))
    }

    /// A glob, in which a backslash takes the meaning from what follows.
    package static func glob(_ text: String) -> Result<String, SettingProblem> {
        let slashes = text.reversed().prefix { $0 == "\\" }.count
        if slashes % 2 == 1 { return .failure(.init("\"\(text)\" ends in a backslash")) }
        if text.utf8.count > 1024 { return .failure(.init("a pattern is at most 1024 bytes long")) }
        return visible(text)
    }

    package static func range(_ text: String) -> Result<AddressRange, SettingProblem> {
        if let range = AddressRange(text) { return .success(range) }
        return .failure(.init("expected a network such as 10.0.0.0/8 or 2001:db8::/32, got \"\(text)\""))
    }
}
