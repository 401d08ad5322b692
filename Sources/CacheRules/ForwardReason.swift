// SPDX-License-Identifier: Apache-2.0

/// Why a request went to the origin (the `fwd` parameter of RFC 9211 §2.2).
package enum ForwardReason: UInt8, CaseIterable, Sendable {
    /// The route does not cache.
    case bypass
    /// The method's semantics require it.
    case method
    /// Nothing is stored under the key.
    case uriMiss
    /// Something is stored under the key, but no variant of it fits.
    case varyMiss
    /// What is stored is fresh, but the client asked for better.
    case request
    /// What is stored is stale, or needs the origin's consent each time.
    case stale
    /// What is stored is a part only.
    case partial

    package var label: StaticString {
        switch self {
        case .bypass: "bypass"
        case .method: "method"
        case .uriMiss: "uri-miss"
        case .varyMiss: "vary-miss"
        case .request: "request"
        case .stale: "stale"
        case .partial: "partial"
        }
    }
}
