// SPDX-License-Identifier: Apache-2.0

/// All that is told of how one request was answered.
package struct RequestOutcome: Sendable {
    package var outcome: CacheOutcome
    /// Why it went to the origin, if it did.
    package var forward: ForwardReason?
    /// The status that the origin gave; 0 when it gave none.
    package var forwardStatus: UInt16
    package var stored: Bool
    package var collapsed: Bool
    /// What is left of the lifetime; less than zero when it is over.
    package var ttlSeconds: Int?
    package var notStored: NotStoredReason?
    /// What Larder itself has to say, as a token.
    package var localDetail: StaticString?

    package init(
        _ outcome: CacheOutcome, forward: ForwardReason? = nil, forwardStatus: UInt16 = 0, stored: Bool = false,
        collapsed: Bool = false, ttlSeconds: Int? = nil, notStored: NotStoredReason? = nil,
        localDetail: StaticString? = nil
    ) {
        self.outcome = outcome
        self.forward = forward
        self.forwardStatus = forwardStatus
        self.stored = stored
        self.collapsed = collapsed
        self.ttlSeconds = ttlSeconds
        self.notStored = notStored
        self.localDetail = localDetail
    }
}
