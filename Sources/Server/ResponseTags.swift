// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Storage

/// The tags of a response in the form in which they are kept: hashes, which may at worst invalidate too much.
enum ResponseTags {
    /// nil when there are more than are kept.
    static func hashes(
        _ fields: borrowing Fields, authority: borrowing Span<UInt8>, policy: CachePolicy
    ) -> ContiguousArray<UInt64>? {
        var hashes = ContiguousArray<UInt64>()
        let isWhole = Tags.forEach(in: fields, policy: policy, authority: authority) { tag in
            hashes.append(TagHash.of(tag))
        }
        return isWhole ? hashes : nil
    }
}

extension RequestOutcome {
    init(_ answer: borrowing Answer) {
        self.init(
            answer.outcome, forward: answer.forward, forwardStatus: answer.forwardStatus, stored: answer.isStored,
            collapsed: answer.isCollapsed, ttlSeconds: answer.ttlSeconds.map(Int.init), notStored: answer.notStored,
            localDetail: answer.detail)
    }
}
