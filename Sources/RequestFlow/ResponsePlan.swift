// SPDX-License-Identifier: Apache-2.0
package import CacheRules
package import HTTPMessages

/// In which form a stored response answers one request.
package enum ResponsePlan: Sendable, Equatable {
    case whole
    case notModified
    case part(Range<Int>)
    case parts([Range<Int>])
    case unsatisfiable

    /// RFC 9110 §13.2.2: conditions first, then the range.
    package static func choose(
        request: borrowing RequestHead, eTag: borrowing Span<UInt8>, metadata: CachedMetadata, bodyByteCount: Int
    ) -> ResponsePlan {
        if ConditionalRequest.evaluate(request, eTag: eTag, metadata: metadata) == .notModified { return .notModified }
        // RFC 9110 §14.2: a range is a matter of GET and of a body that is whole.
        // A body that was coded here may have other bytes the next time.
        guard request.method == .get, metadata.status == 200, !metadata.flags.contains(.isTransformed),
            let index = request.fields.firstIndex(of: .range)
        else {
            return .whole
        }
        switch select(request.fields, index, eTag, metadata, bodyByteCount) {
        case .whole: return .whole
        case .single(let range): return .part(range)
        case .multiple(let ranges): return .parts(ranges)
        case .unsatisfiable: return .unsatisfiable
        }
    }

    private static func select(
        _ fields: borrowing Fields, _ range: Int, _ eTag: borrowing Span<UInt8>, _ metadata: CachedMetadata,
        _ bodyByteCount: Int
    ) -> RangeSelection {
        if let condition = fields.firstIndex(of: .ifRange) {
            return RangeRequest.select(
                fields.value(at: range), ifRange: fields.value(at: condition), eTag: eTag,
                lastModifiedSeconds: metadata.lastModifiedSeconds, dateSeconds: metadata.dateSeconds,
                completeLength: bodyByteCount)
        }
        return RangeRequest.select(
            fields.value(at: range), ifRange: nil, eTag: eTag, lastModifiedSeconds: metadata.lastModifiedSeconds,
            dateSeconds: metadata.dateSeconds, completeLength: bodyByteCount)
    }
}
