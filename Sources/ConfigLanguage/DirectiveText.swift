// SPDX-License-Identifier: Apache-2.0

/// What is said of one directive as text for people.
package enum DirectiveText {
    /// All there is to say of it; `places` are the blocks in which it may stand.
    package static func help(_ directive: DirectiveDescription, places: [String]) -> String {
        var text = "\(directive.synopsis)\n\n  \(directive.summary)\n"
        if !directive.details.isEmpty { text += wrapped(directive.details, indent: "  ", width: 78) }
        text += "\n  In:       \(SettingProblem.list(places, "or"))\n"
        if let line = directive.defaultLine { text += "  Default:  \(line)\n" }
        text += "  Example:  \(directive.example)\n"
        if !directive.parameters.isEmpty { text += "\n" }
        for parameter in directive.parameters {
            text += "  \(padded(parameter.name, 18))\(parameter.help)\n"
            let facts = facts(parameter)
            if !facts.isEmpty { text += "  \(padded("", 18))\(facts.joined(separator: "; "))\n" }
        }
        return text
    }

    /// What is taken, its range, its default.
    private static func facts(_ parameter: ParameterDescription) -> [String] {
        var facts: [String] = []
        if parameter.placeholder != parameter.name { facts.append(parameter.placeholder) }
        if let range = parameter.rangeText { facts.append(range) }
        if let alternative = parameter.alternativeText { facts.append(alternative) }
        if let defaultText = parameter.defaultText { facts.append("default \(defaultText)") }
        return facts
    }

    package static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: Swift.max(1, width - text.count))
    }

    /// Lines of at most `width` characters, each after `indent`.
    static func wrapped(_ text: String, indent: String, width: Int) -> String {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, indent.count + line.count + 1 + word.count > width {
                lines.append(indent + line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        lines.append(indent + line)
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: Reference

    /// Its section of the reference.
    package static func markdown(_ directive: DirectiveDescription) -> String {
        var text = "\n#### `\(directive.synopsis)`\n\n\(directive.summary)"
        if !directive.details.isEmpty { text += " \(directive.details)" }
        text += "\n\n"
        if let line = directive.defaultLine { text += "Default: `\(line)`  \n" }
        text += "Example: `\(directive.example)`\n"
        let rows = directive.parameters.filter { !facts($0).isEmpty || directive.parameters.count > 1 }
        guard !rows.isEmpty else { return text }
        text += "\n| Value | Takes | Default | Meaning |\n|---|---|---|---|\n"
        for row in rows {
            let takes = ["`\(row.placeholder)`", row.rangeText, row.alternativeText].compactMap { $0 }
            let cells = [
                "`\(row.name)`", takes.joined(separator: "; "), row.defaultText.map { "`\($0)`" } ?? "", row.help,
            ]
            text += "| \(cells.map(cell).joined(separator: " | ")) |\n"
        }
        return text
    }

    private static func cell(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }

    // MARK: Example

    private static func comment(_ text: String, indent: String) -> String {
        wrapped(text, indent: "\(indent)# ", width: 110)
    }

    private static func explain(_ directive: DirectiveDescription, indent: String) -> String {
        var text = "\n" + comment(directive.summary, indent: indent)
        if !directive.details.isEmpty { text += comment(directive.details, indent: indent) }
        return text
    }

    /// With its default, commented out.
    package static func example(_ directive: DirectiveDescription, indent: String) -> String {
        var text = explain(directive, indent: indent)
        text += "\(indent)#   \(directive.synopsis)\n"
        if directive.defaultLine != directive.example { text += "\(indent)#   Example: \(directive.example)\n" }
        if let line = directive.defaultLine { text += "\(indent)#\(line)\n" }
        return text
    }

    /// Of one that opens a block, and the lines of one that is open; nil where none need be.
    package static func exampleBlock(_ directive: DirectiveDescription, _ lines: String?) -> String {
        explain(directive, indent: "") + "#   \(directive.synopsis)\n" + "#   Example: \(directive.example)\n"
            + (lines ?? "")
    }
}
