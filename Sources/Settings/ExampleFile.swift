// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

/// `proxy.conf.example`: every directive with its default, commented out, around the least that serves.
///
/// A line that begins with `#` and no blank is a directive that may be put in force by taking the `#` away; the
/// file means the same then.
package enum ExampleFile {
    package static func text() -> String {
        var text = introduction
        for directive in DirectiveTable.topLevel { text += DirectiveText.example(directive.description, indent: "") }
        text += DirectiveText.example(.include, indent: "")
        text += DirectiveText.exampleBlock(
            DirectiveTable.upstreamBlock.description, "upstream backend {\n  server 127.0.0.1:3000\n")
        for directive in DirectiveTable.upstream { text += DirectiveText.example(directive.description, indent: "  ") }
        text += "}\n" + DirectiveText.exampleBlock(DirectiveTable.defaultsBlock.description, nil)
        text += DirectiveText.exampleBlock(
            DirectiveTable.routeBlock.description, "route /api/* {\n  upstream backend\n")
        for directive in DirectiveTable.route { text += DirectiveText.example(directive.description, indent: "  ") }
        text += "}\n" + DirectiveText.exampleBlock(DirectiveTable.invalidationBlock.description, nil)
        for directive in DirectiveTable.invalidation {
            text += DirectiveText.example(directive.description, indent: "")
        }
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
}
