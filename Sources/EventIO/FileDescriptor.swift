// SPDX-License-Identifier: Apache-2.0

/// The number of an open file or socket; whoever holds it must close it once, through a `Kernel`.
public struct FileDescriptor: Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    /// Stands for no descriptor at all.
    package static let none = FileDescriptor(rawValue: -1)
}
