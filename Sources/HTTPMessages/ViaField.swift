// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Via (RFC 9110 §7.6.3).
package enum ViaField {
    /// Whether one of those whom the message has passed calls itself `name`, in any case of letters: it goes in a circle.
    /// Comments say nothing about that.
    package static func names(_ name: borrowing Span<UInt8>, in fields: borrowing Fields) -> Bool {
        guard fields.contains(.via) else { return false }
        for index in fields.slots.indices where fields.slots[index].name == .via {
            if lists(name, in: fields.value(at: index)) { return true }
        }
        return false
    }

    private static func lists(_ name: borrowing Span<UInt8>, in value: borrowing Span<UInt8>) -> Bool {
        /// Of the member: protocol, received-by, and what does not belong there.
        var wordCount = 0
        var index = 0
        while index < value.count {
            let byte = value[index]
            if byte == ASCII.comma {
                wordCount = 0
                index += 1
            } else if ASCII.isBlank(byte) {
                index += 1
            } else if byte == openParenthesis {
                index = endOfComment(in: value, from: index)
            } else {
                let end = endOfWord(in: value, from: index)
                wordCount += 1
                if wordCount == 2, value.extracting(index..<end).equalsInAnyCase(name) { return true }
                index = end
            }
        }
        return false
    }

    private static let openParenthesis = UInt8(ascii: "(")

    private static func endOfWord(in value: borrowing Span<UInt8>, from start: Int) -> Int {
        var end = start
        while end < value.count, value[end] != ASCII.comma, !ASCII.isBlank(value[end]), value[end] != openParenthesis {
            end += 1
        }
        return end
    }

    /// RFC 9110 §5.6.5. One that never ends is passed over as a single byte, so that it hides nobody.
    private static func endOfComment(in value: borrowing Span<UInt8>, from start: Int) -> Int {
        var depth = 0
        var index = start
        while index < value.count {
            switch value[index] {
            case ASCII.backslash: index += 1
            case openParenthesis: depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 { return index + 1 }
            default: break
            }
            index += 1
        }
        return start + 1
    }
}

extension Span where Element == UInt8 {
    fileprivate func equalsInAnyCase(_ other: borrowing Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where ASCII.lowercased(self[index]) != ASCII.lowercased(other[index]) { return false }
        return true
    }
}
