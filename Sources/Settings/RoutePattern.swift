// SPDX-License-Identifier: Apache-2.0

/// What paths a route takes.
package struct RoutePattern: Sendable, Hashable {
    /// In the order in which they are tried (`RouteRank`).
    package enum Kind: Int, Sendable, Hashable {
        /// The path equals the text.
        case exact
        /// The path begins with the text without its `*`.
        case prefix
        /// Any other use of `*`.
        case glob
        /// Every path: `/*`, `*` and `*/*`. After the globs, for who writes one beside it means its own paths.
        case catchAll
    }

    /// Several `*` side by side are one.
    package let text: String
    package let kind: Kind

    package init(_ written: String) {
        var text = ""
        for character in written where character != "*" || text.last != "*" { text.append(character) }
        self.text = text
        kind = Self.kind(of: text)
    }

    private static func kind(of text: String) -> Kind {
        if ["/*", "*", "*/*"].contains(text) { return .catchAll }
        guard let star = text.utf8.firstIndex(of: UInt8(ascii: "*")) else { return .exact }
        return text.utf8.index(after: star) == text.utf8.endIndex ? .prefix : .glob
    }
}
