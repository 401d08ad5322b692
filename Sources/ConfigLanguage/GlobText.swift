// SPDX-License-Identifier: Apache-2.0
import Bytes

/// A glob over path and query in the spelling of keys: unreserved bytes not escaped, escapes in upper case, without dot
/// segments (RFC 3986 §6.2.2).
package enum GlobText {
    /// Bytes as themselves, wildcards above them.
    private typealias Token = UInt16
    private static let one: Token = 256
    private static let run: Token = 257

    package static func normalized(_ text: [UInt8]) -> Result<[UInt8], SettingProblem> {
        guard let tokens = tokens(of: text) else {
            return .failure(.init("a pattern must not end in a single backslash"))
        }
        let parts = tokens.split(separator: run, omittingEmptySubsequences: false)
        if parts.dropFirst().dropLast().contains(where: { $0.count > longestPart && $0.contains(one) }) {
            return .failure(.init("between two * no more than \(longestPart) bytes may stand with a ? among them"))
        }
        let normal = withNormalEscapes(tokens)
        let queryStart = normal.firstIndex(of: Token(ASCII.questionMark)) ?? normal.endIndex
        return withoutDotSegments(Array(normal[..<queryStart])).map { Self.spelled($0 + normal[queryStart...]) }
    }

    /// A text is looked through for it at the cost of its length, once for each 64 bytes of it.
    private static let longestPart = 512

    private static func tokens(of text: [UInt8]) -> [Token]? {
        var tokens: [Token] = []
        var index = 0
        while index < text.count {
            switch text[index] {
            case ASCII.star: tokens.append(run)
            case ASCII.questionMark: tokens.append(one)
            case ASCII.backslash:
                index += 1
                guard index < text.count else { return nil }
                tokens.append(Token(text[index]))
            default: tokens.append(Token(text[index]))
            }
            index += 1
        }
        return tokens
    }

    private static func spelled(_ tokens: [Token]) -> [UInt8] {
        var text: [UInt8] = []
        for token in tokens {
            switch token {
            case run: text.append(ASCII.star)
            case one: text.append(ASCII.questionMark)
            case Token(ASCII.star), Token(ASCII.questionMark), Token(ASCII.backslash):
                text += [ASCII.backslash, UInt8(token)]
            default: text.append(UInt8(token))
            }
        }
        return text
    }

    private static func withNormalEscapes(_ tokens: [Token]) -> [Token] {
        var result: [Token] = []
        var index = 0
        while index < tokens.count {
            let token = tokens[index]
            index += 1
            if token < one, !ASCII.isURIByte(UInt8(token)) {
                result += escape(UInt8(token))
            } else if token == Token(ASCII.percent), let high = hexValue(tokens, index) {
                guard let low = hexValue(tokens, index + 1) else {
                    // A wildcard stands for the other half.
                    result += [token, Token(hexDigit(high))]
                    index += 1
                    continue
                }
                let byte = high << 4 | low
                result += PercentEncoding.isUnreserved(byte) ? [Token(byte)] : escape(byte)
                index += 2
            } else {
                result.append(token)
            }
        }
        return result
    }

    private static func hexValue(_ tokens: [Token], _ index: Int) -> UInt8? {
        guard index < tokens.count, tokens[index] < one else { return nil }
        return ASCII.hexValue(UInt8(tokens[index]))
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? value + 0x30 : value + 0x37 }

    private static func escape(_ byte: UInt8) -> [Token] {
        [ASCII.percent, hexDigit(byte >> 4), hexDigit(byte & 15)].map { Token($0) }
    }

    /// Behind a wildcard it cannot be told which segment `..` takes away.
    private static func withoutDotSegments(_ path: [Token]) -> Result<[Token], SettingProblem> {
        let segments = path.split(separator: Token(ASCII.slash), omittingEmptySubsequences: false).map(Array.init)
        var kept: [[Token]] = []
        for (index, segment) in segments.enumerated() {
            let dots = segment.count
            guard index > 0, (1...2).contains(dots), segment.allSatisfy({ $0 == Token(UInt8(ascii: ".")) }) else {
                kept.append(segment)
                continue
            }
            if kept.contains(where: { $0.contains { $0 >= one } }) {
                return .failure(.init("no key holds the segments . and ..: write the path without them"))
            }
            if dots == 2, kept.count > 1 { kept.removeLast() }
            if index == segments.count - 1 { kept.append([]) }
        }
        return .success(Array(kept.joined(separator: [Token(ASCII.slash)])))
    }
}
