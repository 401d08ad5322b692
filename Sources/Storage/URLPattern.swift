// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// A prefix or a glob over the URL part of keys, such as `/api/users/*` or `shop.example/*`.
///
/// One that begins with a slash is about path and query on every host; one that begins with `https://` or `http://` is
/// about requests of that scheme only; any other begins at the host. `http:///path` is about keys that leave the host
/// out, which no pattern matches that names one.
package struct URLPattern: Sendable {
    enum Scope: UInt64, CaseIterable, Sendable { case path, host, plain, secure, hostless }
    enum Form: Sendable { case prefix, literal, glob(Glob) }

    let scope: Scope
    let form: Form
    /// What every match begins with, behind the scheme: all of a prefix and of a literal, a glob up to its first
    /// wildcard.
    let head: [UInt8]

    /// Everything that begins so.
    package init(prefix: borrowing Span<UInt8>) {
        scope = Self.scope(of: prefix)
        form = .prefix
        head = (scope.schemeLength..<prefix.count).map { prefix[$0] }
    }

    package init(_ glob: Glob) {
        let literal = glob.literalPrefix
        scope = Self.scope(of: literal)
        head = (scope.schemeLength..<literal.count).map { literal[$0] }
        if glob.isLiteral {
            form = .literal
        } else if glob.isPrefix {
            form = .prefix
        } else {
            form = .glob(glob.dropping(scope.schemeLength))
        }
    }

    package func matches(key: borrowing Span<UInt8>) -> Bool {
        let url = URLRange(key)
        guard url.isOf(scope) else { return false }
        let text = key.extracting(scope == .path ? url.path : url.host)
        switch form {
        case .glob(let glob): return glob.matches(text)
        case .literal: return StoredResponse.equal(text, head.span)
        case .prefix:
            return head.count <= text.count && StoredResponse.equal(text.extracting(0..<head.count), head.span)
        }
    }

    private static func scope(of text: borrowing Span<UInt8>) -> Scope {
        if text.count > 0, text[0] == ASCII.slash { return .path }
        if begins(text, with: secureScheme) { return .secure }
        if begins(text, with: noHost) { return .hostless }
        return begins(text, with: plainScheme) ? .plain : .host
    }

    fileprivate static func begins(_ text: borrowing Span<UInt8>, with scheme: StaticString) -> Bool {
        let length = scheme.utf8CodeUnitCount
        return length <= text.count && text.extracting(0..<length).equals(scheme)
    }

    fileprivate static let secureScheme: StaticString = "https://"
    fileprivate static let plainScheme: StaticString = "http://"
    private static let noHost: StaticString = "http:///"
}

extension URLPattern.Scope {
    /// Those of patterns that begin where the key's URL does.
    static let ofHosts: [URLPattern.Scope] = [.host, .plain, .secure, .hostless]

    /// Of what stands before the host in a pattern.
    var schemeLength: Int {
        switch self {
        case .path, .host: 0
        case .plain, .hostless: URLPattern.plainScheme.utf8CodeUnitCount
        case .secure: URLPattern.secureScheme.utf8CodeUnitCount
        }
    }
}

/// Where the URL stands in a key: between its first and its second blank (`CacheKey`).
struct URLRange {
    /// Host, path and query; without a host in the key, path and query.
    let host: Range<Int>
    /// Path and query.
    let path: Range<Int>
    let isSecure: Bool

    init(_ key: borrowing Span<UInt8>) {
        var start = 0
        while start < key.count, key[start] != ASCII.space { start += 1 }
        start = start == key.count ? 0 : start + 1
        isSecure = URLPattern.begins(key.extracting(start..<key.count), with: URLPattern.secureScheme)
        if isSecure { start += URLPattern.secureScheme.utf8CodeUnitCount }
        var end = start
        var slash = -1
        while end < key.count, key[end] != ASCII.space {
            if slash < 0, key[end] == ASCII.slash { slash = end }
            end += 1
        }
        host = start..<end
        path = (slash < 0 ? end : slash)..<end
    }

    /// The key leaves the host out, and with it the scheme.
    var isHostless: Bool { host.lowerBound == path.lowerBound && !host.isEmpty }

    func isOf(_ scope: URLPattern.Scope) -> Bool {
        switch scope {
        case .path, .host: true
        case .plain: !isSecure
        case .secure: isSecure || isHostless
        case .hostless: isHostless
        }
    }
}
