// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import Settings
import Telemetry

/// What a command line asks for, decided without doing it.
enum CommandOutcome: Equatable {
    /// Texts for the standard output and the standard error, and the exit status.
    case finished(output: String = "", errors: String = "", status: Int32 = 0)
    /// Serve by these settings; `errors` holds warnings to show first.
    case serve(ProxySettings, path: String, errors: String)
}

/// The command line: which commands there are and what each takes.
struct Command {
    static let version = "0.1.0"

    /// The configuration cannot be used.
    static let refused: Int32 = 1
    /// The command line cannot be understood.
    static let misused: Int32 = 2

    let files: ConfigFiles
    let environment: (String) -> String?

    /// `arguments` without the program's name.
    func outcome(_ arguments: [String]) -> CommandOutcome {
        guard let first = arguments.first else {
            return .finished(errors: CommandHelp.overview, status: Command.misused)
        }
        let rest = Array(arguments.dropFirst())
        if CommandHelp.commands.contains(where: { $0.name == first }), rest.contains(where: Self.asksForHelp) {
            return help([first])
        }
        switch first {
        case "serve": return serve(rest)
        case "check": return check(rest)
        case "version", "--version", "-V":
            return rest.isEmpty ? .finished(output: "larder \(Command.version)\n") : misuse("version", "takes nothing")
        case "help", "--help", "-h": return help(rest)
        default: return unknown(first)
        }
    }

    private static func asksForHelp(_ argument: String) -> Bool { argument == "--help" || argument == "-h" }

    private func misuse(_ command: String, _ reason: String) -> CommandOutcome {
        .finished(
            errors: "larder \(command): \(reason)\n\(CommandHelp.usage(command))\n", status: Command.misused)
    }

    private func unknown(_ name: String) -> CommandOutcome {
        let hint = NearestName.find(name, among: CommandHelp.commands.map(\.name))
        let question = hint.map { " (did you mean \"\($0)\"?)" } ?? ""
        return .finished(
            errors: "larder: unknown command \"\(name)\"\(question)\n`larder help` lists the commands.\n",
            status: Command.misused)
    }

    /// The one FILE among the arguments and the options given, or why not.
    private func fileAndOptions(
        _ command: String, _ arguments: [String], options known: [String]
    ) -> Result<(path: String, options: Set<String>), Misuse> {
        var paths: [String] = []
        var options: Set<String> = []
        for argument in arguments {
            if !argument.hasPrefix("-") || argument == "-" {
                paths.append(argument)
            } else if known.contains(argument) {
                options.insert(argument)
            } else {
                let hint = NearestName.find(argument, among: known).map { " (did you mean \($0)?)" } ?? ""
                return .failure(Misuse(reason: "unknown option \(argument)\(hint)"))
            }
        }
        guard let path = paths.first else { return .failure(Misuse(reason: "FILE is missing")) }
        guard paths.count == 1 else {
            return .failure(Misuse(reason: "unexpected \"\(paths[1])\": one FILE is enough"))
        }
        return .success((path, options))
    }

    private struct Misuse: Error { let reason: String }

    // MARK: Commands

    private func serve(_ arguments: [String]) -> CommandOutcome {
        switch fileAndOptions("serve", arguments, options: []) {
        case .failure(let misuse): return self.misuse("serve", misuse.reason)
        case .success(let (path, _)):
            let report = parse(path)
            let findings = report.rendered(path: path)
            guard let settings = report.settings else { return .finished(errors: findings, status: Command.refused) }
            return .serve(settings, path: path, errors: findings)
        }
    }

    private func check(_ arguments: [String]) -> CommandOutcome {
        switch fileAndOptions("check", arguments, options: ["--dump"]) {
        case .failure(let misuse): return self.misuse("check", misuse.reason)
        case .success(let (path, options)):
            let report = parse(path)
            let findings = report.rendered(path: path)
            guard let settings = report.settings else { return .finished(errors: findings, status: Command.refused) }
            let output = options.contains("--dump") ? SettingsDump.text(settings) : summary(report, settings, path)
            return .finished(output: output, errors: findings)
        }
    }

    private func help(_ arguments: [String]) -> CommandOutcome {
        guard let topic = arguments.first else { return .finished(output: CommandHelp.overview) }
        guard arguments.count == 1 else { return misuse("help", "unexpected \"\(arguments[1])\"") }
        if topic == "--markdown" { return .finished(output: DirectiveHelp.markdown()) }
        if topic == "--metrics" { return .finished(output: MetricTable.markdown()) }
        if topic == "--directives" { return .finished(output: DirectiveHelp.parameters()) }
        if topic == "--words" { return .finished(output: AnswerWords.list()) }
        if topic == "--example" { return .finished(output: ExampleFile.text()) }
        if topic == "directives" { return .finished(output: DirectiveHelp.list()) }
        if let text = CommandHelp.command(topic) ?? DirectiveHelp.directive(topic) { return .finished(output: text) }
        let names = CommandHelp.commands.map(\.name) + DirectiveHelp.names
        let hint = NearestName.find(topic, among: names).map { " (did you mean \"\($0)\"?)" } ?? ""
        return .finished(
            errors: "larder help: no command or directive is called \"\(topic)\"\(hint)\n"
                + "`larder help` lists the commands, `larder help directives` the directives.\n",
            status: Command.misused)
    }

    // MARK: Reading the file

    private func parse(_ path: String) -> SettingsReport {
        SettingsParser.parse(path: path, environment: environment, files: files)
    }

    private func summary(_ report: SettingsReport, _ settings: ProxySettings, _ path: String) -> String {
        let routes = count(report.namedRouteCount, "route")
        let upstreams = count(settings.upstreams.count, "upstream")
        let warnings = report.diagnostics.isEmpty ? "" : ", \(count(report.diagnostics.count, "warning"))"
        return "\(path): ok (\(routes), \(upstreams)\(warnings))\n"
    }

    private func count(_ number: Int, _ thing: String) -> String { "\(number) \(thing)\(number == 1 ? "" : "s")" }
}
