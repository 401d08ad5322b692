// SPDX-License-Identifier: Apache-2.0
package import ConfigLanguage

/// Where a directive may stand.
package enum DirectiveScope: String, Sendable, CaseIterable {
    case topLevel = "the top level"
    case upstream, route, defaults, invalidation

    /// `in route`
    var place: String { self == .topLevel ? "at \(rawValue)" : "in \(rawValue)" }
}

/// A directive, and all blocks in which it may stand.
package struct PlacedDirective: Sendable {
    package let description: DirectiveDescription
    package var scopes: [DirectiveScope]
}
