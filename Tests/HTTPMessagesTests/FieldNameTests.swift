// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import HTTPMessages

@Suite struct FieldNameTests {
    private func lookUp(_ text: [UInt8]) -> FieldName { FieldName.lookUp(text.span) }

    @Test(arguments: FieldName.allCases.dropFirst())
    func isFoundInAnyCaseOfLettersAndNotWhenAByteDiffers(name: FieldName) {
        let lower = Array(name.lowercased.description.utf8)
        #expect(lookUp(lower) == name)
        #expect(lookUp(Array(name.lowercased.description.uppercased().utf8)) == name)
        for index in lower.indices {
            var other = lower
            if ASCII.isLetter(lower[index]) {
                other[index] &-= 0x20
                #expect(lookUp(other) == name)
            }
            for bit in 0..<8 {
                other = lower
                other[index] ^= 1 << UInt8(bit)
                let spelling = String(decoding: other, as: UTF8.self).lowercased()
                let expected = FieldName.allCases.dropFirst().first { $0.lowercased.description == spelling }
                #expect(lookUp(other) == expected ?? .other)
            }
        }
        #expect(lookUp(Array(lower.dropLast())) != name)
        #expect(lookUp(lower + [UInt8(ascii: "s")]) != name)
        #expect(
            lookUp(lower.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 })
                == (lower.contains(0x2D) ? .other : name))
    }

    @Test(arguments: [
        "", "x", "xx", "cookies", "x-custom", "content_length", "a-name-that-is-longer-than-all-known-ones",
    ])
    func unknownNamesAreOther(text: String) {
        #expect(lookUp(Array(text.utf8)) == .other)
    }
}
