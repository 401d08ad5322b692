// SPDX-License-Identifier: Apache-2.0

/// Which answers of a route are compressed, and how.
package struct CompressionSettings: Sendable, Equatable {
    package enum Coding: String, Sendable, CaseIterable {
        case brotli = "br"
        case gzip, deflate
    }

    /// What the origin is asked for.
    package enum Upstream: String, Sendable, CaseIterable {
        /// Plain bodies, which are compressed here.
        case identity
        /// Bodies in one of the route's codings, if it has them.
        case coded
    }

    /// In order of preference; empty: off.
    package var codings: [Coding] = [.brotli, .gzip, .deflate]
    /// Shorter bodies are not worth it.
    package var minimumBytes = 1024
    /// Globs over media types, in lower case.
    package var types = [
        "text/*", "application/json", "application/*+json", "application/javascript", "application/xml",
        "application/*+xml", "application/wasm", "application/x-ndjson",
        "image/svg+xml", "image/bmp", "font/ttf", "font/otf",
    ]
    /// Globs over paths whose answers stay as they are.
    package var excluded: [String] = []
    /// The request field by which a client opts out; nil for none.
    package var optOutField: String? = "X-No-Compression"
    package var upstream = Upstream.identity
    /// After so many requests for a compressed body it is compressed once more, as small as it gets; 0 for never.
    package var climbsAfter = 20

    package init() {}
}
