// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

/// A route while it is read: its upstream is a name yet.
struct RouteDraft: DirectiveTarget {
    var settings = RouteSettings()
    /// An upstream's name, or `http://host:port`.
    var upstream: String?
    /// What `ttl` has been said of in this block.
    var lifetimesSaid: Set<String> = []
    /// Whether `compress` has been said in this block: its codings take the place of inherited ones.
    var codingsSaid = false

    init() {}

    init(settings: RouteSettings, upstream: String?) {
        self.settings = settings
        self.upstream = upstream
    }
}
