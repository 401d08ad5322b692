// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// A prefix or a glob over the URL part of keys, such as `/api/users/*` or `shop.example/*`.
///
/// One that begins with a slash is about path and query on every host; one that begins with `https://` is about
/// secure requests only; any other begins at the host. Where keys leave the host out, only the first kind matches.
package struct URLPattern: Sendable {
    private enum Scope: UInt64, CaseIterable { case path, host, whole }
    private enum Form { case prefix([UInt8]), glob(Glob) }

    private let scope: Scope
    private let form: Form
    /// Set where one text alone matches: what tables know it by; see `forEachHash`.
    let literalHash: UInt64?

    /// Everything that begins so.
    package init(prefix: borrowing Span<UInt8>) {
        scope = Self.scope(of: prefix)
        form = .prefix(prefix.indices.map { prefix[$0] })
        literalHash = nil
    }

    package init(_ glob: Glob) {
        let scope = Self.scope(of: glob.literalPrefix)
        self.scope = scope
        form = .glob(glob)
        literalHash = glob.isLiteral ? Self.hash(glob.literalPrefix, scope) : nil
    }

    package func matches(key: borrowing Span<UInt8>) -> Bool {
        let range = Self.range(in: key, scope)
        let text = key.extracting(range)
        switch form {
        case .glob(let glob): return glob.matches(text)
        case .prefix(let prefix):
            guard prefix.count <= text.count else { return false }
            return StoredResponse.equal(text.extracting(0..<prefix.count), prefix.span)
        }
    }

    private static func scope(of text: borrowing Span<UInt8>) -> Scope {
        if text.count > 0, text[0] == ASCII.slash { return .path }
        return hasSecureScheme(text, from: 0) ? .whole : .host
    }

    /// The URL stands between the first and the second blank of a key (`CacheKey`).
    private static func range(in key: borrowing Span<UInt8>, _ scope: Scope) -> Range<Int> {
        var start = 0
        while start < key.count, key[start] != ASCII.space { start += 1 }
        start = start == key.count ? 0 : start + 1
        var end = start
        while end < key.count, key[end] != ASCII.space { end += 1 }
        if scope != .whole, hasSecureScheme(key, from: start) { start += secureScheme.utf8CodeUnitCount }
        if scope == .path { while start < end, key[start] != ASCII.slash { start += 1 } }
        return start..<max(start, end)
    }

    /// Calls `body` with the hashes of all patterns without wildcards that match the key.
    static func forEachHash(matching key: borrowing Span<UInt8>, _ body: (UInt64) -> Void) {
        for scope in Scope.allCases { body(hash(key.extracting(range(in: key, scope)), scope)) }
    }

    private static func hash(_ text: borrowing Span<UInt8>, _ scope: Scope) -> UInt64 {
        ByteHasher.process.hash64(text) &+ (scope.rawValue + 1) &* 0x9E37_79B9_7F4A_7C15
    }

    private static func hasSecureScheme(_ text: borrowing Span<UInt8>, from start: Int) -> Bool {
        let length = secureScheme.utf8CodeUnitCount
        return start + length <= text.count && text.extracting(start..<start + length).equals(secureScheme)
    }

    private static let secureScheme: StaticString = "https://"
}
