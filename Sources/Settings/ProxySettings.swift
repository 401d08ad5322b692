// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// All that `proxy.conf` says, checked and complete. The initialiser's values are the defaults.
package struct ProxySettings: Sendable, Equatable {
    /// What becomes of X-Forwarded-For, -Proto, -Host and Forwarded on the way to the upstream.
    package enum Forwarded: String, Sendable, CaseIterable {
        /// Larder's own hop is added to what trusted proxies sent; what others sent is dropped.
        case append
        /// Whatever came is dropped, and Larder's own hop is all there is.
        case replace
        /// All pass unchanged, and nothing is added.
        case off
    }

    /// In which fields the trusted proxies name the client.
    package enum TrustedFields: String, Sendable, CaseIterable {
        case xForwarded = "x_forwarded"
        case forwarded
        case both
    }

    /// What Larder is called in the Via field (RFC 9110 §7.6.3).
    package enum Via: Sendable, Equatable {
        /// There is none.
        case off
        /// By a name that no other process has.
        case ownName
        case name(String)
    }

    package var listeners = [ListenSettings()]
    package var admin: AdminSettings?
    /// Event loops; nil for one per core.
    package var workers: Int?
    package var memory = MemorySettings()
    /// The second tier; nil for memory alone.
    package var redis: RedisSettings?
    package var timeouts = TimeoutSettings()
    package var client = ClientSettings()
    package var limits = LimitSettings()
    package var log = LogSettings()
    package var trustedProxies: [AddressRange] = []
    package var trustedFields = TrustedFields.xForwarded
    package var forwarded = Forwarded.append
    package var via = Via.ownName
    /// The name in the Cache-Status field (RFC 9211).
    package var cacheName = "Larder"
    package var sendsXCache = false
    package var purgeMethod = PurgeMethodSettings()
    package var drainTimeoutMilliseconds = 30_000
    package var nodes = NodesSettings()
    package var invalidationGroups: [InvalidationGroup] = []
    package var upstreams: [UpstreamSettings] = []
    /// In the order of the file. Empty when none matches anything: every request is answered with 404.
    package var routes: [RouteSettings] = []

    package init() {}
}
