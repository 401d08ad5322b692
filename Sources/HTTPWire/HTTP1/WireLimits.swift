// SPDX-License-Identifier: Apache-2.0

/// How much of each part of a message is accepted. Line lengths are without their CRLF.
package struct WireLimits: Sendable, Equatable {
    /// Past it: 414.
    package var requestLineBytes = 8 * 1024
    /// Past it, and past the next two: 431.
    package var fieldLineBytes = 16 * 1024
    /// The start line, all fields and the blank line.
    package var headBytes = 64 * 1024
    package var fieldCount = 100

    /// Past these two: 502. A response's field line may fill its whole head.
    package var responseHeadBytes = 64 * 1024
    package var responseFieldCount = 200

    /// A chunk's size with its extensions.
    package var chunkLineBytes = 256
    /// All chunk extensions of one body together.
    package var chunkExtensionBytes = 16 * 1024
    package var trailerBytes = 8 * 1024
    package var trailerCount = 32

    package init() {}
}
