// SPDX-License-Identifier: Apache-2.0

/// A text that must not show: every description of it is masked.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The text itself, for the one place that compares or sends it.
    package let revealed: String

    package init(_ text: String) { revealed = text }

    package static let mask = "********"

    package var description: String { Secret.mask }
    package var debugDescription: String { Secret.mask }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Whether `candidate` is the secret, in a time that does not tell where they differ.
    package func matches(_ candidate: borrowing Span<UInt8>) -> Bool {
        var difference = candidate.count ^ revealed.utf8.count
        var index = 0
        for byte in revealed.utf8 {
            let other = index < candidate.count ? candidate[index] : 0
            difference |= Int(byte ^ other)
            index += 1
        }
        return difference == 0
    }
}
