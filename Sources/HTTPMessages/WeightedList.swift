// SPDX-License-Identifier: Apache-2.0
import Bytes

/// One member of a list whose members carry a weight (RFC 9110 §12.4.2), as `de;q=0.5`.
package struct WeightedMember: Sendable, Equatable {
    /// What is weighted, without its parameters.
    package var value: Range<Int>
    /// Thousandths; 0 means "not acceptable".
    package var weight: UInt16
    /// Something else than one weight follows the value, which Accept-Encoding and Accept-Language do not know.
    package var hasOtherParameters = false

    /// Splits a member that `FieldListParser` found; nil when its weight is none, or its value is empty.
    package static func split(_ member: Range<Int>, of bytes: borrowing Span<UInt8>) -> WeightedMember? {
        var end = member.lowerBound
        while end < member.upperBound, bytes[end] != ASCII.semicolon { end += 1 }
        let value = bytes.trimmingBlanks(member.lowerBound..<end)
        var weighted = WeightedMember(value: value, weight: 1000)
        guard !value.isEmpty, weighted.readParameters(in: bytes, end..<member.upperBound) else { return nil }
        return weighted
    }

    /// The first `q` among the parameters is the weight; false when it is none.
    private mutating func readParameters(in bytes: borrowing Span<UInt8>, _ parameters: Range<Int>) -> Bool {
        var isWeighted = false
        var start = parameters.lowerBound
        while start < parameters.upperBound {
            var end = start + 1
            while end < parameters.upperBound, bytes[end] != ASCII.semicolon { end += 1 }
            let parameter = bytes.trimmingBlanks(start + 1..<end)
            if !isWeighted, parameter.count >= 2, bytes[parameter.lowerBound] | 0x20 == UInt8(ascii: "q"),
                bytes[parameter.lowerBound + 1] == ASCII.equals
            {
                guard let read = WeightedMember.thousandths(bytes, parameter.dropFirst(2)) else { return false }
                weight = read
                isWeighted = true
            } else {
                hasOtherParameters = true
            }
            start = end
        }
        return true
    }

    /// qvalue: `0`, `1`, or with up to three places after the point.
    private static func thousandths(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt16? {
        guard let first = range.first, bytes[first] & 0xFE == 0x30, range.count <= 5 else { return nil }
        var weight = UInt16(bytes[first] &- 0x30) * 1000
        guard range.count > 1 else { return weight }
        guard bytes[first + 1] == UInt8(ascii: ".") else { return nil }
        var place: UInt16 = 100
        for index in first + 2..<range.upperBound {
            guard ASCII.isDigit(bytes[index]) else { return nil }
            weight += UInt16(bytes[index] &- 0x30) * place
            place /= 10
        }
        return weight <= 1000 ? weight : nil
    }
}
