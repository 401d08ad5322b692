// SPDX-License-Identifier: Apache-2.0

/// The directive table as text for people.
package enum DirectiveHelp {
    /// One line for each directive, by the block it stands in.
    package static func list() -> String {
        var text = ""
        for (scope, directives) in DirectiveTable.sections where scope != .defaults {
            text += text.isEmpty ? "" : "\n"
            text += "\(title(scope, { $0 })):\n"
            for directive in directives {
                text += "  \(padded(directive.name, 22))\(directive.summary)\n"
            }
        }
        return text
    }

    private static func title(_ scope: DirectiveScope, _ mark: (String) -> String) -> String {
        switch scope {
        case .topLevel: "At the top level"
        case .route, .defaults: "In \(mark("route")) and \(mark("defaults"))"
        case .upstream, .invalidation: "In \(mark(scope.rawValue))"
        }
    }

    /// All there is to say of one directive; nil when there is none of that name.
    package static func directive(_ name: String) -> String? {
        let all = DirectiveTable.find(name)
        return all.isEmpty ? nil : all.map(describe).joined(separator: "\n")
    }

    /// One line for each directive and each of its values, as `top/listen.backlog`, for tests and tools.
    package static func parameters() -> String {
        var text = ""
        for (scope, directives) in DirectiveTable.sections where scope != .defaults {
            let block = scope == .topLevel ? "top" : scope.rawValue
            for directive in directives {
                if directive.parameters.isEmpty { text += "\(block)/\(directive.name)\n" }
                for parameter in directive.parameters { text += "\(block)/\(directive.name).\(parameter.name)\n" }
            }
        }
        return text
    }

    package static var names: [String] { DirectiveTable.all.map(\.name) }

    private static func describe(_ directive: DirectiveDescription) -> String {
        var text = "\(directive.synopsis)\n\n  \(directive.summary)\n"
        if !directive.details.isEmpty { text += wrapped(directive.details, indent: "  ", width: 78) }
        text += "\n  In:       \(SettingProblem.list(directive.scopes.map(\.rawValue), "or"))\n"
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

    static func padded(_ text: String, _ width: Int) -> String {
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

    /// The reference in .github/docs/configuration.md.
    package static func markdown() -> String {
        var text = ""
        for (scope, directives) in DirectiveTable.sections where scope != .defaults {
            text += text.isEmpty ? "" : "\n"
            text += "### \(title(scope, { "`\($0)`" }))\n"
            for directive in directives { text += markdown(directive) }
        }
        return text
    }

    private static func markdown(_ directive: DirectiveDescription) -> String {
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
}
