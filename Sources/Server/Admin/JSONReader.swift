// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Reads one JSON text to the letter of RFC 8259. Names that stand twice are refused, since two readers would
/// take different ones; so is what nests too deep. The caller bounds the text's length.
struct JSONReader: ~Copyable {
    static let depthLimit = 16

    private let bytes: ContiguousArray<UInt8>
    private var index = 0
    private var depth = 0

    private init(_ bytes: ContiguousArray<UInt8>) { self.bytes = bytes }

    static func read(_ bytes: ContiguousArray<UInt8>) throws(JSONError) -> JSONValue {
        var reader = JSONReader(bytes)
        reader.skipSpace()
        let value = try reader.value()
        reader.skipSpace()
        guard reader.index == bytes.count else { throw reader.error(.trailingBytes) }
        return value
    }

    private func error(_ problem: JSONError.Problem) -> JSONError { JSONError(problem: problem, offset: index) }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == ASCII.space || byte == ASCII.tab || byte == 0x0A || byte == 0x0D { index += 1 }
    }

    /// Takes `byte` when it comes next.
    private mutating func takes(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard takes(byte) else { throw error(next == nil ? .endsEarly : .unexpectedByte) }
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        switch next {
        case nil: throw error(.endsEarly)
        case UInt8(ascii: "{"): return try nested { (reader) throws(JSONError) in try reader.object() }
        case UInt8(ascii: "["): return try nested { (reader) throws(JSONError) in try reader.array() }
        case ASCII.doubleQuote: return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func nested(
        _ content: (inout JSONReader) throws(JSONError) -> JSONValue
    ) throws(JSONError) -> JSONValue {
        guard depth < Self.depthLimit else { throw error(.nestedTooDeep(limit: Self.depthLimit)) }
        depth += 1
        index += 1
        let value = try content(&self)
        depth -= 1
        return value
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        var members: [JSONValue.Member] = []
        // As bytes: texts are compared by their canonical forms, which takes a run of accents long.
        var names: Set<[UInt8]> = []
        skipSpace()
        if takes(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            let start = index
            let name = try string()
            guard names.insert(Array(name.utf8)).inserted else {
                throw JSONError(problem: .repeatedName(name), offset: start)
            }
            skipSpace()
            try expect(ASCII.colon)
            skipSpace()
            members.append(JSONValue.Member(name: name, value: try value()))
            skipSpace()
            if takes(UInt8(ascii: "}")) { return .object(members) }
            try expect(ASCII.comma)
        }
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        skipSpace()
        if takes(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            skipSpace()
            elements.append(try value())
            skipSpace()
            if takes(UInt8(ascii: "]")) { return .array(elements) }
            try expect(ASCII.comma)
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let end = index + word.utf8CodeUnitCount
        guard end <= bytes.count, bytes.span.extracting(index..<end).equals(word) else { throw error(.unexpectedByte) }
        index = end
        return value
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = index
        let isNegative = takes(UInt8(ascii: "-"))
        if !takes(0x30) {
            guard digits() else { throw error(isNegative ? .badNumber : .unexpectedByte) }
        }
        if takes(UInt8(ascii: ".")), !digits() { throw error(.badNumber) }
        if takes(UInt8(ascii: "e")) || takes(UInt8(ascii: "E")) {
            if !takes(UInt8(ascii: "+")) { _ = takes(UInt8(ascii: "-")) }  // a sign may stand there or not
            guard digits() else { throw error(.badNumber) }
        }
        return .number(String(decoding: bytes[start..<index], as: UTF8.self))
    }

    private mutating func digits() -> Bool {
        let start = index
        while let byte = next, ASCII.isDigit(byte) { index += 1 }
        return index > start
    }

    // MARK: Texts

    private mutating func string() throws(JSONError) -> String {
        let start = index
        try expect(ASCII.doubleQuote)
        var text: [UInt8] = []
        while true {
            guard let byte = next else { throw error(.endsEarly) }
            guard byte >= 0x20 else { throw error(.controlInString) }
            index += 1
            switch byte {
            case ASCII.doubleQuote:
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw JSONError(problem: .notUTF8, offset: start)
                }
                return string
            case ASCII.backslash: try escape(into: &text)
            default: text.append(byte)
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard let byte = next else { throw error(.endsEarly) }
        index += 1
        switch byte {
        case ASCII.doubleQuote, ASCII.backslash, ASCII.slash: text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(Character(try scalar())).utf8)
        default: throw error(.badEscape)
        }
    }

    /// After `\u`; two escapes make one scalar beyond the first 65,536 (RFC 8259 §7).
    private mutating func scalar() throws(JSONError) -> Unicode.Scalar {
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, takes(ASCII.backslash), takes(UInt8(ascii: "u")) else { throw error(.badEscape) }
        let second = try fourDigits()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw error(.badEscape) }
        return scalar
    }

    private mutating func fourDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = ASCII.hexValue(byte) else { throw error(.badEscape) }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        return value
    }
}
