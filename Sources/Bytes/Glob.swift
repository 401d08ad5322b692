// SPDX-License-Identifier: Apache-2.0

package enum GlobError: Error, Equatable {
    case danglingEscape
    case tooLong(limit: Int)

    package var reason: StaticString {
        switch self {
        case .danglingEscape: "a pattern must not end in a single backslash"
        case .tooLong: "the pattern is too long"
        }
    }
}

/// A pattern over bytes: `*` stands for any run of them, `/` included, `?` for exactly one, and `\` takes the
/// meaning from the byte after it. The whole text must match.
///
/// Matching goes back to the last `*` only, so it takes at most text times pattern steps, in no memory.
package struct Glob: Sendable, Equatable {
    private enum Element { static let one: UInt16 = 256, run: UInt16 = 257 }

    /// Bytes as themselves, `?` and `*` as numbers above them; no two runs stand side by side.
    private let elements: ContiguousArray<UInt16>
    private let prefix: ContiguousArray<UInt8>

    package init(_ pattern: borrowing Span<UInt8>, limit: Int = 4096) throws(GlobError) {
        guard pattern.count <= limit else { throw .tooLong(limit: limit) }
        var elements = ContiguousArray<UInt16>()
        elements.reserveCapacity(pattern.count)
        var index = 0
        while index < pattern.count {
            var element = UInt16(pattern[index])
            switch pattern[index] {
            case ASCII.star: element = Element.run
            case ASCII.questionMark: element = Element.one
            case ASCII.backslash:
                index += 1
                guard index < pattern.count else { throw .danglingEscape }
                element = UInt16(pattern[index])
            default: break
            }
            if element != Element.run || elements.last != Element.run { elements.append(element) }
            index += 1
        }
        self.elements = elements
        prefix = ContiguousArray(elements.prefix { $0 < Element.one }.map { UInt8($0) })
    }

    package init(_ pattern: String, limit: Int = 4096) throws(GlobError) {
        try self.init(Array(pattern.utf8).span, limit: limit)
    }

    /// What every matching text begins with.
    package var literalPrefix: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { prefix.span }
    }

    /// Whether only the prefix itself matches.
    package var isLiteral: Bool { prefix.count == elements.count }

    /// Whether everything that begins with the prefix matches, and nothing else.
    package var isPrefix: Bool { prefix.count + 1 == elements.count && elements.last == Element.run }

    package func matches(_ text: borrowing Span<UInt8>) -> Bool {
        let fixed = prefix.count
        guard text.count >= fixed else { return false }
        for index in 0..<fixed where text[index] != prefix[index] { return false }
        if isPrefix { return true }

        var position = fixed
        var next = fixed
        /// Where to go on when what follows the last `*` does not match: the element after it, and the text.
        var retryElement = -1
        var retryPosition = 0
        while position < text.count {
            if next < elements.count, elements[next] == Element.run {
                next += 1
                retryElement = next
                retryPosition = position
            } else if next < elements.count, accepts(elements[next], text[position]) {
                next += 1
                position += 1
            } else if retryElement >= 0 {
                retryPosition += 1
                position = retryPosition
                next = retryElement
            } else {
                return false
            }
        }
        while next < elements.count, elements[next] == Element.run { next += 1 }
        return next == elements.count
    }

    private func accepts(_ element: UInt16, _ byte: UInt8) -> Bool {
        element == Element.one || element == UInt16(byte)
    }
}
