// SPDX-License-Identifier: Apache-2.0

/// How one request was answered: each request has exactly one, and Cache-Status, access log and metrics all
/// take it from here.
package enum CacheOutcome: UInt8, CaseIterable, Sendable {
    /// A fresh response in memory answered.
    case hit
    /// A fresh response in the second tier answered, and is in memory now.
    case l2Hit
    /// A stored response answered after its origin confirmed it with 304.
    case revalidated
    /// A stored response answered although it was stale.
    case stale
    /// The client waited for, or streamed from, a fetch that another request had begun.
    case collapsed
    /// The origin answered, and the cache could have.
    case miss
    /// The origin answered, and the cache was not asked or may not answer.
    case pass
    /// Larder answered by itself: an error, a refusal, an invalidation.
    case local

    package var label: StaticString {
        switch self {
        case .hit: "hit"
        case .l2Hit: "l2-hit"
        case .revalidated: "revalidated"
        case .stale: "stale"
        case .collapsed: "collapsed"
        case .miss: "miss"
        case .pass: "pass"
        case .local: "local"
        }
    }
}
