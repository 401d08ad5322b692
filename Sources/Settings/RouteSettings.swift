// SPDX-License-Identifier: Apache-2.0

/// One route, complete: what it does not say itself has been taken from `defaults`, its upstream and the top level.
package struct RouteSettings: Sendable, Equatable {
    /// The pattern as written.
    package var name = "*"
    package var pattern = RoutePattern("*")
    /// The methods it takes; empty for all.
    package var methods: [String] = []
    /// The hosts it takes, lower case, `*.` first for any name below; empty for all.
    package var hosts: [String] = []
    /// Index into `ProxySettings.upstreams`.
    package var upstream = 0
    package var lifetime = LifetimeSettings()
    package var stale = StaleSettings()
    package var key = KeySettings()
    /// Response fields that carry tags, in any case of letters.
    package var tagFields = ["Surrogate-Key", "Cache-Tag", "xkey"]
    /// Nothing is stored and nothing stored is served.
    package var isPass = false
    package var coalesce = CoalesceSettings()
    /// Whether the request's Cache-Control and Pragma are obeyed.
    package var honorsClientCacheControl = false
    package var store = StoreSettings()
    /// Whether parts of bodies are stored (RFC 9111 §3.3).
    package var storesPartial = true
    package var compression = CompressionSettings()
    /// Response fields of RFC 9213 that win over Cache-Control, the first one present of them.
    package var targetedFields = ["Larder-Cache-Control", "CDN-Cache-Control"]
    /// Requests that took longer are logged and counted; 0 for none.
    package var slowMilliseconds = 1000
    package var timeouts = TimeoutSettings()
    /// What a connection may change to, lower case; empty for nothing.
    package var upgrades = ["websocket"]
    package var tunnel = TunnelSettings()
    /// Variants stored of one key; the oldest makes room.
    package var maxVariants = 32

    package init() {}
}

/// Connections that have changed to another protocol.
package struct TunnelSettings: Sendable, Equatable {
    /// One on which no byte passes for so long ends; 0 for no limit.
    package var idleMilliseconds = 3_600_000
    /// Open at once through the route, over all event loops.
    package var max = 1000

    package init() {}
}
