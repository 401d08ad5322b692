// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import HTTPWire
import Storage

/// What a 304, or the answer to HEAD, makes of a stored response.
struct RefreshedResponse {
    let response: StoredResponse
    /// Why it answers the request that asked, and no other; nil when it may be stored.
    let refusal: NotStoredReason?
}

extension StoredResponseMaker {
    /// The stored body under fields brought up to date (RFC 9111 §3.2, §4.3.4); nil when it cannot be made.
    static func refresh(
        _ stored: StoredResponse, with update: borrowing ResponseHead, for exchange: Exchange
    ) -> RefreshedResponse? {
        guard let updated = merge(stored, update, for: exchange) else { return nil }
        let now = exchange.worker.loop.now
        var request = RequestHead(copying: exchange.head)
        request.method = .get  // what is stored, whatever was asked (RFC 9111 §4.3.5)
        let decision = Storability.assess(
            request: request, response: updated, policy: exchange.request.route.policy,
            requestSentAt: exchange.sentAt, responseReceivedAt: now)
        var refusal = NotStoredReason.tooManyTags
        switch decision {
        case .store(let metadata):
            if let draft = draft(updated, metadata, contentLength: stored.bodyCount, for: exchange) {
                return refreshed(stored, by: draft, for: exchange).map {
                    RefreshedResponse(response: $0, refusal: nil)
                }
            }
        case .refuse(let reason): refusal = reason
        }
        // RFC 9111 §5.2.2.5: nothing of the update is stored, but the body was confirmed to who asked.
        let metadata = stored.metadata.confirmedOnce(by: update, requestSentAt: exchange.sentAt, receivedAt: now)
        let once = draft(updated, metadata, contentLength: stored.bodyCount, tags: [], for: exchange)
        return refreshed(stored, by: once, for: exchange).map { RefreshedResponse(response: $0, refusal: refusal) }
    }

    /// With all forms that were made of the body.
    private static func refreshed(
        _ stored: StoredResponse, by draft: StoredDraft, for exchange: Exchange
    ) -> StoredResponse? {
        let forms = exchange.worker.store.current(stored) ?? stored
        return stored.refreshed(by: draft, epoch: exchange.epoch).map {
            $0.with(CodedHead.renewed(forms, under: $0))
        }
    }

    /// The stored head with the fields of the update.
    static func merge(
        _ stored: StoredResponse, _ update: borrowing ResponseHead, for exchange: Exchange
    ) -> ResponseHead? {
        var merged = ResponseHead()
        guard StoredHead.parse(stored.head, into: &merged) else { return nil }
        let reason = ContiguousArray(copying: merged.fields.bytes.extracting(merged.reasonRange))
        // The way it came is that of the update; ours is written behind it again.
        merged.fields.remove(.via)
        merged.fields = StoredFieldUpdate.merge(
            stored: merged.fields, from: update, receivedAt: exchange.worker.loop.now)
        merged.reasonRange = merged.fields.appendText(reason.span)
        merged.version = update.version
        return merged
    }
}
