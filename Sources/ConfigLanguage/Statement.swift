// SPDX-License-Identifier: Apache-2.0

/// One directive as written: nothing of it has been checked.
package struct Statement: Sendable {
    package struct Block: Sendable {
        package var open: Place
        package var statements: [Statement]
    }

    package var name: Word
    package var arguments: [Word]
    package var block: Block?

    package init(name: Word, arguments: [Word], block: Block? = nil) {
        self.name = name
        self.arguments = arguments
        self.block = block
    }
}

/// Tokens to statements, with every brace in its place.
struct StatementParser {
    static let maxDepth = 8

    private struct OpenBlock {
        /// nil for a brace without a directive, whose content is dropped after it was reported.
        var name: Word?
        var arguments: [Word]
        var open: Place
        var statements: [Statement] = []
    }

    private var finished: [Statement] = []
    private var stack: [OpenBlock] = []
    private var words: [Word] = []

    static func parse(_ lexer: inout ConfigLexer, _ diagnostics: inout DiagnosticList) -> [Statement] {
        var parser = StatementParser()
        while true {
            switch lexer.next(&diagnostics) {
            case .word(let word): parser.words.append(word)
            case .lineEnd: parser.endLine()
            case .open(let place):
                guard parser.open(place, &diagnostics) else { return parser.finished }
            case .close(let place): parser.close(place, &diagnostics)
            case .textEnd: return parser.end(&diagnostics)
            }
        }
    }

    private mutating func endLine() {
        guard let name = words.first else { return }
        append(Statement(name: name, arguments: Array(words.dropFirst())))
        words = []
    }

    private mutating func append(_ statement: Statement) {
        if stack.isEmpty {
            finished.append(statement)
        } else {
            stack[stack.count - 1].statements.append(statement)
        }
    }

    private mutating func open(_ place: Place, _ diagnostics: inout DiagnosticList) -> Bool {
        guard stack.count < Self.maxDepth else {
            diagnostics.error(place, "blocks nest deeper than \(Self.maxDepth)")
            return false
        }
        if words.isEmpty { diagnostics.error(place, "unexpected \"{\": it belongs on the line of its directive") }
        stack.append(OpenBlock(name: words.first, arguments: Array(words.dropFirst()), open: place))
        words = []
        return true
    }

    private mutating func close(_ place: Place, _ diagnostics: inout DiagnosticList) {
        endLine()
        guard let block = stack.popLast() else {
            return diagnostics.error(place, "unexpected \"}\": no block is open")
        }
        guard let name = block.name else { return }
        append(
            Statement(
                name: name, arguments: block.arguments,
                block: .init(open: block.open, statements: block.statements)))
    }

    private mutating func end(_ diagnostics: inout DiagnosticList) -> [Statement] {
        endLine()
        while let block = stack.last {
            if let name = block.name {
                diagnostics.error(block.open, "the block of \"\(name.text)\" is not closed: missing \"}\"")
            }
            close(block.open, &diagnostics)
        }
        return finished
    }
}
