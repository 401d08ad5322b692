// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

/// The directive table as text for people.
package enum DirectiveHelp {
    /// One line for each directive, by the block it stands in.
    package static func list() -> String {
        var text = ""
        for (scope, directives) in DirectiveTable.sections where scope != .defaults {
            text += text.isEmpty ? "" : "\n"
            text += "\(title(scope, { $0 })):\n"
            for directive in directives {
                text += "  \(DirectiveText.padded(directive.name, 22))\(directive.summary)\n"
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

    package static var names: [String] { DirectiveTable.all.map(\.description.name) }

    private static func describe(_ directive: PlacedDirective) -> String {
        DirectiveText.help(directive.description, places: directive.scopes.map(\.rawValue))
    }

    // MARK: Reference

    /// The reference in .github/docs/configuration.md.
    package static func markdown() -> String {
        var text = ""
        for (scope, directives) in DirectiveTable.sections where scope != .defaults {
            text += text.isEmpty ? "" : "\n"
            text += "### \(title(scope, { "`\($0)`" }))\n"
            for directive in directives { text += DirectiveText.markdown(directive) }
        }
        return text
    }
}
