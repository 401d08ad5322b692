// SPDX-License-Identifier: Apache-2.0
import Bytes

/// Names of query parameters whose values never reach a log.
package struct QueryRedaction: Sendable {
    /// Lower case.
    private let names: [[UInt8]]

    package init(names: [String]) {
        self.names = names.map { $0.utf8.map(ASCII.lowercased) }
    }

    /// Hands `text`, a request target or URL, to `write` piece by piece; the flag says that what stands in this
    /// place is secret.
    func pieces(of text: borrowing Span<UInt8>, _ write: (_ piece: Range<Int>, _ isSecret: Bool) -> Void) {
        guard !names.isEmpty, let query = text.firstIndex(of: ASCII.questionMark, in: 0..<text.count) else {
            return write(0..<text.count, false)
        }
        var shown = 0
        var start = query + 1
        while start < text.count {
            let end = text.firstIndex(of: UInt8(ascii: "&"), in: start..<text.count) ?? text.count
            let equals = text.firstIndex(of: ASCII.equals, in: start..<end) ?? end
            if equals < end, isSecret(text.extracting(start..<equals)) {
                write(shown..<equals + 1, false)
                write(equals + 1..<end, true)
                shown = end
            }
            start = end + 1
        }
        write(shown..<text.count, false)
    }

    private func isSecret(_ name: borrowing Span<UInt8>) -> Bool {
        for secret in names where name.spells(secret) { return true }
        return false
    }
}

extension Span where Element == UInt8 {
    /// Whether the bytes are `name`, in any case and with any of them percent-encoded: a client must not escape
    /// redaction by writing `t%6Fken`.
    fileprivate func spells(_ name: [UInt8]) -> Bool {
        var index = 0
        for wanted in name {
            guard index < count else { return false }
            var byte = self[index]
            index += 1
            if byte == ASCII.percent, index + 1 < count, let high = ASCII.hexValue(self[index]),
                let low = ASCII.hexValue(self[index + 1])
            {
                byte = high << 4 | low
                index += 2
            }
            guard ASCII.lowercased(byte) == wanted else { return false }
        }
        return index == count
    }
}
