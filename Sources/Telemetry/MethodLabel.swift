// SPDX-License-Identifier: Apache-2.0
package import HTTPMessages

extension Method {
    static let labelled: [Method] = [
        .get, .head, .post, .put, .delete, .patch, .options, .trace, .connect, .query, .purge, .other,
    ]

    /// Where a method is counted; all that have one label are the last.
    var labelIndex: Int { min(Int(rawValue), Method.labelled.count - 1) }

    /// Bounded, unlike the token a client sent.
    package var label: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .query: "QUERY"
        case .purge: "PURGE"
        case .other, .otherSafe: "other"
        }
    }
}
