// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// Fields that speak of one connection and go no further.
package enum HopByHop {
    private static let names: FieldNameSet = [
        .connection, .keepAlive, .proxyConnection, .te, .trailer, .transferEncoding, .upgrade, .http2Settings,
        // RFC 9110 §11.7: between a client and its next proxy.
        .proxyAuthenticate, .proxyAuthenticationInfo, .proxyAuthorization,
    ]

    /// RFC 9110 §7.6.1, whatever Connection says.
    package static func isRemoved(_ name: FieldName) -> Bool { names.contains(name) }

    /// Whether any line may be removed; most heads have none.
    package static func concerns(_ fields: borrowing Fields) -> Bool { fields.present.intersects(names) }

    /// Whether the line is removed: by its name, or because Connection lists it.
    package static func isRemoved(at index: Int, of fields: borrowing Fields) -> Bool {
        let name = fields.slots[index].name
        if names.contains(name) { return true }
        return fields.contains(.connection) && isListed(at: index, in: .connection, of: fields)
    }

    private static func isListed(at index: Int, in list: FieldName, of fields: borrowing Fields) -> Bool {
        for line in fields.slots.indices where fields.slots[line].name == list {
            if fields.value(at: line).listContains(name: fields.name(at: index)) { return true }
        }
        return false
    }
}

extension Span where Element == UInt8 {
    /// Whether the list has this field name as a member, in any case of letters.
    func listContains(name: borrowing Span<UInt8>) -> Bool {
        var list = FieldListParser()
        while let member = list.next(in: self) {
            if extracting(member).equalsIgnoringCase(name) { return true }
        }
        return false
    }

    func equalsIgnoringCase(_ other: borrowing Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where ASCII.lowercased(self[index]) != ASCII.lowercased(other[index]) { return false }
        return true
    }
}
