// SPDX-License-Identifier: Apache-2.0

/// A Dictionary of RFC 9651, read by its §4.2; nil when any of it is wrong.
struct PlainDictionary {
    enum Value {
        case integer(Int)
        case string(String)
        case boolean(Bool)
        case other
    }

    /// Each key once, with the value that came last.
    private(set) var members: [(key: String, value: Value)] = []
    private var rest: Substring.UnicodeScalarView

    init?(lines: [String]) {
        // §4.2: all lines are one text, and only blanks may surround it.
        rest = Substring(lines.joined(separator: ", ")).unicodeScalars
        skip(" \t")
        while !rest.isEmpty {
            guard readMember() else { return nil }
            skip(" \t")
            if rest.isEmpty { break }
            guard take(",") else { return nil }
            skip(" \t")
            if rest.isEmpty { return nil }
        }
    }

    private mutating func readMember() -> Bool {
        guard let key = readKey() else { return false }
        var value = Value.boolean(true)
        if take("=") {
            guard let read = readValue() else { return false }
            value = read
        }
        guard readParameters() else { return false }
        members.removeAll { $0.key == key }
        members.append((key, value))
        return true
    }

    // MARK: Pieces

    private mutating func skip(_ scalars: String) {
        while let first = rest.first, scalars.unicodeScalars.contains(first) { rest.removeFirst() }
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard rest.first == scalar else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func takeAll(where isMember: (Unicode.Scalar) -> Bool) -> String {
        let taken = rest.prefix(while: isMember)
        rest.removeFirst(taken.count)
        return string(taken)
    }

    private mutating func readKey() -> String? {
        guard let first = rest.first, first == "*" || ("a"..."z").contains(first) else { return nil }
        return takeAll { ("a"..."z").contains($0) || ("0"..."9").contains($0) || "_-.*".unicodeScalars.contains($0) }
    }

    private mutating func readParameters() -> Bool {
        while take(";") {
            skip(" ")
            guard readKey() != nil else { return false }
            if take("="), readItem() == nil { return false }
        }
        return true
    }

    private mutating func readValue() -> Value? {
        guard take("(") else { return readItem() }
        while true {
            skip(" ")
            if take(")") { return .other }
            guard !rest.isEmpty, readItem() != nil, readParameters(), rest.first == " " || rest.first == ")"
            else { return nil }
        }
    }

    private mutating func readItem() -> Value? {
        guard let first = rest.first else { return nil }
        if take("\"") { return readString().map { .string($0) } }
        if take("?") { return take("1") ? .boolean(true) : take("0") ? .boolean(false) : nil }
        if take(":") { return readBytes() ? .other : nil }
        if take("@") {
            guard case .integer = readNumber() else { return nil }
            return .other
        }
        if take("%") { return take("\"") && readDisplayString() ? .other : nil }
        if first == "-" || ("0"..."9").contains(first) { return readNumber() }
        guard first == "*" || Self.isLetter(first) else { return nil }
        _ = takeAll { $0 == ":" || $0 == "/" || isToken(String($0)) }  // a Token means nothing here
        return .other
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    private mutating func readNumber() -> Value? {
        let sign = take("-") ? -1 : 1
        let digits = takeAll { ("0"..."9").contains($0) }
        guard !digits.isEmpty, digits.count <= 15, let number = Int(digits) else { return nil }
        guard take(".") else { return .integer(sign * number) }
        let fraction = takeAll { ("0"..."9").contains($0) }
        return digits.count <= 12 && (1...3).contains(fraction.count) ? .other : nil
    }

    /// Its escapes are left in: names of fields have none.
    private mutating func readString() -> String? {
        var text = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            if scalar == "\"" { return String(text) }
            guard (0x20..<0x7F).contains(scalar.value) else { return nil }
            text.append(scalar)
            if scalar == "\\" {
                guard let escaped = rest.popFirst(), escaped == "\"" || escaped == "\\" else { return nil }
                text.append(escaped)
            }
        }
        return nil
    }

    private mutating func readBytes() -> Bool {
        _ = takeAll { Self.isLetter($0) || ("0"..."9").contains($0) || "+/=".unicodeScalars.contains($0) }
        return take(":")
    }

    private mutating func readDisplayString() -> Bool {
        while let scalar = rest.popFirst() {
            if scalar == "\"" { return true }
            guard (0x20..<0x7F).contains(scalar.value) else { return false }
            guard scalar == "%" else { continue }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ "0123456789abcdef".unicodeScalars.contains($0) })
            else { return false }
            rest.removeFirst(2)
        }
        return false
    }
}

extension PlainDirectives {
    /// RFC 9213: the first targeted field that is there, and is well written, or Cache-Control.
    static func inEffect(_ fields: PlainFields) -> (directives: PlainDirectives, isTargeted: Bool) {
        for name in ["larder-cache-control", "cdn-cache-control"] where fields.has(name) {
            if let dictionary = PlainDictionary(lines: fields.values(name)), !dictionary.members.isEmpty,
                let directives = PlainDirectives(dictionary)
            {
                return (directives, true)
            }
        }
        return (PlainDirectives(lines: fields.values("cache-control")), false)
    }

    /// nil when a directive has a value of a type that is not its own (RFC 9213 §2.1).
    private init?(_ dictionary: PlainDictionary) {
        self.init(lines: [])
        for (name, value) in dictionary.members where Self.ofResponses.contains(name) {
            switch value {
            case .integer(let number) where Self.withNumbers.contains(name):
                add(name, .token("\(max(number, 0))"))
            case .string(let names) where name == "no-cache" || name == "private":
                add(name, .quoted(names))
            case .boolean(let isSaid) where !Self.withNumbers.contains(name):
                if isSaid { add(name, .none) }
            default: return nil
            }
        }
    }

    private mutating func add(_ name: String, _ argument: Argument) {
        members.append(Member(name: name, written: argument, argument: argument))
    }

    private static let withNumbers: Set = ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"]
    private static let ofResponses = withNumbers.union([
        "no-store", "no-cache", "private", "public", "must-revalidate", "proxy-revalidate", "must-understand",
        "immutable", "no-transform",
    ])
}
