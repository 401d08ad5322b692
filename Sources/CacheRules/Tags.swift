// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// The tags by which a response can be invalidated together with others.
package enum Tags {
    package struct Limits: Sendable {
        package var maximumTags: Int
        package var maximumTagBytes: Int

        package init(maximumTags: Int = 256, maximumTagBytes: Int = 1024) {
            self.maximumTags = maximumTags
            self.maximumTagBytes = maximumTagBytes
        }
    }

    /// Calls `body` with each tag in the route's tag fields, which are separated by blanks or commas; of
    /// Cache-Groups with each group's tag. False when a limit was passed: a response whose tags are not all known
    /// must not be stored, for it could not be invalidated.
    package static func forEach(
        in response: borrowing Fields, policy: CachePolicy, authority: borrowing Span<UInt8>,
        limits: Limits = Limits(), _ body: (borrowing Span<UInt8>) -> Void
    ) -> Bool {
        var count = 0
        for index in response.slots.indices where policy.isTagField(at: index, of: response) {
            guard forEach(in: response.value(at: index), count: &count, limits: limits, body) else { return false }
        }
        guard policy.tagFields.contains(.cacheGroups) else { return true }
        return CacheGroups.forEachTag(in: response, .cacheGroups, authority: authority, limits: limits, body)
    }

    /// The same for fields that are known by `FieldName`.
    package static func forEach(
        in response: borrowing Fields, fieldNames: [FieldName], authority: borrowing Span<UInt8>,
        limits: Limits = Limits(), _ body: (borrowing Span<UInt8>) -> Void
    ) -> Bool {
        forEach(
            in: response, policy: CachePolicy(tagFields: fieldNames), authority: authority, limits: limits, body)
    }

    private static func forEach(
        in value: borrowing Span<UInt8>, count: inout Int, limits: Limits, _ body: (borrowing Span<UInt8>) -> Void
    ) -> Bool {
        var start = 0
        while let tag = nextTag(in: value, from: start) {
            count += 1
            guard count <= limits.maximumTags, tag.count <= limits.maximumTagBytes else { return false }
            body(value.extracting(tag))
            start = tag.upperBound
        }
        return true
    }

    private static func nextTag(in value: borrowing Span<UInt8>, from start: Int) -> Range<Int>? {
        var start = start
        while start < value.count, isSeparator(value[start]) { start += 1 }
        guard start < value.count else { return nil }
        var end = start
        while end < value.count, !isSeparator(value[end]) { end += 1 }
        return start..<end
    }

    private static func isSeparator(_ byte: UInt8) -> Bool { ASCII.isBlank(byte) || byte == ASCII.comma }
}

/// Cache-Groups and Cache-Group-Invalidation (RFC 9875): Lists of Strings, each group within one origin.
package enum CacheGroups {
    /// Calls `body` with the tag of each group that the field names, such as `group:shop.example "users"`; a tag
    /// in other fields cannot look like that. A field that is no List of Strings names none. False when a limit
    /// was passed.
    package static func forEachTag(
        in response: borrowing Fields, _ name: FieldName, authority: borrowing Span<UInt8>,
        limits: Tags.Limits = Tags.Limits(), _ body: (borrowing Span<UInt8>) -> Void
    ) -> Bool {
        guard response.contains(name), isListOfStrings(response, name) else { return true }
        var count = 0
        var tag = ByteBuffer(capacity: 128)
        for index in response.slots.indices where response.slots[index].name == name {
            let value = response.value(at: index)
            var parser = StructuredFieldParser()
            while case .string(let group) = next(&parser, value) {
                count += 1
                guard count <= limits.maximumTags, group.count <= limits.maximumTagBytes else { return false }
                tag.clear()
                writeTag(value.extracting(group), authority: authority, into: &tag)
                body(tag.span)
            }
        }
        return true
    }

    /// Whether the answer may invalidate groups: only to an unsafe request (RFC 9875 §3).
    package static func mayInvalidate(_ method: Method) -> Bool { !method.isSafe }

    /// Escapes in the string are left in, since equal strings have equal ones: RFC 9651 §4.1.6 escapes nothing
    /// that need not be.
    private static func writeTag(
        _ group: borrowing Span<UInt8>, authority: borrowing Span<UInt8>, into tag: inout ByteBuffer
    ) {
        tag.append("group:")
        Authority.writeNormalized(authority, isSecure: false, into: &tag)
        tag.append(" \"")
        tag.append(group)
        tag.append("\"")
    }

    /// RFC 9651 §4.2: a field is valid as a whole or not at all.
    private static func isListOfStrings(_ fields: borrowing Fields, _ name: FieldName) -> Bool {
        for index in fields.slots.indices where fields.slots[index].name == name {
            let value = fields.value(at: index)
            var parser = StructuredFieldParser()
            do {
                while let member = try parser.nextListMember(in: value) {
                    guard case .string = member else { return false }
                }
            } catch { return false }
        }
        return true
    }

    /// The next member of a field that has been found valid.
    private static func next(
        _ parser: inout StructuredFieldParser, _ value: borrowing Span<UInt8>
    ) -> StructuredFieldParser.Value? {
        do { return try parser.nextListMember(in: value) } catch { return nil }
    }
}
