// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

/// `admin`, whose address has no default.
struct AdminDraft: DirectiveTarget {
    var address: SocketAddressText?
    var token: Secret?
    var hosts: [String] = []
}

/// One line of an invalidation group.
struct RuleDraft: DirectiveTarget {
    var text = ""
}

// What directives fill as it is.
extension ProxySettings: DirectiveTarget {}
extension ListenSettings: DirectiveTarget {}
extension MemorySettings: DirectiveTarget {}
extension TimeoutSettings: DirectiveTarget {}
extension ClientSettings: DirectiveTarget {}
extension LimitSettings: DirectiveTarget {}
extension LogSettings: DirectiveTarget {}
extension PurgeMethodSettings: DirectiveTarget {}
extension UpstreamSettings: DirectiveTarget {}
extension ServerSettings: DirectiveTarget {}
extension PoolSettings: DirectiveTarget {}
extension QueueSettings: DirectiveTarget {}
extension LifetimeSettings: DirectiveTarget {}
extension StaleSettings: DirectiveTarget {}
extension KeySettings: DirectiveTarget {}
extension RequestFieldSettings: DirectiveTarget {}
extension CoalesceSettings: DirectiveTarget {}
extension StoreSettings: DirectiveTarget {}
extension TunnelSettings: DirectiveTarget {}
extension CompressionSettings: DirectiveTarget {}
extension InvalidationGroup: DirectiveTarget {}
extension NodesSettings: DirectiveTarget {}
extension RouteSettings: DirectiveTarget {}
