// SPDX-License-Identifier: Apache-2.0

/// Replies as a Redis server writes them.
package enum RESPText {
    package static let ok = status("OK")

    package static func status(_ text: String) -> [UInt8] { Array("+\(text)\r\n".utf8) }
    package static func error(_ text: String) -> [UInt8] { Array("-\(text)\r\n".utf8) }
    package static func integer(_ number: Int) -> [UInt8] { Array(":\(number)\r\n".utf8) }

    package static func bulk(_ bytes: [UInt8]?) -> [UInt8] {
        guard let bytes else { return Array("$-1\r\n".utf8) }
        return Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
    }

    package static func array(_ elements: [[UInt8]]) -> [UInt8] {
        Array("*\(elements.count)\r\n".utf8) + elements.joined()
    }
}

/// Reads commands: arrays of bulk strings.
enum SimulatedCommand {
    /// The next whole one, which is taken off; nil when more has to come. What is no command is our own mistake.
    static func take(from input: inout [UInt8]) -> [[UInt8]]? {
        var rest = input[...]
        guard let count = number("*", &rest) else { return nil }
        var words: [[UInt8]] = []
        for _ in 0..<count {
            guard let length = number("$", &rest), rest.count >= length + 2 else { return nil }
            words.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
            precondition(rest.starts(with: [13, 10]), "an argument is longer than it says")
            rest = rest.dropFirst(2)
        }
        input = Array(rest)
        return words
    }

    private static func number(_ mark: Unicode.Scalar, _ rest: inout ArraySlice<UInt8>) -> Int? {
        guard let end = rest.firstIndex(of: 10) else { return nil }
        let line = rest[rest.startIndex..<end]
        guard line.first == UInt8(ascii: mark), line.last == 13,
            let number = Int(String(decoding: line.dropFirst().dropLast(), as: UTF8.self))
        else { preconditionFailure("no command: \(String(decoding: line, as: UTF8.self))") }
        rest = rest[(end + 1)...]
        return number
    }
}
