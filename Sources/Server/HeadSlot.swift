// SPDX-License-Identifier: Apache-2.0
import HTTPMessages

/// The memory of one request's head, handed on by reference and used again: it is too large to be moved from hand
/// to hand with every request.
final class HeadSlot {
    var head = RequestHead()
}

/// Slots that wait for their next request.
struct HeadSlots {
    /// The one that answers from memory take and give back again and again.
    private var first: HeadSlot?
    private var others: [HeadSlot] = []

    /// More than this many are not kept, nor one that a long head has grown.
    private static let maximumCount = 64
    private static let maximumBytes = 4 << 10

    mutating func take() -> HeadSlot {
        if let slot = first.take() { return slot }
        return others.popLast() ?? HeadSlot()
    }

    mutating func give(back slot: consuming HeadSlot) {
        if first == nil {
            first = slot
        } else if others.count < Self.maximumCount, slot.head.fields.allocatedBytes <= Self.maximumBytes {
            others.append(slot)
        }
    }
}
