// SPDX-License-Identifier: Apache-2.0
import Bytes

/// A URL, the beginning of URLs or a glob over them as an operator names what is to be invalidated, in its parts. What
/// can match no key, whatever is asked for, is a problem.
package struct InvalidationText: Sendable, Equatable {
    package enum Kind: String, Sendable { case url = "URL", prefix, pattern }

    package enum Scheme: String, CaseIterable, Sendable {
        case http, https

        /// What keys leave out.
        package var defaultPort: StaticString { self == .http ? "80" : "443" }
    }

    /// nil for both.
    package let scheme: Scheme?
    /// With its port; nil for every host, and for a glob whose wildcards may stand for the host.
    package let host: [UInt8]?
    /// Path and query; of a glob without a slash all of it.
    package let path: [UInt8]

    package static func read(_ text: String, as kind: Kind) -> Result<InvalidationText, SettingProblem> {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty else { return .failure(.init("an empty text names nothing")) }
        if let problem = problem(in: bytes, kind) { return .failure(problem) }
        // Of a fragment no request tells.
        let whole = kind == .url ? Array(bytes.prefix { $0 != UInt8(ascii: "#") }) : bytes
        let (scheme, rest): (Scheme?, ArraySlice<UInt8>)
        switch split(whole, text, kind) {
        case .failure(let problem): return .failure(problem)
        case .success(let parts): (scheme, rest) = parts
        }
        let isAfterScheme = rest.startIndex > 0
        if !isAfterScheme, rest.first == ASCII.slash {
            return .success(InvalidationText(scheme: nil, host: nil, path: Array(rest)))
        }
        return readHost(scheme, rest, text, kind, isAfterScheme: isAfterScheme)
    }

    private static func problem(in bytes: [UInt8], _ kind: Kind) -> SettingProblem? {
        if bytes.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
            return .init("blanks and control characters stand in no URL")
        }
        if kind == .url {
            let path = bytes.prefix { $0 != ASCII.questionMark && $0 != UInt8(ascii: "#") }
            return PercentEncoding.flaw(in: Array(path).span).map {
                .init("no request is taken that has a \($0.reason)")
            }
        }
        guard bytes.contains(UInt8(ascii: "#")) else { return nil }
        return .init("no request has a fragment: leave out what begins with #")
    }

    /// The scheme, and what is behind `://` or `//`.
    private static func split(
        _ bytes: [UInt8], _ text: String, _ kind: Kind
    ) -> Result<(Scheme?, ArraySlice<UInt8>), SettingProblem> {
        if bytes.starts(with: "//".utf8) { return .success((nil, bytes[2...])) }
        // Of what comes before the first slash.
        let head = bytes.prefix { $0 != ASCII.slash }
        guard head.last == ASCII.colon, bytes[head.count...].starts(with: "//".utf8) else {
            return .success((nil, bytes[...]))
        }
        let name = String(decoding: head.dropLast(), as: UTF8.self).lowercased()
        let rest = bytes[(head.count + 2)...]
        if kind == .pattern, name == "*" { return .success((nil, rest)) }
        guard let scheme = Scheme(rawValue: name) else {
            return .failure(.init("only http:// and https:// are kept, got \"\(text)\""))
        }
        return .success((scheme, rest))
    }

    private static func readHost(
        _ scheme: Scheme?, _ rest: ArraySlice<UInt8>, _ text: String, _ kind: Kind, isAfterScheme: Bool
    ) -> Result<InvalidationText, SettingProblem> {
        let isWildcard: (UInt8) -> Bool = { $0 == ASCII.star || $0 == ASCII.questionMark }
        let end =
            rest.firstIndex { $0 == ASCII.slash || (kind != .pattern && $0 == ASCII.questionMark) } ?? rest.endIndex
        if kind == .pattern, end == rest.endIndex {
            // Its wildcards stand for the slash too.
            guard rest.contains(ASCII.star) else { return .failure(wrongBeginning(text, kind)) }
            return .success(InvalidationText(scheme: scheme, host: nil, path: Array(rest)))
        }
        guard isAfterScheme || end < rest.endIndex else { return .failure(wrongBeginning(text, kind)) }
        let host = Array(rest[..<end])
        if !isAfterScheme, host.last == ASCII.colon { return .failure(wrongBeginning(text, kind)) }
        if kind == .url, !isAfterScheme, !looksLikeHost(host) { return .failure(wrongBeginning(text, kind)) }
        if kind != .pattern || !host.contains(where: isWildcard) {
            if let problem = HostText.problem(host, kind) { return .failure(problem) }
        } else if let problem = HostText.problem(inGlob: host) {
            return .failure(problem)
        }
        let path = rest[end...]
        let isBare = path.isEmpty || path.first == ASCII.questionMark
        return .success(
            InvalidationText(scheme: scheme, host: host, path: (isBare ? [ASCII.slash] : []) + Array(path)))
    }

    /// Else it is rather a path whose first slash was forgotten.
    private static func looksLikeHost(_ text: [UInt8]) -> Bool {
        text.contains(UInt8(ascii: ".")) || text.contains(ASCII.colon) || text.elementsEqual("localhost".utf8)
    }

    private static func wrongBeginning(_ text: String, _ kind: Kind) -> SettingProblem {
        switch kind {
        case .url: .init("a URL begins with http://, https:// or, for every host, with /; got \"\(text)\"")
        case .prefix: .init("a prefix begins with / or with a host and a /, got \"\(text)\"")
        case .pattern: .init("a pattern begins with /, with * or with a host and a /, got \"\(text)\"")
        }
    }
}

