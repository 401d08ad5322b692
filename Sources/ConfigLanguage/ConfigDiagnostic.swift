// SPDX-License-Identifier: Apache-2.0

/// One thing wrong, or risky, in a configuration, and where.
package struct ConfigDiagnostic: Sendable, Equatable, CustomStringConvertible {
    package enum Severity: String, Sendable { case error, warning }

    package let severity: Severity
    package let file: String
    /// From 1.
    package let line: Int
    /// From 1, in characters.
    package let column: Int
    package let message: String
    /// The line itself, and how many characters from `column` on are meant.
    package let sourceLine: String
    package let length: Int

    package init(
        severity: Severity, file: String, line: Int, column: Int, message: String, sourceLine: String, length: Int
    ) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.sourceLine = sourceLine
        self.length = length
    }

    /// `proxy.conf:12:5: error: …`
    package var description: String { "\(file):\(line):\(column): \(severity.rawValue): \(message)" }

    /// The description, the line, and a caret below what is meant.
    package var rendered: String {
        var caret = ""
        for scalar in sourceLine.unicodeScalars.prefix(column - 1) { caret.append(scalar == "\t" ? "\t" : " ") }
        caret += "^" + String(repeating: "~", count: Swift.max(length, 1) - 1)
        return "\(description)\n    \(sourceLine)\n    \(caret)"
    }
}

/// What has been found so far, in any order.
package struct DiagnosticList: Sendable {
    private struct Item {
        var severity: ConfigDiagnostic.Severity
        var place: Place
        var message: String
    }

    static let limit = 100

    private var items: [Item] = []
    package private(set) var hasErrors = false
    package var files: [SourceText] = []

    /// The keys whose values no line is shown with.
    private let secretKeys: [String]

    package init(secretKeys: [String]) { self.secretKeys = secretKeys }

    package mutating func error(_ place: Place, _ message: String) {
        hasErrors = true
        items.append(Item(severity: .error, place: place, message: message))
    }

    package mutating func warning(_ place: Place, _ message: String) {
        items.append(Item(severity: .warning, place: place, message: message))
    }

    /// In the order of the files and their lines, at most `limit` of them.
    package func finished() -> [ConfigDiagnostic] {
        let sorted = items.enumerated().sorted {
            ($0.element.place.file, $0.element.place.start, $0.offset)
                < ($1.element.place.file, $1.element.place.start, $1.offset)
        }
        // Errors first claim the room, since they are why a configuration is refused.
        let chosen = sorted.count <= Self.limit ? sorted : sorted.filter { $0.element.severity == .error }
        return chosen.prefix(Self.limit).map { diagnostic($0.element) }
    }

    /// A place alone, of which something may be said later.
    package func located(_ place: Place) -> ConfigDiagnostic {
        diagnostic(Item(severity: .error, place: place, message: ""))
    }

    private func diagnostic(_ item: Item) -> ConfigDiagnostic {
        let source = files[item.place.file]
        let (line, column, text) = source.locate(item.place.start)
        let rest = text.unicodeScalars.count - (column - 1)
        let end = Swift.min(source.bytes.count, item.place.start + item.place.length)
        let start = Swift.min(item.place.start, end)
        let length = String(decoding: source.bytes[start..<end], as: UTF8.self).unicodeScalars.count
        return ConfigDiagnostic(
            severity: item.severity, file: source.name, line: line, column: column, message: item.message,
            sourceLine: Self.withoutPasswords(withoutSecrets(text)), length: Swift.max(1, Swift.min(length, rest)))
    }

    /// What follows a secret's key is blotted out letter by letter, so that the caret stays where it belongs.
    private func withoutSecrets(_ line: String) -> String {
        let beginnings = secretKeys.map { "\($0)=" }
        guard beginnings.contains(where: line.contains) else { return line }
        var result = String.UnicodeScalarView()
        var isSecret = false
        var quote: Unicode.Scalar?
        for scalar in line.unicodeScalars {
            let isEnd = quote.map { $0 == scalar } ?? " \t;{}".unicodeScalars.contains(scalar)
            if isSecret, quote == nil, scalar == "\"" || scalar == "'" {
                quote = scalar
            } else if isSecret, isEnd {
                isSecret = quote != nil
                quote = nil
            }
            result.append(isSecret ? "*" : scalar)
            if scalar == "=", beginnings.contains(where: String(result).hasSuffix) { isSecret = true }
        }
        return String(result)
    }

    /// The same with the password in a URL (RFC 3986 §3.2.1).
    private static func withoutPasswords(_ line: String) -> String {
        var result = Array(line.unicodeScalars)
        var start = 0
        while let scheme = result[start...].indices.first(where: { result[$0...].starts(with: "://".unicodeScalars) }) {
            let authority = scheme + 3
            let end = result[authority...].firstIndex { " \t;{}\"'".unicodeScalars.contains($0) } ?? result.endIndex
            if let colon = result[authority..<end].firstIndex(of: ":"),
                let at = result[authority..<end].lastIndex(of: "@"), colon < at
            {
                for index in colon + 1..<at { result[index] = "*" }
            }
            start = authority
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: result)
        return String(text)
    }
}
