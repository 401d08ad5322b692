// SPDX-License-Identifier: Apache-2.0

/// What paths a route takes.
package struct RoutePattern: Sendable, Hashable {
    /// In the order in which they are tried.
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

    private var length: Int { text.utf8.count }

    /// Whether a path that both take is for this one: exact beats prefix, prefix beats glob, glob beats catch-all, and
    /// longer beats shorter. Of two that beat neither the other, the first in the file is taken.
    package func beats(_ other: RoutePattern) -> Bool {
        kind == other.kind ? length > other.length : kind.rawValue < other.kind.rawValue
    }
}
