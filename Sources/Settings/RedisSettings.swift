// SPDX-License-Identifier: Apache-2.0
package import ConfigLanguage

/// The second tier: where it is, and what it may cost.
package struct RedisSettings: Sendable, Equatable {
    package var address = SocketAddressText(kind: .ipv4, host: "127.0.0.1", port: RedisSettings.defaultPort)
    /// Nil for the default user.
    package var user: String?
    package var password: Secret?
    package var database = 0
    /// What every key begins with; those of one prefix share one cache.
    package var prefix = "larder"
    /// How long an answer is waited for.
    package var timeoutMilliseconds = 20
    /// To open a connection and log in.
    package var connectMilliseconds = 500
    /// Head and body of one response.
    package var maxObjectBytes = 1 << 20
    /// Of responses that wait to be written, in all loops together.
    package var writeQueueBytes = 32 << 20
    /// How many keys are remembered for the next start; 0 for none.
    package var hotKeys = 1000

    package static let defaultPort: UInt16 = 6379

    package init() {}
}

extension RedisSettings: DirectiveTarget {
    /// `redis://user:password@host:port/db`, of which all but the host may be missing, or an address as elsewhere.
    mutating func read(_ text: String) -> SettingProblem? {
        guard let scheme = text.range(of: "://") else { return readAddress(text) }
        switch text[..<scheme.lowerBound] {
        case "redis": break
        case "rediss": return .init("TLS to Redis is not offered; use redis:// and a tunnel")
        default: return .init("expected redis://USER:PASSWORD@HOST:PORT/DB, HOST:PORT or unix:PATH")
        }
        var rest = text[scheme.upperBound...]
        if let at = rest.lastIndex(of: "@") {
            if let problem = readUser(rest[..<at]) { return problem }
            rest = rest[rest.index(after: at)...]
        }
        if let slash = rest.firstIndex(of: "/") {
            let number = rest[rest.index(after: slash)...]
            guard number.isEmpty || Int(number).map(Self.databases.contains) == true else {
                return .init("\"\(number)\" is no database: expected a number from 0 to 65535")
            }
            database = Int(number) ?? 0
            rest = rest[..<slash]
        }
        return readAddress(String(rest))
    }

    static let databases = 0...65_535

    private mutating func readAddress(_ text: String) -> SettingProblem? {
        switch TextCheck.address(text, allowsNames: true, defaultPort: Self.defaultPort) {
        case .success(let address): self.address = address
        case .failure(let problem): return problem
        }
        return nil
    }

    /// `user:password`, `:password` or `user`, with what cannot stand in a URL as %XX.
    private mutating func readUser(_ text: Substring) -> SettingProblem? {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(Self.unescaped)
        guard let name = parts[0], parts.count < 2 || parts[1] != nil else {
            return .init("user or password in the URL has a % that begins no byte")
        }
        user = name.isEmpty ? nil : name
        if parts.count == 2, let text = parts[1], !text.isEmpty { password = Secret(text) }
        return nil
    }

    private static func unescaped(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension String {
    /// Where `text` stands first.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
