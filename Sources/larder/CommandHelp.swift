// SPDX-License-Identifier: Apache-2.0
import Settings

/// The commands as the help shows them.
enum CommandHelp {
    struct Entry {
        let name: String
        let synopsis: String
        let summary: String
        let details: String
    }

    static let commands = [
        Entry(
            name: "serve", synopsis: "larder serve FILE", summary: "Serves by the configuration in FILE.",
            details: """
                Stays in the foreground and logs to the standard output and the standard error.

                Signals:
                  TERM, INT, QUIT  finish the requests under way, at most drain_timeout, and end; a second one
                                   ends at once
                  HUP              read FILE again; if anything is wrong with it, keep the old one and say why
                  USR1             open the log files again, after they were moved away

                Exit status: 0 after a drain, 1 if FILE or an address cannot be used, 2 for a wrong command line.
                """),
        Entry(
            name: "check", synopsis: "larder check FILE [--dump]",
            summary: "Says whether FILE is right, and what it means.",
            details: """
                Names every mistake with its place, and what is risky.

                Options:
                  --dump      print all settings in effect, defaults included and secrets masked, as a configuration

                Exit status: 0 if FILE can be used, 1 if not, 2 for a wrong command line.
                """),
        Entry(name: "version", synopsis: "larder version", summary: "Prints the version.", details: ""),
        Entry(
            name: "help", synopsis: "larder help [COMMAND|DIRECTIVE|directives]",
            summary: "Explains a command or a directive.",
            details: """
                Options:
                  --example   print an example configuration with every directive and its default
                  --directives print each directive and each of its values, one a line
                  --markdown  print the reference of all directives as Markdown
                  --metrics   print the table of all metrics as Markdown
                  --words     print the words of Cache-Status, access log and metrics, one a line
                """),
    ]

    static func usage(_ command: String) -> String {
        "usage: \(commands.first { $0.name == command }?.synopsis ?? "larder COMMAND")"
    }

    /// nil when there is no such command.
    static func command(_ name: String) -> String? {
        guard let entry = commands.first(where: { $0.name == name }) else { return nil }
        let details = entry.details.isEmpty ? "" : "\n\(entry.details)\n"
        return "usage: \(entry.synopsis)\n\n\(entry.summary)\n\(details)"
    }

    static let overview: String = {
        var text = """
            Larder is a caching reverse proxy: it answers for an HTTP backend from memory.

            usage: larder COMMAND

            Commands:

            """
        for entry in commands {
            text += "  \(entry.name)\(String(repeating: " ", count: 10 - entry.name.count))\(entry.summary)\n"
        }
        return text + """

            A configuration that serves, caching for a minute what the backend does not date itself:

              listen 127.0.0.1:8080
              route * {
                upstream http://127.0.0.1:3000
                ttl 1m
              }

            One directive a line, as `name value key=value`; blocks in braces; # begins a comment. Durations: 500ms 10s
            5m 1h 7d. Sizes, in steps of 1024: 512B 64KB 256MB 1GB. ${NAME} is put in from the environment.

            `larder help directives` lists the directives, `larder help DIRECTIVE` explains one, and
            `larder help --example > proxy.conf` makes a file to begin with.

            """
    }()
}
