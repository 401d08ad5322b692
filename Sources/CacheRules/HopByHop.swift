// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// Fields that speak of one connection and go no further: of one message, those that go by their names and those that
/// its Connection lists.
package struct HopByHop: Sendable {
    private static let names: FieldNameSet = [
        .connection, .keepAlive, .proxyConnection, .te, .trailer, .transferEncoding, .upgrade, .http2Settings,
        // RFC 9110 §11.7: between a client and its next proxy.
        .proxyAuthenticate, .proxyAuthenticationInfo, .proxyAuthorization,
    ]

    /// Whether any line may be removed; most heads have none.
    private let concerns: Bool
    /// What Connection lists; nil without it.
    private let listed: ListedNames?

    package init(_ fields: borrowing Fields) {
        concerns = fields.present.intersects(Self.names)
        listed = fields.contains(.connection) ? Self.listed(by: fields) : nil
    }

    private static func listed(by fields: borrowing Fields) -> ListedNames {
        var listed = ListedNames()
        for index in fields.slots.indices where fields.slots[index].name == .connection {
            listed.add(fields.value(at: index), for: fields)
        }
        return listed
    }

    /// RFC 9110 §7.6.1, whatever Connection says.
    package static func isRemoved(_ name: FieldName) -> Bool { names.contains(name) }

    /// Whether the line is removed: by its name, or because Connection lists it.
    @inline(__always)
    package func removes(lineAt index: Int, of fields: borrowing Fields) -> Bool {
        guard concerns else { return false }
        if Self.names.contains(fields.slots[index].name) { return true }
        return listed?.names(lineAt: index, of: fields) ?? false
    }
}
