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

    /// What a trusted peer says of scheme, host, path and the like, which goes on to the origin.
    static func writeIdentity(of fields: borrowing Fields, _ rule: SentFields, into key: inout ByteBuffer) {
        for index in fields.slots.indices where rule.isKeyed(index, of: fields) {
            CacheKey.writePart("sent", name: fields.name(at: index), value: fields.value(at: index), into: &key)
        }
        guard fields.contains(.forwarded) else { return }
        var site = ByteBuffer(capacity: 64)
        ForwardedElements.writeSite(fields, into: &site)
        guard !site.isEmpty else { return }
        CacheKey.writePart("sent", name: Array("forwarded".utf8).span, value: site.span, into: &key)
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

    private static func writeCookie(
        _ name: ContiguousArray<UInt8>, of fields: borrowing Fields, into key: inout ByteBuffer
    ) {
        switch CookieReading.of(name.span, in: fields) {
        case .absent: CacheKey.writePart("cookie", name: name.span, value: nil, into: &key)
        case .pairs:
            CookieReading.forEachPair(of: name.span, in: fields) {
                CacheKey.writePart("cookie", name: name.span, value: $0, into: &key)
            }
        case .ambiguous:
            fields.forEachValue(of: .cookie) {
                CacheKey.writePart("cookies", name: name.span, value: copy $0, into: &key)
            }
        }
    }

    /// 128 bits of the credentials' keyed hash: nobody who reads keys learns them (promise 2 asks for whole
    /// comparison of keys, which holds for what is in the key).
    private static func writeAuthorization(
        of fields: borrowing Fields, hasher: ByteHasher, into key: inout ByteBuffer
    ) {
        guard fields.contains(.authorization) else {
            return CacheKey.writePart("authorization", name: Span(), value: nil, into: &key)
        }
        fields.forEachValue(of: .authorization) {
            let digest = SHA256Digest($0)
            CacheKey.writePart("authorization", name: digest.hexadecimal.span, value: nil, into: &key)
        }
    }
}
