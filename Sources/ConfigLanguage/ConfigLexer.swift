// SPDX-License-Identifier: Apache-2.0
import Bytes

/// One word of a line, quotes taken away and variables put in.
package struct Word: Sendable, Equatable {
    package var text: String
    package var place: Place
    /// Some of it was quoted: it is a value, never a name.
    package var isQuoted = false
    /// Some of it came from the environment.
    package var hasVariable = false
    /// Where in `text` and in the file the first `=` outside quotes stands.
    var equals: (text: Int, source: Int)?

    package static func == (left: Word, right: Word) -> Bool {
        left.text == right.text && left.place == right.place && left.isQuoted == right.isQuoted
    }

    /// `key=value`, taken apart; nil when what precedes `=` is no name.
    package var keyed: (key: String, keyPlace: Place, value: Word)? {
        guard let equals else { return nil }
        let bytes = Array(text.utf8)
        let key = bytes[..<equals.text]
        guard !key.isEmpty, key.allSatisfy({ ASCII.isLetter($0) || $0 == UInt8(ascii: "_") }) else { return nil }
        let value = Word(
            text: String(decoding: bytes[(equals.text + 1)...], as: UTF8.self),
            place: Place(
                file: place.file, start: equals.source + 1,
                length: Swift.max(1, place.start + place.length - equals.source - 1)),
            isQuoted: isQuoted, hasVariable: hasVariable)
        let keyPlace = Place(file: place.file, start: place.start, length: equals.source - place.start)
        return (String(decoding: key, as: UTF8.self), keyPlace, value)
    }
}

/// Text to words, braces and line ends.
struct ConfigLexer {
    enum Token {
        case word(Word)
        case open(Place)
        case close(Place)
        case lineEnd
        case textEnd
    }

    private let bytes: [UInt8]
    private let file: Int
    private let environment: (String) -> String?
    private var position = 0

    init(_ source: SourceText, file: Int, environment: @escaping (String) -> String?) {
        bytes = source.bytes
        self.file = file
        self.environment = environment
    }

    mutating func next(_ diagnostics: inout DiagnosticList) -> Token {
        skipBlanksAndComment(&diagnostics)
        guard position < bytes.count else { return .textEnd }
        let place = Place(file: file, start: position)
        switch bytes[position] {
        case ASCII.lineFeed, ASCII.semicolon:
            position += 1
            return .lineEnd
        case UInt8(ascii: "{"):
            position += 1
            return .open(place)
        case UInt8(ascii: "}"):
            position += 1
            return .close(place)
        default:
            let word = word(&diagnostics)
            // Nothing of it is left but what was reported.
            let isEmpty = word.text.isEmpty && !word.isQuoted && !word.hasVariable
            return isEmpty ? next(&diagnostics) : .word(word)
        }
    }

    private mutating func skipBlanksAndComment(_ diagnostics: inout DiagnosticList) {
        while position < bytes.count {
            let byte = bytes[position]
            if ASCII.isBlank(byte) {
                position += 1
            } else if byte == ASCII.carriageReturn {
                if !isLineFeed(at: position + 1) { lineEndThatIsNone(&diagnostics) }
                position += 1
            } else if byte == ASCII.backslash, let end = continuationEnd() {
                position = end
            } else if byte == UInt8(ascii: "#") {
                skipComment(&diagnostics)
            } else {
                return
            }
        }
    }

    /// What an editor may show on a line of its own, and is none, would hide a directive in the comment.
    private mutating func skipComment(_ diagnostics: inout DiagnosticList) {
        while position < bytes.count, bytes[position] != ASCII.lineFeed {
            switch bytes[position] {
            case ASCII.carriageReturn where !isLineFeed(at: position + 1): lineEndThatIsNone(&diagnostics)
            case ASCII.carriageReturn, ASCII.tab: break
            case 0..<0x20, 0x7F:
                diagnostics.error(Place(file: file, start: position), "control character in the text")
            case 0xC2 where bytes[position...].starts(with: [0xC2, 0x85]),
                0xE2 where bytes[position...].starts(with: [0xE2, 0x80, 0xA8]),
                0xE2 where bytes[position...].starts(with: [0xE2, 0x80, 0xA9]):
                lineEndThatIsNone(&diagnostics)
            default: break
            }
            position += 1
        }
    }

    private func isLineFeed(at index: Int) -> Bool { index < bytes.count && bytes[index] == ASCII.lineFeed }

    private func lineEndThatIsNone(_ diagnostics: inout DiagnosticList) {
        diagnostics.error(
            Place(file: file, start: position),
            "this ends no line, though it may look so: end lines with LF or CR LF")
    }

    /// A backslash that ends its line joins the next one to it.
    private func continuationEnd() -> Int? {
        var next = position + 1
        if next < bytes.count, bytes[next] == ASCII.carriageReturn { next += 1 }
        return next < bytes.count && bytes[next] == ASCII.lineFeed ? next + 1 : nil
    }

