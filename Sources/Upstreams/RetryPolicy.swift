// SPDX-License-Identifier: Apache-2.0

/// How far an exchange with a server had come when it failed.
package struct ExchangeFailure: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// No connection was had; nothing was sent.
        case connect
        /// The connection ended before the response was complete.
        case closed
        /// A limit of time ran out.
        case timedOut
        /// The response broke the rules of HTTP.
        case malformed
        /// More interim responses came than one answer may have.
        case excessiveInterim
        /// The response came in a transfer coding that is not known here.
        case transferCoding
    }

    package var kind: Kind
    package var onReusedConnection = false
    /// Some bytes of the request were given to the kernel.
    package var requestSent = false
    /// Some bytes of a response came.
    package var responseReceived = false
    /// All of the request's content that was sent is still at hand; true for a request without content.
    package var contentReplayable = true

    package init(_ kind: Kind) { self.kind = kind }
}

package enum RetryDecision: Sendable, Equatable {
    case fail
    /// Send the request again, over a connection opened for it.
    case retryOnNewConnection
}

/// When a failed exchange is tried again without the client's knowing.
package enum RetryPolicy {
    /// RFC 9110 §9.2.2: a proxy must not repeat a request whose method is not idempotent, unless it knows that the
    /// first one was never applied. RFC 9112 §9.3.1: a connection may be closed by the server just when it is used
    /// again, and an idempotent request may then be repeated on a new one.
    ///
    /// Attempts to connect are repeated by the pool, before a failure gets here.
    /// - Parameters:
    ///   - retries: how often this request was already sent again.
    ///   - limit: how often it may be.
    package static func decision(
        after failure: ExchangeFailure, methodIsIdempotent: Bool, retries: Int, limit: Int = 1,
        budget: inout RetryBudget
    ) -> RetryDecision {
        guard retries < limit, failure.kind == .closed, failure.onReusedConnection, !failure.responseReceived,
            failure.contentReplayable, methodIsIdempotent || !failure.requestSent
        else { return .fail }
        return budget.withdraw() ? .retryOnNewConnection : .fail
    }
}
