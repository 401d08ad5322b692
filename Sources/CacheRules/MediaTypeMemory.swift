// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Whether the last Content-Type is one that its route compresses: an origin sends few different ones.
package struct MediaTypeMemory: ~Copyable {
    private var value = ByteBuffer(capacity: 64)
    private var policy: CompressionPolicy?
    private var isTaken = false

    package init() {}

    mutating func takes(_ value: borrowing Span<UInt8>, _ policy: CompressionPolicy) -> Bool {
        if self.policy === policy, self.value.span.elementsEqual(value) { return isTaken }
        isTaken = policy.takesType(value)
        self.policy = policy
        self.value.clear()
        self.value.append(value)
        return isTaken
    }
}
