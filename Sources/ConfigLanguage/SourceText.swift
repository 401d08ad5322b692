// SPDX-License-Identifier: Apache-2.0

/// Bytes `start ..< start + length` of one of the files that were read.
package struct Place: Sendable, Equatable {
    package var file: Int
    package var start: Int
    package var length: Int

    package init(file: Int, start: Int, length: Int = 1) {
        self.file = file
        self.start = start
        self.length = length
    }
}

package struct SourceText: Sendable {
    package let name: String
    let bytes: [UInt8]

    package init(name: String, text: String) {
        self.name = name
        let bytes = Array(text.utf8)
        // A byte order mark says nothing in UTF-8.
        self.bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    }

    /// The last line, when the file may have been cut off in it: it has no line end, and no brace or comment ends it.
    func cutPlace(_ file: Int) -> Place? {
        guard let last = bytes.last, last != UInt8(ascii: "\n"), last != UInt8(ascii: "}") else { return nil }
        let start = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let line = bytes[start...].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = line.first, first != UInt8(ascii: "#") else { return nil }
        return Place(file: file, start: line.startIndex, length: line.count)
    }

    /// The directory that relative paths in this file start from; empty for the working directory.
    var directory: String {
        guard let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return String(name[...slash])
    }

    /// Relative paths start at the file that names them.
    func resolve(_ path: String) -> String {
        path.hasPrefix("/") ? path : directory + path
    }

    /// Line and column, both from 1 and the column in characters, and the line's text.
    func locate(_ offset: Int) -> (line: Int, column: Int, text: String) {
        let offset = Swift.min(offset, bytes.count)
        let newline = UInt8(ascii: "\n")
        let before = bytes[..<offset]
        let start = before.lastIndex(of: newline).map { $0 + 1 } ?? 0
        let end = bytes[offset...].firstIndex(of: newline) ?? bytes.count
        let line = before.count { $0 == newline } + 1
        let column = String(decoding: bytes[start..<offset], as: UTF8.self).unicodeScalars.count + 1
        var text = String(decoding: bytes[start..<end], as: UTF8.self)
        if text.unicodeScalars.last == "\r" { text.unicodeScalars.removeLast() }
        return (line, column, text)
    }
}
