// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// Fields that speak of one connection and go no further: of one message, those that go by their names and those that
/// its Connection lists.
package struct HopByHop: Sendable {
    /// RFC 9110 §7.6.1, whatever Connection says.
    package static func isRemoved(_ name: FieldName) -> Bool { names.contains(name) }

    /// Those for which `isRemoved` holds.
    package static var names: FieldNameSet { namesOnTheirOwn.with(.connection).with(.transferEncoding) }

    /// Those of requests, but for Connection and Transfer-Encoding, which most requests or bodies have.
    @inline(__always)
    static var namesOnTheirOwn: FieldNameSet {
        FieldNameSet(.keepAlive).with(.proxyConnection).with(.te).with(.trailer).with(.upgrade).with(.http2Settings)
            // RFC 9110 §11.7: between a client and its next proxy.
            .with(.proxyAuthenticate).with(.proxyAuthenticationInfo).with(.proxyAuthorization)
    }

    /// What is no business of Connection: no server can do without Host, whatever is listed (RFC 9110 §7.2), and the
    /// others are decided on by themselves.
    private static let unlisted: FieldNameSet = [
        .host, .connection, .transferEncoding, .contentLength, .upgrade, .http2Settings,
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

    /// Takes away what Connection lists.
    /// - Parameter keepsIdentity: but for what a trusted proxy says of its client and what that asks for. The option
    ///   may be the client's own, which the proxy has passed on.
    package static func removeListed(from fields: inout Fields, keepsIdentity: Bool) {
        let listed = Self.listed(by: fields)
        let lines = fields.slots.indices.filter {
            !unlisted.contains(fields.slots[$0].name) && listed.names(lineAt: $0, of: fields)
                && !(keepsIdentity && isIdentity($0, of: fields))
        }
        for line in lines { fields.mark(line) }
        fields.removeMarked()
    }

    private static func isIdentity(_ line: Int, of fields: borrowing Fields) -> Bool {
        if ForwardedRule.names.contains(fields.slots[line].name) { return true }
        return switch IdentityField.of(fields.name(at: line)) {
        case .site, .client: true
        case .method, nil: false
        }
    }

    /// Whether the line is removed: by its name, or because Connection lists it.
    @inline(__always)
    package func removes(lineAt index: Int, of fields: borrowing Fields) -> Bool {
        guard concerns else { return false }
        if Self.isRemoved(fields.slots[index].name) { return true }
        return listed?.names(lineAt: index, of: fields) ?? false
    }
}
