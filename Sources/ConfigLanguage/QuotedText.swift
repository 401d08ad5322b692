// SPDX-License-Identifier: Apache-2.0

/// Values as words that the lexer reads back unchanged.
enum QuotedText {
    static func quoted(_ text: String) -> String {
        let special = " \t;{}\"'#$\\"
        guard text.isEmpty || text.contains(where: { special.contains($0) }) else { return text }
        var result = "\""
        for character in text {
            if "\"\\$".contains(character) { result += "\\" }
            result.append(character)
        }
        return result + "\""
    }

}
