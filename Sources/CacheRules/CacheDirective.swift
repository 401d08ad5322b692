// SPDX-License-Identifier: Apache-2.0
import Bytes

/// The directives of RFC 9111 §5.2, RFC 5861 and RFC 8246, in requests and responses alike.
enum CacheDirective: CaseIterable {
    case immutable, maxAge, maxStale, minFresh, mustRevalidate, mustUnderstand, noCache, noStore, noTransform
    case onlyIfCached, `private`, proxyRevalidate, `public`, sharedMaxAge, staleIfError, staleWhileRevalidate

    var name: StaticString {
        switch self {
        case .immutable: "immutable"
        case .maxAge: "max-age"
        case .maxStale: "max-stale"
        case .minFresh: "min-fresh"
        case .mustRevalidate: "must-revalidate"
        case .mustUnderstand: "must-understand"
        case .noCache: "no-cache"
        case .noStore: "no-store"
        case .noTransform: "no-transform"
        case .onlyIfCached: "only-if-cached"
        case .private: "private"
        case .proxyRevalidate: "proxy-revalidate"
        case .public: "public"
        case .sharedMaxAge: "s-maxage"
        case .staleIfError: "stale-if-error"
        case .staleWhileRevalidate: "stale-while-revalidate"
        }
    }

    /// The directive that `bytes` name in any case of letters (RFC 9111 §5.2); nil for an extension.
    static func lookUp(_ bytes: borrowing Span<UInt8>) -> CacheDirective? {
        for directive in allCases where bytes.equalsIgnoringCase(directive.name) { return directive }
        return nil
    }
}
