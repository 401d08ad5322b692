// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// Walks the directives of Cache-Control (RFC 9111 §5.2), all of its lines one after the other.
///
/// A quote where none may stand, or one that is never closed, leaves open what it quotes. What follows is then read as
/// if it quoted nothing, and counts as far as it forbids (`isTrusted`): another reader may take it for text.
struct CacheDirectiveParser {
    private var position = 0
    /// Whether all up to here can be read in one way only. False for good, in the lines that follow too.
    private(set) var isTrusted = true

    /// Another line of the same field comes.
    mutating func beginLine() { position = 0 }

    /// The next directive, or nil after the last.
    mutating func next(in bytes: borrowing Span<UInt8>) -> FieldListMember? {
        while position < bytes.count {
            let start = position
            let end = endOfDirective(in: bytes)
            position = end + 1
            let range = bytes.trimmingBlanks(start..<end)
            if !range.isEmpty { return FieldListMember.split(range, of: bytes) }
        }
        return nil
    }

    private mutating func endOfDirective(in bytes: borrowing Span<UInt8>) -> Int {
        let comma = bytes.firstIndex(of: ASCII.comma, in: position..<bytes.count) ?? bytes.count
        guard isTrusted, let quote = bytes.firstIndex(of: ASCII.doubleQuote, in: position..<comma) else { return comma }
        if let end = endOfQuotedArgument(in: bytes, quote) { return end }
        isTrusted = false
        return comma
    }

    /// Where the directive ends whose argument may begin with that quote; nil when it does not, or goes on behind it.
    private func endOfQuotedArgument(in bytes: borrowing Span<UInt8>, _ quote: Int) -> Int? {
        let name = bytes.trimmingBlanks(position..<quote)
        guard name.count > 1, name.upperBound == quote, bytes[quote - 1] == ASCII.equals else { return nil }
        for index in name.lowerBound..<quote - 1 where !ASCII.isTokenCharacter(bytes[index]) { return nil }
        var index = quote + 1
        while index < bytes.count, bytes[index] != ASCII.doubleQuote {
            index += bytes[index] == ASCII.backslash ? 2 : 1
        }
        guard index < bytes.count else { return nil }
        let end = bytes.firstIndex(of: ASCII.comma, in: index + 1..<bytes.count) ?? bytes.count
        return bytes.trimmingBlanks(index + 1..<end).isEmpty ? end : nil
    }
}
