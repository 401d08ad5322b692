// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// A client's preconditions against a stored response.
package enum ConditionalRequest: Sendable, Equatable {
    case notConditional
    /// 304, with the fields that RFC 9110 §15.4.5 lists.
    case notModified
    /// The condition holds, or does not apply: answer as without it.
    case proceed
    /// The condition is the origin's to evaluate: If-Match and If-Unmodified-Since (RFC 9111 §4.3.2).
    case forward

    private static let all: FieldNameSet = [.ifNoneMatch, .ifModifiedSince, .ifMatch, .ifUnmodifiedSince]
    private static let forOrigins: FieldNameSet = [.ifMatch, .ifUnmodifiedSince]

    /// `eTag` is the stored one, empty when there is none.
    package static func evaluate(
        _ request: borrowing RequestHead, eTag: borrowing Span<UInt8>, metadata: CachedMetadata
    ) -> ConditionalRequest {
        guard request.fields.present.intersects(all) else { return .notConditional }
        if request.fields.present.intersects(forOrigins) { return .forward }
        // RFC 9110 §13.2.1: without a success there is nothing that could be unmodified.
        // What is true of GET is true of QUERY (RFC 10008).
        guard Status(metadata.status).isSuccess,
            request.method == .get || request.method == .head || request.method == .query
        else {
            return .proceed
        }
        // RFC 9110 §13.2.2: If-Modified-Since is not looked at beside If-None-Match.
        if request.fields.contains(.ifNoneMatch) {
            return matches(request.fields, eTag) ? .notModified : .proceed
        }
        return isUnmodified(request.fields, metadata) ? .notModified : .proceed
    }

    private static func matches(_ fields: borrowing Fields, _ eTag: borrowing Span<UInt8>) -> Bool {
        for index in fields.slots.indices where fields.slots[index].name == .ifNoneMatch {
            let value = fields.value(at: index)
            // What most clients send: the tag that they were given.
            if !eTag.isEmpty, value.elementsEqual(eTag) { return true }
            if EntityTag.list(value, matches: eTag) { return true }
        }
        return false
    }

    /// RFC 9111 §4.3.2: Date stands in for a missing Last-Modified.
    private static func isUnmodified(_ fields: borrowing Fields, _ metadata: CachedMetadata) -> Bool {
        guard let index = fields.firstIndex(of: .ifModifiedSince),
            let since = HTTPDate.parse(fields.value(at: index), nowSeconds: metadata.dateSeconds)
        else { return false }
        let modified = metadata.lastModifiedSeconds >= 0 ? metadata.lastModifiedSeconds : metadata.dateSeconds
        return modified <= since
    }
}
