// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Redis

/// What nodes fetch in turn: a key, or where it is known to vary a variant of it.
struct TierLock: Sendable {
    let key: ContiguousArray<UInt8>
    let variant: ContiguousArray<UInt8>
}

/// What things are called in Redis.
///
///     shop:obj:GET shop.example/api/users?page=2
///     shop:obj:GET shop.example/api/users?page=2 coded:br
///     shop:obj:GET shop.example/api/users?page=2 vary:accept-language=de
///     shop:obj:GET shop.example/api/users?page=2 vary:accept-language=de coded:br
///     shop:lock:GET shop.example/api/users?page=2
///     shop:hot
///
/// Injective: a prefix holds no colon, no part that a route adds to a key is called `vary` or `coded`, and a secondary
/// key holds no blank.
struct TierKeys: Sendable {
    private let prefix: ContiguousArray<UInt8>

    init(prefix: String) { self.prefix = ContiguousArray(prefix.utf8) }

    /// As an argument of a command.
    func writeObject(
        _ key: borrowing Span<UInt8>, variant: borrowing Span<UInt8> = Span(), coding: ContentCoding = .identity,
        into output: inout ByteBuffer
    ) {
        write(Self.objectMark, key, variant: variant, coding: coding, into: &output)
    }

    /// Of who fetches it.
    func writeLock(_ lock: TierLock, into output: inout ByteBuffer) {
        write(Self.lockMark, lock.key.span, variant: lock.variant.span, coding: .identity, into: &output)
    }

    private func write(
        _ mark: StaticString, _ key: borrowing Span<UInt8>, variant: borrowing Span<UInt8>, coding: ContentCoding,
        into output: inout ByteBuffer
    ) {
        let variantCount = variant.count > 0 ? Self.variantMark.utf8CodeUnitCount + variant.count : 0
        let codingCount =
            coding == .identity ? 0 : Self.codingMark.utf8CodeUnitCount + coding.name.utf8CodeUnitCount
        output.beginArgument(
            byteCount: prefix.count + mark.utf8CodeUnitCount + key.count + variantCount + codingCount)
        output.append(prefix.span)
        output.append(mark)
        output.append(key)
        if variant.count > 0 {
            output.append(Self.variantMark)
            output.append(variant)
        }
        if coding != .identity {
            output.append(Self.codingMark)
            output.append(coding.name)
        }
        output.endArgument()
    }

    func writeHotList(into output: inout ByteBuffer) {
        output.beginArgument(byteCount: prefix.count + Self.hotMark.utf8CodeUnitCount)
        output.append(prefix.span)
        output.append(Self.hotMark)
        output.endArgument()
    }

    static let objectMark: StaticString = ":obj:"
    static let lockMark: StaticString = ":lock:"
    static let variantMark: StaticString = " vary:"
    static let codingMark: StaticString = " coded:"
    static let hotMark: StaticString = ":hot"

    /// The first of the keys a variant is found by: the second one serves memory alone.
    @_lifetime(copy secondaryKey)
    static func variant(of secondaryKey: Span<UInt8>) -> Span<UInt8> {
        for index in 0..<secondaryKey.count where secondaryKey[index] == ASCII.lineFeed {
            return secondaryKey.extracting(0..<index)
        }
        return secondaryKey
    }
}
