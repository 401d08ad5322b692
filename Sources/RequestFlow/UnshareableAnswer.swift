// SPDX-License-Identifier: Apache-2.0
package import CacheRules
package import HTTPMessages

/// An answer that nobody but its client can have, and what it tells those who come next (promise 4).
package struct UnshareableAnswer: Sendable {
    package let reason: NotStoredReason
    package let status: Status

    package init(_ reason: NotStoredReason, _ status: Status) {
        self.reason = reason
        self.status = status
    }

    /// For how long requests for its key do not wait for one another; 0 when the next answer may well be shared. An
    /// error passes sooner than what the origin says of a resource that it has.
    package var rememberedMilliseconds: Int64 {
        guard holdsForOthers else { return 0 }
        return isError ? Self.errorMilliseconds : Self.usualMilliseconds
    }

    /// What nodes that wait for it learn.
    package var fetchEnd: FetchEnd { holdsForOthers && !isError ? .uncacheable : .nothingToShare }

    private static let usualMilliseconds: Int64 = 120_000
    private static let errorMilliseconds: Int64 = 2_000

    private var isError: Bool { status.code >= 400 }

    /// It will meet the next request for the key as well, as far as can be told.
    private var holdsForOthers: Bool {
        switch reason {
        case .invalidated, .storeFull, .superseded, .incomplete: false
        case .requestTooLarge, .method: true
        default: !reason.isOfRequest
        }
    }
}
