// SPDX-License-Identifier: Apache-2.0

/// Why a body could not be coded or decoded.
package enum CodingError: Error, Sendable, Equatable {
    /// It is not what its coding says.
    case damaged
    /// It ended too early.
    case truncated
    /// Decoded it is longer than it may be, or out of all proportion to what came.
    case tooLarge
    /// The coder was refused memory.
    case outOfMemory
    /// Nobody wants the result any more.
    case cancelled

    /// A word for logs and for `detail` of Cache-Status.
    package var label: StaticString {
        switch self {
        case .damaged: "coding-damaged"
        case .truncated: "coding-truncated"
        case .tooLarge: "coding-too-large"
        case .outOfMemory: "coding-out-of-memory"
        case .cancelled: "coding-cancelled"
        }
    }
}
