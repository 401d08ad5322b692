// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Max-Forwards of OPTIONS and TRACE (RFC 9110 §7.6.2); with other methods it means nothing.
extension RequestHead {
    /// What a larger number counts as.
    private static var mostForwards: Int { Int(Int32.max) }

    /// nil when there is none, and when it is no number: it is passed on as it came then.
    private var forwardsLeft: (count: Int, index: Int)? {
        guard method == .options || method == .trace, let index = fields.onlyIndex(of: .maxForwards),
            let count = DecimalText.parseClamped(fields.value(at: index), to: Self.mostForwards)
        else { return nil }
        return (count, index)
    }

    /// Whether the request is to be answered here, whoever it was meant for.
    package var isAtItsLastStop: Bool { forwardsLeft?.count == 0 }

    /// The request is about to be passed on. To be called once.
    package mutating func countForward() {
        guard let left = forwardsLeft, left.count > 0 else { return }
        var text = ByteBuffer(capacity: 20)
        text.append(decimal: left.count - 1)
        fields.replaceValue(at: left.index, with: text.span)
    }
}
