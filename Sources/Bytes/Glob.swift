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
/// Matching takes one pass over text and pattern; only runs of more than 64 bytes between stars, with `?` among them,
/// take a step more a byte for each further 64.
package struct Glob: Sendable, Hashable {
    private enum Element { static let one: UInt16 = 256, run: UInt16 = 257 }

    /// Bytes as themselves, `?` and `*` as numbers above them; no two runs stand side by side.
    let elements: ContiguousArray<UInt16>
    private let prefix: ContiguousArray<UInt8>
    /// Between the stars; what is before the first and behind the last is anchored.
    private let segments: ContiguousArray<GlobSegment>
    /// How many elements stand before the first star, and behind the last; nil without a star.
    private let anchored: (head: Int, tail: Int)?

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
        self.init(elements)
    }

    private init(_ elements: ContiguousArray<UInt16>) {
        self.elements = elements
        prefix = ContiguousArray(elements.prefix { $0 < Element.one }.map { UInt8($0) })
        let parts = elements.split(separator: Element.run, omittingEmptySubsequences: false)
        anchored = parts.count > 1 ? (parts[0].count, parts[parts.count - 1].count) : nil
        segments = ContiguousArray(
            parts.dropFirst().dropLast().map { GlobSegment(ArraySlice($0), one: Element.one) })
    }

    package static func == (left: Glob, right: Glob) -> Bool { left.elements == right.elements }
    package func hash(into hasher: inout Hasher) { hasher.combine(elements) }

    package init(_ pattern: String, limit: Int = 4096) throws(GlobError) {
        try self.init(Array(pattern.utf8).span, limit: limit)
    }

    /// Without the first `count` bytes of what every matching text begins with.
    package func dropping(_ count: Int) -> Glob { Glob(ContiguousArray(elements.dropFirst(count))) }

    /// About what it takes.
    package var allocatedBytes: Int {
        segments.reduce(elements.capacity * 2 + prefix.capacity + 64) { $0 + $1.allocatedBytes }
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

        guard let anchored else { return text.count == elements.count && fits(0..<text.count, text, at: 0) }
        let end = text.count - anchored.tail
        guard end >= anchored.head, fits(fixed..<anchored.head, text, at: fixed),
            fits(elements.count - anchored.tail..<elements.count, text, at: end)
        else { return false }
        var position = anchored.head
        for segment in segments {
            guard let next = segment.firstEnd(in: text, position..<end) else { return false }
            position = next
        }
        return true
    }

    /// Whether the elements stand at that place of the text, which is long enough.
    private func fits(_ range: Range<Int>, _ text: borrowing Span<UInt8>, at start: Int) -> Bool {
        for index in range where !accepts(elements[index], text[start + index - range.lowerBound]) { return false }
        return true
    }

    private func accepts(_ element: UInt16, _ byte: UInt8) -> Bool {
        element == Element.one || element == UInt16(byte)
    }
}
