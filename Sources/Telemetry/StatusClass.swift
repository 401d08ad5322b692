// SPDX-License-Identifier: Apache-2.0

/// The first digit of a status code (RFC 9110 §15).
package enum StatusClass: UInt8, CaseIterable, Sendable {
    case invalid, informational, success, redirection, clientError, serverError

    package init(_ status: UInt16) {
        self = StatusClass(rawValue: UInt8(truncatingIfNeeded: status / 100)) ?? .invalid
    }

    package var label: StaticString {
        switch self {
        case .invalid: "other"
        case .informational: "1xx"
        case .success: "2xx"
        case .redirection: "3xx"
        case .clientError: "4xx"
        case .serverError: "5xx"
        }
    }
}
