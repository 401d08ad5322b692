// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import ConfigLanguage
import Settings

/// The keys under which the answers of one URL may be stored, and the patterns that find those of many.
struct URLKeys {
    enum Found: Equatable {
        /// The whole key.
        case whole([UInt8])
        /// The URL part of keys that the route adds something to, or, without a host, of those of every host.
        case anyPart([UInt8])
    }

    let snapshot: ProxySnapshot

    // MARK: One URL

    func find(_ url: InvalidationText) -> [Found] {
        let target = Target(url)
        guard let host = url.host else { return ofEveryHost(target) }
        var found: [Found] = []
        for scheme in url.schemes {
            let routes = routes(of: target, host: host)
            for route in routes {
                let key = Self.key(of: target, scheme, host: host, options: route.key)
                let one = route.hasOneKeyPerURL ? Found.whole(key) : .anyPart(StoredURL.text(ofKey: key))
                if !found.contains(one) { found.append(one) }
            }
            if routes.isEmpty {
                found.append(.whole(Self.key(of: target, scheme, host: host, options: KeyOptions())))
            }
        }
        return found
    }

    /// Routes may differ by host, and with them what they make of a query.
    private func ofEveryHost(_ url: Target) -> [Found] {
        let hosts = Set(snapshot.settings.routes.flatMap(\.hosts)).sorted()
        var found: [Found] = []
        for host in [""] + hosts.map({ $0.hasPrefix("*.") ? "any" + $0.dropFirst() : $0 }) {
            for route in routes(of: url, host: Array(host.utf8)) {
                var options = route.key
                let isWhole = !options.includesHost && route.hasOneKeyPerURL
                options.includesHost = false
                let key = Self.key(of: url, .http, host: [], options: options)
                let one = isWhole ? Found.whole(key) : .anyPart(Self.withoutMethod(key))
                if !found.contains(one) { found.append(one) }
            }
        }
        guard found.isEmpty else { return found }
        // No route takes it now; one of an earlier configuration may have.
        let key = Self.key(of: url, .http, host: [], options: KeyOptions(includesHost: false))
        return [.anyPart(Self.withoutMethod(key))]
    }

    private func routes(of url: Target, host: [UInt8]) -> [CompiledRoute] {
        var path = ByteBuffer(capacity: 128)
        NormalizedPath.write(url.path.span, into: &path)
        return snapshot.routes(storing: path.span, host: host.span)
    }

    private struct Target {
        let path: [UInt8]
        let query: [UInt8]?

        init(_ url: InvalidationText) {
            let text = EscapedText.ascii(url.path)
            let mark = text.firstIndex(of: ASCII.questionMark) ?? text.endIndex
            path = Array(text[..<mark])
            query = mark < text.endIndex ? Array(text[(mark + 1)...]) : nil
        }
    }

    private static func key(
        of url: Target, _ scheme: InvalidationText.Scheme, host: [UInt8], options: KeyOptions
    ) -> [UInt8] {
        var buffer = ByteBuffer(capacity: 128)
        CacheKey.write(
            host: host.span, path: url.path.span, query: url.query?.span, isSecure: scheme == .https,
            options: options, into: &buffer)
        return Array(copying: buffer.span)
    }

    fileprivate static func withoutMethod(_ key: [UInt8]) -> [UInt8] { Array(key.dropFirst(4)) }

    // MARK: A whole key

    /// A key, its URL in the spelling that keys have.
    func key(_ text: String) -> Result<[UInt8], SettingProblem> {
        let words = text.utf8.split(separator: ASCII.space, maxSplits: 2, omittingEmptySubsequences: false)
        let parts = words.count > 2 ? [ASCII.space] + Array(words[2]) : []
        var method = String(decoding: words[0], as: UTF8.self)
        let isOfBody = String(decoding: parts, as: UTF8.self).contains(" body:")
        if method == "HEAD" || (method == "POST" && !isOfBody) { method = "GET" }
        guard method == "GET" || (isOfBody && method == method.uppercased()) else {
            return .failure(.init("no key begins with \"\(method)\": keys of URLs begin with GET"))
        }
        let address = String(decoding: words[1], as: UTF8.self)
        let isHostFirst = !address.hasPrefix("/") && !address.contains("://")
        switch InvalidationText.read((isHostFirst ? "//" : "") + address, as: .url) {
        case .failure(let problem): return .failure(problem)
        case .success(let url):
            if url.host == nil, snapshot.settings.routes.allSatisfy({ $0.key.includesHost }) {
                return .failure(.init("the keys of all routes name their host: GET host/path"))
            }
            let options = KeyOptions(includesHost: url.host != nil)
            let key = Self.key(of: Target(url), url.scheme ?? .http, host: url.host ?? [], options: options)
            return .success(Array(method.utf8) + Array(key.dropFirst(3)) + parts)
        }
    }

    // MARK: Patterns

    /// Beginnings of URLs as keys spell them.
    func prefixes(_ prefix: InvalidationText) -> Result<[[UInt8]], SettingProblem> {
        Self.prefixPath(EscapedText.ascii(prefix.path)).map { path in
            guard let host = prefix.host else { return [path] }
            return heads(prefix, host).map { $0 + path }
        }
    }

