// SPDX-License-Identifier: Apache-2.0

/// A route while it is read: its upstream is a name yet.
struct RouteDraft: SettingsScope {
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

extension ProxySettings: SettingsScope {}
extension ListenSettings: SettingsScope {}
extension MemorySettings: SettingsScope {}
extension TimeoutSettings: SettingsScope {}
extension ClientSettings: SettingsScope {}
extension LimitSettings: SettingsScope {}
extension LogSettings: SettingsScope {}
extension PurgeMethodSettings: SettingsScope {}
extension UpstreamSettings: SettingsScope {}
extension ServerSettings: SettingsScope {}
extension PoolSettings: SettingsScope {}
extension QueueSettings: SettingsScope {}
extension LifetimeSettings: SettingsScope {}
extension StaleSettings: SettingsScope {}
extension KeySettings: SettingsScope {}
extension RequestFieldSettings: SettingsScope {}
extension CoalesceSettings: SettingsScope {}
extension StoreSettings: SettingsScope {}
extension TunnelSettings: SettingsScope {}
extension CompressionSettings: SettingsScope {}
extension InvalidationGroup: SettingsScope {}

/// `admin`, whose address has no default.
struct AdminDraft: SettingsScope {
    var address: SocketAddressText?
    var token: Secret?
    var hosts: [String] = []
}

/// One line of an invalidation group.
struct RuleDraft: SettingsScope {
    var text = ""
}
