// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// What one 206 carries of a representation (RFC 9110 §15.3.7.1).
package struct RepresentationPart: Sendable, Equatable {
    package let range: Range<Int>
    /// Of the whole representation.
    package let completeLength: Int

    package init(range: Range<Int>, completeLength: Int) {
        self.range = range
        self.completeLength = completeLength
    }

    /// Nil when it is several parts, or its place or the whole's length is not told: of no use to a cache.
    package init?(_ response: borrowing ResponseHead) {
        guard response.status.code == 206, response.fields.count(of: .contentRange) == 1,
            !response.fields.firstValue(of: .contentType).begins(withIgnoringCase: "multipart/byteranges"),
            let place = ContentRange(response.fields.firstValue(of: .contentRange)),
            let range = place.range, let completeLength = place.completeLength
        else { return nil }
        self.init(range: range, completeLength: completeLength)
    }
}

/// Validators that tell any two versions of a representation apart (RFC 9110 §8.8.1).
package enum StrongValidator {
    /// Whether both are versions of the same representation, and the same one, so that their bytes may be put
    /// together (RFC 9111 §3.4, RFC 9110 §15.3.7.3).
    package static func isShared(_ one: borrowing Fields, _ other: borrowing Fields) -> Bool {
        if one.contains(.eTag) || other.contains(.eTag) {
            return EntityTag.stronglyEqual(one.firstValue(of: .eTag), other.firstValue(of: .eTag))
        }
        return hasStrongDate(one) && hasStrongDate(other)
            && one.firstValue(of: .lastModified).elementsEqual(other.firstValue(of: .lastModified))
    }

    /// RFC 9110 §8.8.2.2: a second or more before the response was made.
    private static func hasStrongDate(_ fields: borrowing Fields) -> Bool {
        guard let date = HTTPDate.parse(fields.firstValue(of: .date), nowSeconds: 0),
            let modified = HTTPDate.parse(fields.firstValue(of: .lastModified), nowSeconds: date)
        else { return false }
        return modified < date
    }

    /// Which field of a stored response If-Range may carry (RFC 9110 §13.1.5); nil for none. `eTag` is its tag,
    /// empty when there is none.
    package static func ofIfRange(_ metadata: CachedMetadata, eTag: borrowing Span<UInt8>) -> FieldName? {
        if metadata.flags.contains(.hasStrongETag) { return .eTag }
        let isStrong = metadata.lastModifiedSeconds >= 0 && metadata.lastModifiedSeconds < metadata.dateSeconds
        return eTag.isEmpty && isStrong ? .lastModified : nil
    }
}

/// What a part that has come does to what is stored under its key (RFC 9111 §3.4).
package enum PartialUpdate: Sendable, Equatable {
    /// Its bytes belong to those stored.
    case combine
    /// What is stored is of another version, or cannot be told from one.
    case replace
    /// What is stored is as good, or newer.
    case keep

    /// - Parameters:
    ///   - fields: those stored, with their metadata.
    ///   - storedLength: of the whole representation.
    package static func effect(
        of response: borrowing ResponseHead, _ part: RepresentationPart, on fields: borrowing Fields,
        _ metadata: CachedMetadata, storedLength: Int, requestSentAtMonotonicMilliseconds sentAt: Int64
    ) -> PartialUpdate {
        if storedLength == part.completeLength, StrongValidator.isShared(response.fields, fields) {
            return metadata.flags.contains(.isPartial) ? .combine : .keep
        }
        return metadata.storedAtMonotonicMilliseconds > sentAt ? .keep : .replace
    }
}

extension Span where Element == UInt8 {
    fileprivate func begins(withIgnoringCase text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount && extracting(0..<text.utf8CodeUnitCount).equalsIgnoringCase(text)
    }
}
