// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import Settings
import Testing

@testable import larder

@Suite struct CommandTests {
    private let command = Command(
        files: ConfigFiles(readFile: { path in
            switch path {
            case "good.conf": .success("route /a { upstream http://a:1 }\nroute /b { upstream http://a:1 }")
            case "bad.conf": .success("\nworkers many\n")
            case "risky.conf": .success("route /a { upstream http://a:1; pass; ttl 5m }")
            case "secret.conf": .success("admin 127.0.0.1:1 token=hush\nroute /a { upstream http://a:1 }")
            default: .failure(.notFound)
            }
        }), environment: { _ in nil })

    /// Standard output, standard error and exit status of a command that ends by itself.
    private func run(_ line: String) throws -> (output: String, errors: String, status: Int32) {
        guard
            case .finished(let output, let errors, let status) = command.outcome(
                line.split(separator: " ").map(String.init))
        else { throw Unexpected() }
        return (output, errors, status)
    }

    private struct Unexpected: Error {}

    @Test func checkSaysThatAFileIsRight() throws {
        let result = try run("check good.conf")
        #expect(result.output == "good.conf: ok (2 routes, 1 upstream)\n")
        #expect(result.errors.isEmpty)
        #expect(result.status == 0)
    }

    @Test func checkShowsWarningsAndCountsThem() throws {
        let result = try run("check risky.conf")
        #expect(result.output == "risky.conf: ok (1 route, 1 upstream, 1 warning)\n")
        #expect(result.errors.hasPrefix("risky.conf:1:39: warning: \"ttl\" has no effect in a route that passes\n"))
        #expect(result.status == 0)
    }

    @Test(arguments: ["check", "serve"])
    func aWrongFileIsRefusedWithItsPlace(_ name: String) throws {
        let result = try run("\(name) bad.conf")
        #expect(
            result.errors == """
                bad.conf:2:9: error: "workers": expected a number from 1 to 1024 or auto, got "many"
                    workers many
                            ^~~~

                """)
        #expect(result.output.isEmpty)
        #expect(result.status == 1)
    }

    @Test(arguments: ["check", "serve"])
    func aMissingFileIsRefused(_ name: String) throws {
        let result = try run("\(name) none.conf")
        #expect(result.errors == "none.conf: error: cannot read it: no such file\n")
        #expect(result.status == 1)
    }

    @Test func dumpPrintsSettingsWithoutSecrets() throws {
        let result = try run("check --dump secret.conf")
        #expect(result.output.contains("admin 127.0.0.1:1 token=******** hosts=none\n"))
        #expect(result.output.contains("memory 256MB connections=25% max_object=16MB max_ttl=off\n"))
        #expect(!result.output.contains("hush"))
    }

    @Test func serveHandsOverTheSettings() throws {
        guard case .serve(let settings, let path, let errors) = command.outcome(["serve", "good.conf"]) else {
            throw Unexpected()
        }
        #expect(settings.routes.count == 3)
        #expect(path == "good.conf")
        #expect(errors.isEmpty)
    }

    @Test(arguments: [
        ("serv", "larder: unknown command \"serv\" (did you mean \"serve\"?)\n`larder help` lists the commands.\n"),
        ("frobnicate", "larder: unknown command \"frobnicate\"\n`larder help` lists the commands.\n"),
        ("check", "larder check: FILE is missing\nusage: larder check FILE [--dump]\n"),
        ("check a b", "larder check: unexpected \"b\": one FILE is enough\nusage: larder check FILE [--dump]\n"),
        (
            "check --dmp a",
            "larder check: unknown option --dmp (did you mean --dump?)\nusage: larder check FILE [--dump]\n"
        ),
        ("serve --dump a", "larder serve: unknown option --dump\nusage: larder serve FILE\n"),
        ("version 2", "larder version: takes nothing\nusage: larder version\n"),
        (
            "help ttll",
            "larder help: no command or directive is called \"ttll\" (did you mean \"ttl\"?)\n"
                + "`larder help` lists the commands, `larder help directives` the directives.\n"
        ),
        ("help a b", "larder help: unexpected \"b\"\nusage: larder help [COMMAND|DIRECTIVE|directives]\n"),
    ])
    func aWrongCommandLineIsExplained(_ line: String, _ expected: String) throws {
        let result = try run(line)
        #expect(result.errors == expected)
        #expect(result.output.isEmpty)
        #expect(result.status == 2)
    }

    @Test func withoutACommandTheOverviewIsAnError() throws {
        let result = try run("")
        #expect(result.errors == CommandHelp.overview)
        #expect(result.status == 2)
    }

    @Test(arguments: ["help", "--help", "-h"])
    func theOverviewNamesEveryCommand(_ line: String) throws {
        let result = try run(line)
        for entry in CommandHelp.commands { #expect(result.output.contains("  \(entry.name) ")) }
        #expect(result.status == 0)
    }

    @Test(arguments: ["serve", "check", "version", "help"])
    func everyCommandHasItsHelp(_ name: String) throws {
        let help = try run("help \(name)")
        #expect(help.output.hasPrefix("usage: larder \(name)"))
        #expect(try run("\(name) --help").output == help.output)
        #expect(try run("\(name) x -h").output == help.output)
    }

    @Test func theHelpExplainsDirectives() throws {
        #expect(try run("help ttl").output.hasPrefix("ttl [STATUS,…] DURATION|by_origin [force]\n"))
        #expect(try run("help directives").output.contains("  ttl "))
        #expect(try run("help --markdown").output.contains("#### `ttl "))
        #expect(try run("help --metrics").output.contains("| `larder_requests_total` | counter |"))
        #expect(try run("help --example").output.contains("#ttl by_origin\n"))
    }

    @Test(arguments: ["version", "--version", "-V"])
    func theVersionIsPrinted(_ line: String) throws {
        #expect(try run(line).output == "larder \(Command.version)\n")
    }
}
