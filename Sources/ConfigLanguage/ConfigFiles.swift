// SPDX-License-Identifier: Apache-2.0

/// Why a file could not be read.
package enum ConfigFileProblem: Error, Equatable, Sendable {
    case notFound, notAllowed, notAFile, tooLarge, notText
    /// What the system said, by its error number.
    case system(Int32)

    package var reason: String {
        switch self {
        case .notFound: "no such file"
        case .notAllowed: "permission denied"
        case .notAFile: "not a file"
        case .tooLarge: "larger than \(Units.sizeText(ConfigFiles.maxFileBytes))"
        case .notText: "not UTF-8 text"
        case .system(let number): "error \(number)"
        }
    }
}

/// The files that a configuration names, read by what the caller hands in.
package struct ConfigFiles {
    package static let maxFileBytes = 1 << 20
    static let maxIncludeDepth = 8
    static let maxFileCount = 1000
    static let maxSecretBytes = 4096

    package let readFile: (String) -> Result<String, ConfigFileProblem>
    /// The names in a directory, in any order.
    package let listDirectory: (String) -> Result<[String], ConfigFileProblem>
    /// Whether every user of the machine can read a file.
    package let isOpenToAll: (String) -> Bool

    package init(
        readFile: @escaping (String) -> Result<String, ConfigFileProblem>,
        listDirectory: @escaping (String) -> Result<[String], ConfigFileProblem> = { _ in .failure(.notFound) },
        isOpenToAll: @escaping (String) -> Bool = { _ in false }
    ) {
        self.readFile = readFile
        self.isOpenToAll = isOpenToAll
        self.listDirectory = listDirectory
    }

    /// The content of a secret's file, without the line end that editors add.
    func readSecret(_ path: String, from file: Int, _ sources: [SourceText]) -> Result<String, SettingProblem> {
        let path = sources[file].resolve(path)
        switch readFile(path) {
        case .failure(let problem): return .failure(SettingProblem("cannot read \"\(path)\": \(problem.reason)"))
        case .success(let content):
            let text = SecretText.withoutLineEnd(content)
            if text.isEmpty { return .failure(SettingProblem("\"\(path)\" is empty")) }
            if text.utf8.count > Self.maxSecretBytes {
                return .failure(SettingProblem("\"\(path)\" holds more than \(Units.sizeText(Self.maxSecretBytes))"))
            }
            return .success(text)
        }
    }
}

/// Reads files to statements and puts what `include` names in its place.
package struct StatementReader {
    let files: ConfigFiles
    let environment: (String) -> String?
    private var openPaths: [String] = []

    package init(files: ConfigFiles, environment: @escaping (String) -> String?) {
        self.files = files
        self.environment = environment
    }

    package mutating func read(_ source: SourceText, _ diagnostics: inout DiagnosticList) -> [Statement] {
        diagnostics.files.append(source)
        let file = diagnostics.files.count - 1
        guard source.bytes.count <= ConfigFiles.maxFileBytes else {
            diagnostics.error(
                Place(file: file, start: 0), "the file is \(ConfigFileProblem.tooLarge.reason)")
            return []
        }
        if let place = source.cutPlace(file) {
            diagnostics.error(
                place, "the last line has no line end: the file may have been cut off; end it with a line end")
        }
        var lexer = ConfigLexer(source, file: file, environment: environment)
        let statements = StatementParser.parse(&lexer, &diagnostics)
        openPaths.append(Self.normalised(source.name))
        defer { openPaths.removeLast() }
        return expand(statements, &diagnostics)
    }

    private mutating func expand(_ statements: [Statement], _ diagnostics: inout DiagnosticList) -> [Statement] {
        var expanded: [Statement] = []
        for var statement in statements {
            if statement.name.text == "include" {
                expanded += include(statement, &diagnostics)
                continue
            }
            if let inner = statement.block?.statements {
                statement.block?.statements = expand(inner, &diagnostics)
            }
            expanded.append(statement)
        }
        return expanded
    }

    private mutating func include(_ statement: Statement, _ diagnostics: inout DiagnosticList) -> [Statement] {
        if let block = statement.block { diagnostics.error(block.open, "\"include\" takes no block") }
        guard statement.arguments.count == 1, let word = statement.arguments.first, !word.text.isEmpty else {
            diagnostics.error(statement.name.place, "\"include\" needs one PATH; expected: include PATH")
            return []
        }
        var statements: [Statement] = []
        for path in paths(word, &diagnostics) {
            if openPaths.contains(Self.normalised(path)) {
                let chain = (openPaths.drop { $0 != Self.normalised(path) } + [path]).joined(separator: " -> ")
                diagnostics.error(word.place, "\"include\" goes in a circle: \(chain)")
            } else if openPaths.count > ConfigFiles.maxIncludeDepth {
                diagnostics.error(word.place, "\"include\" nests deeper than \(ConfigFiles.maxIncludeDepth) files")
            } else if diagnostics.files.count >= ConfigFiles.maxFileCount {
                diagnostics.error(word.place, "\"include\" reads more than \(ConfigFiles.maxFileCount) files")
                return statements
            } else {
                switch files.readFile(path) {
                case .success(let text): statements += read(SourceText(name: path, text: text), &diagnostics)
                case .failure(let problem):
                    diagnostics.error(word.place, "cannot read \"\(path)\": \(problem.reason)")
                }
            }
        }
        return statements
    }

    /// The files that an include names; `*` in the last part of its path takes all that match, in order of name.
    private func paths(_ word: Word, _ diagnostics: inout DiagnosticList) -> [String] {
        let path = diagnostics.files[word.place.file].resolve(word.text)
        guard path.contains("*") else { return [path] }
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        let pattern = Array(path.dropFirst(directory.count).utf8)
        guard !directory.contains("*") else {
            diagnostics.error(word.place, "\"include\" takes * in the last part of its path alone")
            return []
        }
        switch files.listDirectory(directory.isEmpty ? "." : directory) {
        case .success(let names):
            return names.filter { !$0.hasPrefix(".") && Self.matches(Array($0.utf8), pattern) }.sorted()
                .map { directory + $0 }
        case .failure(let problem):
            diagnostics.error(word.place, "cannot list \"\(directory)\": \(problem.reason)")
            return []
        }
    }

    /// `*` stands for any bytes, everything else for itself.
    static func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
        let parts = pattern.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
        guard parts.count > 1, let first = parts.first, let last = parts.last else { return name == pattern }
        guard name.count >= first.count + last.count, name.starts(with: first), name.suffix(last.count) == last
        else { return false }
        var rest = name[first.count..<(name.count - last.count)]
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = rest.indices.first(where: { rest[$0...].starts(with: part) }) else { return false }
            rest = rest[(found + part.count)...]
        }
        return true
    }

    /// Without `.`, `..` and doubled slashes, so that one file has one name. Links are not followed.
    static func normalised(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }
}
