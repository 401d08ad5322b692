// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPWire

extension Properties {
    private struct Decoded: Equatable {
        var content: [UInt8] = []
        var length: Int?
        var error: BodyError?
    }

    /// The same content, end and error whole and in pieces of one and of three bytes.
    package static func chunked(_ input: borrowing Span<UInt8>) -> String? {
        let whole = decode(input, pieces: max(input.count, 1))
        for size in [1, 3] where decode(input, pieces: size) != whole { return "pieces of \(size) differ from whole" }
        if let length = whole.length, length > input.count { return "length past the input" }
        return nil
    }

    private static func decode(_ input: borrowing Span<UInt8>, pieces size: Int) -> Decoded {
        var decoder = BodyDecoder(.chunked)
        var decoded = Decoded()
        var start = 0
        var end = min(size, input.count)
        while true {
            switch decoder.next(input.extracting(start..<end)) {
            case .data(let range, let consumed):
                for index in range { decoded.content.append(input[start + index]) }
                start += consumed
            case .needMore:
                if end == input.count { return decoded }
                start = end
                end = min(end + size, input.count)
            case .finished(let consumed):
                decoded.length = start + consumed
                return decoded
            case .failed(let error):
                decoded.error = error
                return decoded
            }
        }
    }

    /// A pattern, a line feed and a text: the verdict is that of a table of all part matches.
    package static func glob(_ input: borrowing Span<UInt8>) -> String? {
        let end = input.firstIndex(of: ASCII.lineFeed, in: 0..<input.count) ?? input.count
        guard end <= 64, input.count <= 512, let glob = try? Glob(input.extracting(0..<end)) else { return nil }
        let text = input.extracting(min(end + 1, input.count)..<input.count)
        var pattern: [(byte: UInt8, isLiteral: Bool)] = []
        var isEscaped = false
        for index in 0..<end {
            if !isEscaped, input[index] == ASCII.backslash {
                isEscaped = true
                continue
            }
            pattern.append(
                (input[index], isEscaped || (input[index] != ASCII.star && input[index] != ASCII.questionMark)))
            isEscaped = false
        }
        // reaches[n]: the elements so far match the first n bytes of the text.
        var reaches = [Bool](repeating: false, count: text.count + 1)
        reaches[0] = true
        for element in pattern {
            var next = [Bool](repeating: false, count: text.count + 1)
            for place in 0...text.count {
                if !element.isLiteral, element.byte == ASCII.star {
                    next[place] = reaches[place] || (place > 0 && next[place - 1])
                } else if place > 0 {
                    next[place] = reaches[place - 1] && (!element.isLiteral || element.byte == text[place - 1])
                }
            }
            reaches = next
        }
        return glob.matches(text) == reaches[text.count] ? nil : "glob and table disagree"
    }
}
