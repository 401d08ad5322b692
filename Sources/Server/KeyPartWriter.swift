// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages

/// Adds to the key what the route wants of a request's fields.
enum KeyPartWriter {
    static func write(
        _ part: KeyPart, of fields: borrowing Fields, hasher: ByteHasher, into key: inout ByteBuffer
    ) {
        switch part {
        case .field(let name): writeField(name, of: fields, into: &key)
        case .cookie(let name): writeCookie(name, of: fields, into: &key)
        case .hashedAuthorization: writeAuthorization(of: fields, hasher: hasher, into: &key)
        case .body: break
        }
    }

    /// What was sent, and what it is said to be: the same bytes of another type are another question.
    static func write(_ content: KeyedContent, of fields: borrowing Fields, into key: inout ByteBuffer) {
        for name in KeyedContent.metadataFields { writeField(name, of: fields, into: &key) }
        let digest = content.digest.hexadecimal
        CacheKey.writePart("body", name: digest.span, value: nil, into: &key)
    }

    private static func writeField(
        _ name: ContiguousArray<UInt8>, of fields: borrowing Fields, into key: inout ByteBuffer
    ) {
        var found = false
        for index in fields.slots.indices where isNamed(fields.name(at: index), name) {
            CacheKey.writePart("header", name: name.span, value: fields.value(at: index), into: &key)
            found = true
        }
        if !found { CacheKey.writePart("header", name: name.span, value: nil, into: &key) }
    }

    private static func isNamed(_ spelled: borrowing Span<UInt8>, _ name: ContiguousArray<UInt8>) -> Bool {
        guard spelled.count == name.count else { return false }
        for index in 0..<name.count where ASCII.lowercased(spelled[index]) != name[index] { return false }
        return true
    }

    /// RFC 6265 §5.4: `name=value` pairs between semicolons; the first of a name counts.
    private static func writeCookie(
        _ name: ContiguousArray<UInt8>, of fields: borrowing Fields, into key: inout ByteBuffer
    ) {
        for index in fields.slots.indices where fields.slots[index].name == .cookie {
            let value = fields.value(at: index)
            guard let range = valueRange(of: name, in: value) else { continue }
            return CacheKey.writePart("cookie", name: name.span, value: value.extracting(range), into: &key)
        }
        CacheKey.writePart("cookie", name: name.span, value: nil, into: &key)
    }

    private static func valueRange(
        of name: ContiguousArray<UInt8>, in cookies: borrowing Span<UInt8>
    ) -> Range<Int>? {
        var start = 0
        while start < cookies.count {
            let end = cookies.firstIndex(of: ASCII.semicolon, in: start..<cookies.count) ?? cookies.count
            let pair = cookies.trimmingBlanks(start..<end)
            let valueStart = pair.lowerBound + name.count
            if valueStart < pair.upperBound, cookies[valueStart] == ASCII.equals,
                cookies.extracting(pair.lowerBound..<valueStart).elementsEqual(name.span)
            {
                return valueStart + 1..<pair.upperBound
            }
            start = end + 1
        }
        return nil
    }

    /// 128 bits of the credentials' keyed hash: nobody who reads keys learns them (promise 2 asks for whole
    /// comparison of keys, which holds for what is in the key).
    private static func writeAuthorization(
        of fields: borrowing Fields, hasher: ByteHasher, into key: inout ByteBuffer
    ) {
        guard let index = fields.firstIndex(of: .authorization) else {
            return CacheKey.writePart("authorization", name: Span(), value: nil, into: &key)
        }
        let digest = SHA256Digest(fields.value(at: index))
        CacheKey.writePart("authorization", name: digest.hexadecimal.span, value: nil, into: &key)
    }
}
