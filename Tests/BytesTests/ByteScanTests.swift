// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@Suite struct ByteScanTests {
    /// Every byte value at every place of runs that begin and end inside and outside whole words.
    @Test(arguments: [1, 7, 8, 9, 15, 16, 17, 25])
    func findsWhatAByteWiseSearchFinds(count: Int) {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<count {
                var input = Array(repeating: UInt8(ascii: "a"), count: count + 4)
                input[place + 2] = byte
                let span = input.span
                let range = 2..<count + 2
                let isControl = byte < 0x20 || byte == 0x7F
                #expect(span.firstControl(in: range) == (isControl ? place + 2 : count + 2))
                let isVisible = byte > 0x20 && byte < 0x7F
                #expect(span.firstNotVisible(in: range) == (isVisible ? count + 2 : place + 2))
                let isQuotable = byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C
                #expect(span.firstNotQuotable(in: range) == (isQuotable ? count + 2 : place + 2))
                #expect(span.firstNotToken(in: range) == (ASCII.isTokenCharacter(byte) ? count + 2 : place + 2))
                #expect(span.firstNotURI(in: range) == (Self.uriBytes.contains(byte) ? count + 2 : place + 2))
                #expect(ASCII.isURIByte(byte) == Self.uriBytes.contains(byte))
                #expect(span.firstNotPlainPath(in: range) == (Self.plainBytes.contains(byte) ? count + 2 : place + 2))
                let first = byte == UInt8(ascii: "a") ? 2 : place + 2
                #expect(span.firstIndex(of: byte, or: 0, in: range) == first)
                let isHost = Self.hostBytes.contains(byte)
                #expect(span.extracting(range).isPlainHost == isHost)
                #expect(span.firstIndex(of: byte, in: range) == (byte == UInt8(ascii: "a") ? 2 : place + 2))
            }
        }
    }

    private static let alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    /// RFC 3986 §2.2 and §2.3.
    private static let uriBytes = Set((alphanumeric + "-._~:/?#[]@!$&'()*+,;=%").utf8)
    private static let plainBytes = Set((alphanumeric + "-/").utf8)

    /// Bytes that are no URI's behind others that look like them to a scan of words.
    @Test func whatLooksLikeItIsNotTakenForWhatNoURIHolds() {
        for text in ["~~~~~~~~~<", "~a~b~c~d~e~f|", "aaaaaaa~aaaaaaa~`", "~~~~~~~~~~~~~~~~"] {
            let bytes = Array(text.utf8)
            let expected = bytes.firstIndex { !Self.uriBytes.contains($0) } ?? bytes.count
            #expect(bytes.span.firstNotURI(in: 0..<bytes.count) == expected, "\(text)")
        }
    }

    private static let hostBytes = Set("abcdefghijklmnopqrstuvwxyz0123456789-.:".utf8)

    @Test(arguments: [0, 1, 7, 8, 9, 15, 16, 17, 25])
    func bytesThatDifferInOnePlaceAreNotEqual(count: Int) {
        func equal(_ one: [UInt8], _ other: [UInt8]) -> Bool { one.span.elementsEqual(other.span) }
        let one = Array(repeating: UInt8(ascii: "a"), count: count)
        #expect(equal(one, one))
        #expect(!equal(one, one + [0]))
        for place in 0..<count {
            var other = one
            other[place] ^= 0x80
            #expect(!equal(one, other))
        }
    }

    @Test func lowersTheLettersOfAWordAndNothingElse() {
        for byte in UInt8.min...UInt8.max {
            let word = UInt64(byte) | UInt64(UInt8(ascii: "Z")) << 8 | UInt64(0xDA) << 16
            let expected = UInt64(ASCII.lowercased(byte)) | UInt64(UInt8(ascii: "z")) << 8 | UInt64(0xDA) << 16
            #expect(ByteLanes.lowercased(word) == expected)
        }
    }
}
