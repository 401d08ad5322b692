// SPDX-License-Identifier: Apache-2.0

/// Why a stale response could be served.
package enum StaleReason: UInt8, CaseIterable, Sendable {
    /// While it is fetched anew in the background (RFC 5861 §3).
    case whileRevalidate
    /// Because the origin failed (RFC 5861 §4).
    case ifError
    /// The client said how stale it may be (RFC 9111 §5.2.1.2).
    case clientAllowed

    package var label: StaticString {
        switch self {
        case .whileRevalidate: "while-revalidate"
        case .ifError: "if-error"
        case .clientAllowed: "client-allowed"
        }
    }
}
