// SPDX-License-Identifier: Apache-2.0

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

// What directives fill as it is.
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
extension NodesSettings: SettingsScope {}
extension RouteSettings: SettingsScope {}