    private static func endsWord(_ byte: UInt8) -> Bool {
        switch byte {
        case ASCII.space, ASCII.tab, ASCII.carriageReturn, ASCII.lineFeed, ASCII.semicolon, UInt8(ascii: "{"),
            UInt8(ascii: "}"):
            true
        default: false
        }
    }

    private mutating func word(_ diagnostics: inout DiagnosticList) -> Word {
        let start = position
        var text: [UInt8] = []
        var word = Word(text: "", place: Place(file: file, start: start))
        while position < bytes.count, !Self.endsWord(bytes[position]) {
            let byte = bytes[position]
            switch byte {
            case ASCII.doubleQuote, UInt8(ascii: "'"):
                word.isQuoted = true
                if quoted(by: byte, into: &text, &diagnostics) { word.hasVariable = true }
            case UInt8(ascii: "$") where position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "{"):
                word.hasVariable = true
                variable(into: &text, &diagnostics)
            case ASCII.backslash where continuationEnd() != nil:
                return finished(word, text, from: start)
            case 0x80...:
                if foreign(into: &text, &diagnostics) { return finished(word, text, from: start) }
            default:
                if byte < 0x20 || byte == 0x7F {
                    diagnostics.error(Place(file: file, start: position), "control character in the text")
                }
                if byte == ASCII.equals, word.equals == nil { word.equals = (text.count, position) }
                text.append(byte)
                position += 1
            }
        }
        return finished(word, text, from: start)
    }

    private func finished(_ word: Word, _ text: [UInt8], from start: Int) -> Word {
        var word = word
        word.text = String(decoding: text, as: UTF8.self)
        word.place.length = position - start
        return word
    }

    /// Single quotes keep everything as it is; double quotes know `\"`, `\\`, `\$` and variables.
    /// Answers whether there were variables.
    private mutating func quoted(
        by quote: UInt8, into text: inout [UInt8], _ diagnostics: inout DiagnosticList
    ) -> Bool {
        var hasVariable = false
        let start = position
        let isPlain = quote == UInt8(ascii: "'")
        position += 1
        while position < bytes.count, bytes[position] != ASCII.lineFeed {
            let byte = bytes[position]
            if byte == quote {
                position += 1
                return hasVariable
            }
            if !isPlain, byte == ASCII.backslash, position + 1 < bytes.count,
                [ASCII.doubleQuote, ASCII.backslash, UInt8(ascii: "$")].contains(bytes[position + 1])
            {
                text.append(bytes[position + 1])
                position += 2
            } else if !isPlain, byte == UInt8(ascii: "$"), position + 1 < bytes.count,
                bytes[position + 1] == UInt8(ascii: "{")
            {
                hasVariable = true
                variable(into: &text, &diagnostics)
            } else {
                text.append(byte)
                position += 1
            }
        }
        diagnostics.error(Place(file: file, start: start), "the quote is not closed on its line")
        return hasVariable
    }

    /// A character beyond ASCII outside quotes. What word processors and web pages put in the place of blanks, quotes
    /// and dashes is told. Answers whether it ends the word.
    private mutating func foreign(into text: inout [UInt8], _ diagnostics: inout DiagnosticList) -> Bool {
        let start = position
        repeat { position += 1 } while position < bytes.count && bytes[position] & 0xC0 == 0x80
        let character = bytes[start..<position]
        guard let lookalike = Lookalike(character) else {
            text += character
            return false
        }
        diagnostics.error(Place(file: file, start: start, length: position - start), lookalike.message)
        switch lookalike.kind {
        case .blank: return true
        case .dash: text.append(UInt8(ascii: "-"))
        case .quote, .nothing: break
        }
        return false
    }

    /// `${NAME}` or `${NAME:-text for when it is unset or empty}`. What comes in is never read as syntax.
    private mutating func variable(into text: inout [UInt8], _ diagnostics: inout DiagnosticList) {
        let start = position
        position += 2
        var content: [UInt8] = []
        while position < bytes.count, bytes[position] != UInt8(ascii: "}"), bytes[position] != ASCII.lineFeed {
            content.append(bytes[position])
            position += 1
        }
        guard position < bytes.count, bytes[position] == UInt8(ascii: "}") else {
            return diagnostics.error(Place(file: file, start: start, length: 2), "\"${\" is not closed by \"}\"")
        }
        position += 1
        let place = Place(file: file, start: start, length: position - start)
        let isName: (UInt8) -> Bool = { ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "_") }
        let name = content.prefix(while: isName)
        let rest = content[name.endIndex...]
        guard let first = name.first, !ASCII.isDigit(first), rest.isEmpty || rest.starts(with: ":-".utf8) else {
            return diagnostics.error(place, "expected ${NAME} or ${NAME:-default}")
        }
        let variable = String(decoding: name, as: UTF8.self)
        let value = environment(variable)
        if let value, !value.isEmpty || rest.isEmpty {
            text += Array(value.utf8)
        } else if !rest.isEmpty {
            text += rest.dropFirst(2)
        } else {
            diagnostics.error(place, "environment variable \"\(variable)\" is not set")
        }
    }
}
