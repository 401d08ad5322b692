// SPDX-License-Identifier: Apache-2.0

/// In which fields the trusted proxies say whom a request comes from, and how. What they do not write is their
/// clients' word, which they pass on as it came.
package enum ForwardingFields: String, Sendable, CaseIterable {
    case xForwarded = "x_forwarded"
    case forwarded
    case both

    package var names: FieldNameSet {
        switch self {
        case .xForwarded: Self.xForwardedNames
        case .forwarded: FieldNameSet(.forwarded)
        case .both: Self.allNames
        }
    }

    private static var xForwardedNames: FieldNameSet {
        FieldNameSet(.xForwardedFor).with(.xForwardedProto).with(.xForwardedHost).with(.xForwardedPort)
    }

    package static var allNames: FieldNameSet { xForwardedNames.with(.forwarded) }

    /// The one that names the client. Of both X-Forwarded-For where it is there.
    func ofClient(in fields: borrowing Fields) -> FieldName {
        switch self {
        case .xForwarded: .xForwardedFor
        case .forwarded: .forwarded
        case .both: fields.contains(.xForwardedFor) ? .xForwardedFor : .forwarded
        }
    }
}
