// SPDX-License-Identifier: Apache-2.0

/// Bytes of a table that lives as long as the process: read without counting references.
@safe @usableFromInline
package struct ImmortalBytes: Sendable {
    // Never written after `init` and never freed, so that all threads may read it.
    @usableFromInline nonisolated(unsafe) let storage: UnsafeBufferPointer<UInt8>

    package init(_ bytes: ContiguousArray<UInt8>) {
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = unsafe copy.initialize(from: bytes)  // Where both ended; the counts are equal.
        unsafe storage = UnsafeBufferPointer(copy)
    }

    @inlinable
    package var span: Span<UInt8> {
        @_lifetime(immortal)
        get {
            let span = unsafe Span(_unsafeElements: storage)
            return unsafe _overrideLifetime(span, copying: ())
        }
    }
}