    /// Globs over URLs as keys spell them.
    func globs(_ pattern: InvalidationText) -> Result<[[UInt8]], SettingProblem> {
        GlobText.normalized(pattern.path).map { path in
            guard let host = pattern.host else {
                // It begins in the host, where it holds a star.
                let isPath = path.first == ASCII.slash
                let literal = path.prefix { isPath ? false : $0 != ASCII.star }
                let text = literal.map(ASCII.lowercased) + path.dropFirst(literal.count)
                return [pattern.scheme.map { Array("\($0.rawValue)://".utf8) + text } ?? text]
            }
            let isPlain = !host.contains { $0 == ASCII.star || $0 == ASCII.questionMark }
            return (isPlain ? heads(pattern, host) : globHeads(pattern, host)).map { $0 + path }
        }
    }

    /// What stands before the path: a host has one spelling for each scheme where its port is the default of one.
    private func heads(_ text: InvalidationText, _ host: [UInt8]) -> [[UInt8]] {
        let spelled = text.schemes.map { ($0, Self.host(host, $0)) }
        let isOne = text.scheme == nil && spelled.allSatisfy { $0.1 == spelled[0].1 }
        return (isOne ? [spelled[0].1] : spelled.map { Self.head($0.0, $0.1) }) + hostless
    }

    private func globHeads(_ text: InvalidationText, _ host: [UInt8]) -> [[UInt8]] {
        let literal = host.prefix { $0 != ASCII.star }
        let lower = host.map(ASCII.lowercased)
        let mixed = literal.map(ASCII.lowercased) + host.dropFirst(literal.count)
        // Behind a star it may be of the path, where the case counts.
        let spellings = lower == mixed ? [lower] : [lower, mixed]
        var heads: [[UInt8]] = []
        for spelling in spellings {
            let spelled = text.schemes.map { scheme -> (InvalidationText.Scheme, [UInt8]) in
                let port = Array(":\(scheme.defaultPort)".utf8)
                return (scheme, spelling.suffix(port.count) == port[...] ? spelling.dropLast(port.count) : spelling)
            }
            let isOne = text.scheme == nil && spelled.allSatisfy { $0.1 == spelled[0].1 }
            heads += isOne ? [spelled[0].1] : spelled.map { Self.head($0.0, $0.1) }
        }
        let isAnyHost = host == [ASCII.star] || host.starts(with: "*.".utf8)
        return heads + (isAnyHost ? hostless : [])
    }

    /// Of keys that leave the host out, for there such answers are too.
    private var hostless: [[UInt8]] {
        snapshot.settings.routes.contains { !$0.key.includesHost } ? [Array("http://".utf8)] : []
    }

    private static func head(_ scheme: InvalidationText.Scheme, _ host: [UInt8]) -> [UInt8] {
        Array("\(scheme.rawValue)://".utf8) + host
    }

    /// As keys of the scheme spell it.
    private static func host(_ host: [UInt8], _ scheme: InvalidationText.Scheme) -> [UInt8] {
        var buffer = ByteBuffer(capacity: 128)
        let path = [ASCII.slash]
        CacheKey.write(
            host: host.span, path: path.span, query: nil, isSecure: scheme == .https, options: KeyOptions(),
            into: &buffer)
        let text = withoutMethod(Array(copying: buffer.span)).dropLast()
        return Array(text.starts(with: "https://".utf8) ? text.dropFirst(8) : text)
    }

    /// The last segment may be the beginning of a longer one.
    private static func prefixPath(_ text: [UInt8]) -> Result<[UInt8], SettingProblem> {
        if let mark = text.firstIndex(of: ASCII.questionMark) {
            return .success(normalized(text[..<mark]) + text[mark...])
        }
        let end = (text.lastIndex(of: ASCII.slash) ?? -1) + 1
        let segment = text[end...]
        if segment.suffix(2).contains(ASCII.percent) {
            return .failure(.init("a prefix must not end within an escape"))
        }
        // Behind a byte that keeps dots from being taken for a whole segment.
        let tail = normalized([ASCII.slash, UInt8(ascii: "x")] + segment).dropFirst(2)
        return .success(normalized(text[..<end]) + tail)
    }

    private static func normalized(_ path: ArraySlice<UInt8>) -> [UInt8] {
        var buffer = ByteBuffer(capacity: 128)
        let path = Array(path)
        NormalizedPath.write(path.span, into: &buffer)
        return Array(copying: buffer.span)
    }
}

extension InvalidationText {
    fileprivate var schemes: [Scheme] { scheme.map { [$0] } ?? Scheme.allCases }
}

/// Text that no request can hold as it is.
enum EscapedText {
    /// What no URI may hold is sent in escapes.
    static func ascii(_ text: [UInt8]) -> [UInt8] {
        var buffer = ByteBuffer(capacity: text.count)
        PercentEncoding.writeEscaped(text.span, into: &buffer)
        return Array(copying: buffer.span)
    }
}

/// The URL of a key as patterns name it.
enum StoredURL {
    /// With its scheme, so that no other scheme's URL is meant; `http:///path` where the key leaves the host out.
    static func text(ofKey key: [UInt8]) -> [UInt8] {
        let start = (key.firstIndex(of: ASCII.space) ?? -1) + 1
        let url = Array(key[start...])
        return url.starts(with: "https://".utf8) ? url : Array("http://".utf8) + url
    }
}
