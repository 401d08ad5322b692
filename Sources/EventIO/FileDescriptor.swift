// SPDX-License-Identifier: Apache-2.0

/// The number of an open file or socket; whoever holds it must close it once, through a `Kernel`.
public struct FileDescriptor: Hashable, Sendable {
    @usableFromInline package let rawValue: Int32

    @inlinable
    package init(rawValue: Int32) { self.rawValue = rawValue }

    /// Stands for no descriptor at all.
    @inlinable package static var none: FileDescriptor { FileDescriptor(rawValue: -1) }
}