/// What hosts look like that keys can hold.
enum HostText {
    static func problem(_ host: [UInt8], _ kind: InvalidationText.Kind) -> SettingProblem? {
        let text = String(decoding: host, as: UTF8.self)
        if host.isEmpty { return .init("the host is missing") }
        if host.contains(UInt8(ascii: "@")) {
            return .init("no key holds user information: leave out what is before @")
        }
        if host.contains(ASCII.star) { return .init("a host with * is named by a pattern, got \"\(text)\"") }
        let name: ArraySlice<UInt8>
        if host.first == UInt8(ascii: "[") {
            let end = host.firstIndex(of: UInt8(ascii: "]")) ?? host.endIndex
            name = host[..<min(end + 1, host.endIndex)]
            guard isAddress(name) else { return .init("\"\(text)\" is no IPv6 address in brackets") }
        } else {
            name = host.prefix { $0 != ASCII.colon }
            guard !name.isEmpty else { return .init("the host is missing in \"\(text)\"") }
            if let byte = name.first(where: { !isNameCharacter($0) }) { return unfit(byte, text) }
        }
        return problem(inPort: host[name.endIndex...], text)
    }

    /// A glob's, with wildcards.
    static func problem(inGlob host: [UInt8]) -> SettingProblem? {
        let text = String(decoding: host, as: UTF8.self)
        if host.contains(UInt8(ascii: "@")) {
            return .init("no key holds user information: leave out what is before @")
        }
        // Behind a star it may be of the path.
        let literal = host.prefix { $0 != ASCII.star }
        let isFit: (UInt8) -> Bool = { isNameCharacter($0) || [0x3A, 0x3F, 0x5B, 0x5C, 0x5D].contains($0) }
        return literal.first { !isFit($0) }.map { unfit($0, text) }
    }

    private static func unfit(_ byte: UInt8, _ text: String) -> SettingProblem {
        byte >= 0x80
            ? .init("a host is named by its ASCII form (xn--…), got \"\(text)\"")
            : .init("no host is called \"\(text)\"")
    }

    private static func problem(inPort rest: ArraySlice<UInt8>, _ text: String) -> SettingProblem? {
        guard let colon = rest.first else { return nil }
        let digits = String(decoding: rest.dropFirst(), as: UTF8.self)
        let isPort = digits.isEmpty || (digits.utf8.allSatisfy(ASCII.isDigit) && UInt16(digits) != nil)
        return colon == ASCII.colon && isPort ? nil : .init("\"\(text)\" has no port from 0 to 65535")
    }

    private static func isAddress(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.count > 2, text.last == UInt8(ascii: "]") else { return false }
        let inner = text.dropFirst().dropLast()
        return inner.count { $0 == ASCII.colon } >= 2
            && inner.allSatisfy { $0 == ASCII.colon || $0 == UInt8(ascii: ".") || ASCII.hexValue($0) != nil }
    }

    /// What keys hold of a host as it is, or in lower case.
    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }
}
