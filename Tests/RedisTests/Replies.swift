// SPDX-License-Identifier: Apache-2.0
import Bytes
import Redis

extension RESPReader {
    /// Feeds `text` in pieces of `step` bytes and describes each reply that comes.
    func replies(to text: [UInt8], step: Int = .max) throws(RESPError) -> [String] {
        var found: [String] = []
        var index = 0
        while index < text.count {
            let end = min(text.count, step == .max ? text.count : index + step)
            try feed(text.span.extracting(index..<end))
            while try next() { found.append(reply.described(reply.root)) }
            index = end
        }
        return found
    }
}

extension RESPReply {
    /// `["a", 1, null, [OK, !ERR x]]`
    func described(_ element: RESPElement) -> String {
        let bytes = text(of: element)
        var words: [UInt8] = []
        for index in 0..<bytes.count { words.append(bytes[index]) }
        let text = String(decoding: words, as: UTF8.self)
        switch kind(of: element) {
        case .string: return "\"\(text)\""
        case .status: return text
        case .error: return "!\(text)"
        case .integer: return "\(integer(of: element) ?? -1)"
        case .null: return "null"
        case .array:
            var parts: [String] = []
            var next = child(0, of: element)
            while let found = next {
                parts.append(described(found))
                next = self.next(after: found, in: element)
            }
            return "[\(parts.joined(separator: ", "))]"
        }
    }
}

extension ByteBuffer {
    var text: String {
        var bytes: [UInt8] = []
        for index in 0..<count { bytes.append(span[index]) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
