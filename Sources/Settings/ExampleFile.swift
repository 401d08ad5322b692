// SPDX-License-Identifier: Apache-2.0

/// `proxy.conf.example`: every directive with its default, commented out, around the least that serves.
///
/// A line that begins with `#` and no blank is a directive that may be put in force by taking the `#` away; the
/// file means the same then.
package enum ExampleFile {
    package static func text() -> String {
        var text = introduction
        for directive in DirectiveTable.topLevel { text += entry(directive.description, indent: "") }
        text += entry(DirectiveTable.include, indent: "")
        text += open(DirectiveTable.upstreamBlock.description, "upstream backend {\n  server 127.0.0.1:3000\n")
        for directive in DirectiveTable.upstream { text += entry(directive.description, indent: "  ") }
        text += "}\n" + open(DirectiveTable.defaultsBlock.description, nil)
        text += open(DirectiveTable.routeBlock.description, "route /api/* {\n  upstream backend\n")
        for directive in DirectiveTable.route { text += entry(directive.description, indent: "  ") }
        text += "}\n" + open(DirectiveTable.invalidationBlock.description, nil)
        for directive in DirectiveTable.invalidation { text += entry(directive.description, indent: "") }
        return text
    }

    private static let introduction = """
        # proxy.conf: what Larder does. Check it with `larder check proxy.conf`; `larder help DIRECTIVE` says more.
        #
        # One directive a line, as `name value key=value`; blocks in braces. A ; ends a line too, a \\ at its end joins
        # the next one. Durations: 500ms 10s 5m 1h 7d. Sizes, in steps of 1024: 512B 64KB 256MB 1GB.
        # "Double quotes" hold blanks, 'single quotes' keep all as it is, ${NAME} and ${NAME:-default} are put in from
        # the environment.
        #
        # What follows with a # directly before it is the default.

        """

    private static func comment(_ text: String, indent: String) -> String {
        DirectiveHelp.wrapped(text, indent: "\(indent)# ", width: 110)
    }

    private static func explain(_ directive: DirectiveDescription, indent: String) -> String {
        var text = "\n" + comment(directive.summary, indent: indent)
        if !directive.details.isEmpty { text += comment(directive.details, indent: indent) }
        return text
    }

    private static func entry(_ directive: DirectiveDescription, indent: String) -> String {
        var text = explain(directive, indent: indent)
        text += "\(indent)#   \(directive.synopsis)\n"
        if directive.defaultLine != directive.example { text += "\(indent)#   Example: \(directive.example)\n" }
        if let line = directive.defaultLine { text += "\(indent)#\(line)\n" }
        return text
    }

    private static func open(_ directive: DirectiveDescription, _ lines: String?) -> String {
        explain(directive, indent: "") + "#   \(directive.synopsis)\n" + "#   Example: \(directive.example)\n"
            + (lines ?? "")
    }
}
