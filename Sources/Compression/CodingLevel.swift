// SPDX-License-Identifier: Apache-2.0
package import HTTPMessages

/// How much time is spent on a body.
package enum CodingLevel: UInt8, Sendable, CaseIterable {
    /// At once, while the body passes through.
    case fast
    /// The smallest there is, for bodies that are asked for again and again.
    case best

    /// What the library calls it.
    package func number(for coding: ContentCoding) -> Int32 {
        switch (self, coding) {
        case (.fast, .brotli): 5
        case (.best, .brotli): 11
        case (.fast, _): 6
        case (.best, _): 9
        }
    }
}

extension ContentCoding {
    /// Whether bodies can be brought into it and out of it here.
    package var isSupported: Bool { self == .brotli || self == .gzip || self == .deflate }
}
