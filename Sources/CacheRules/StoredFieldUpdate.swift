// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// Bringing a stored response's fields up to date (RFC 9111 §3.2).
package enum StoredFieldUpdate {
    /// What the stored body depends on, and so is not taken from elsewhere.
    private static let kept: FieldNameSet = [.contentLength, .contentEncoding, .contentRange]

    /// The fields of a response refreshed by a 304, or by the answer to HEAD: to be assessed as a response
    /// received now, and then stored. Without a Date the update was made when it came (RFC 9110 §6.6.1).
    package static func merge(
        stored: borrowing Fields, from update: borrowing ResponseHead, receivedAt: Moment
    ) -> Fields {
        var merged = Fields()
        let hopByHop = HopByHop(update.fields)
        // Most updates have none of those that are known by their bytes alone.
        let lines = update.fields.contains(.other) ? FieldLineTable(update.fields) : nil
        for index in stored.slots.indices {
            let name = stored.slots[index].name
            // The stored Age and Date spoke of the response as it was.
            if name == .age || name == .date { continue }
            if !isReplaced(at: index, of: stored, by: update.fields, lines, hopByHop) {
                merged.append(name: stored.name(at: index), stored.value(at: index))
            }
        }
        if !update.fields.contains(.date) {
            var date = ByteBuffer(capacity: HTTPDate.textCount)
            HTTPDate.write(receivedAt.wallSeconds, into: &date)
            merged.append(.date, date.span)
        }
        for index in update.fields.slots.indices
        where !kept.contains(update.fields.slots[index].name) && !hopByHop.removes(lineAt: index, of: update.fields) {
            merged.append(name: update.fields.name(at: index), update.fields.value(at: index))
        }
        return merged
    }

    /// All lines of a name go when the update has one of it.
    private static func isReplaced(
        at index: Int, of stored: borrowing Fields, by update: borrowing Fields, _ lines: FieldLineTable?,
        _ hopByHop: HopByHop
    ) -> Bool {
        let name = stored.slots[index].name
        if kept.contains(name) { return false }
        let line =
            name == .other
            ? lines?.firstLine(named: stored.name(at: index), of: update) : update.firstIndex(of: name)
        guard let line else { return false }
        return !hopByHop.removes(lineAt: line, of: update)
    }

    // MARK: Which response an update speaks of

    /// Whether a 304 speaks of the stored response that was asked about (RFC 9111 §4.3.4): a validator in it
    /// must be the stored one's.
    package static func applies(_ update: borrowing ResponseHead, to stored: borrowing Fields) -> Bool {
        if let new = update.fields.firstIndex(of: .eTag) {
            let tag = update.fields.value(at: new)
            guard let old = stored.firstIndex(of: .eTag) else { return !EntityTag.isStrong(tag) }
            let storedTag = stored.value(at: old)
            return EntityTag.isStrong(tag)
                ? EntityTag.stronglyEqual(tag, storedTag)
                : EntityTag.weaklyEqual(tag, storedTag) || tag.elementsEqual(storedTag)
        }
        return sameLastModified(update.fields, stored)
    }

    private static func sameLastModified(_ update: borrowing Fields, _ stored: borrowing Fields) -> Bool {
        guard let new = update.firstIndex(of: .lastModified), let old = stored.firstIndex(of: .lastModified) else {
            return true
        }
        return update.value(at: new).elementsEqual(stored.value(at: old))
    }
}

/// What the answer to HEAD says of a response stored for GET (RFC 9111 §4.3.5).
package enum HeadUpdate: Sendable, Equatable {
    /// It is the same: merge the fields.
    case update
    /// It has changed: treat what is stored as stale.
    case invalidate
    /// It says nothing of it.
    case none

    package static func effect(
        of response: borrowing ResponseHead, on stored: borrowing Fields, storedStatus: UInt16, storedLength: Int
    ) -> HeadUpdate {
        guard response.status.code == 200, storedStatus == 200 else { return .none }
        guard StoredFieldUpdate.applies(response, to: stored) else { return .invalidate }
        guard let index = response.fields.firstIndex(of: .contentLength) else {
            // Without a validator or a length nothing tells that it speaks of the bytes that are stored.
            return response.fields.contains(.eTag) || response.fields.contains(.lastModified) ? .update : .none
        }
        let value = response.fields.value(at: index)
        return decimal(value) == storedLength ? .update : .invalidate
    }

    private static func decimal(_ value: borrowing Span<UInt8>) -> Int? {
        guard !value.isEmpty, value.count <= 18 else { return nil }
        var number = 0
        for index in 0..<value.count {
            guard ASCII.isDigit(value[index]) else { return nil }
            number = number * 10 + Int(value[index] &- 0x30)
        }
        return number
    }
}
