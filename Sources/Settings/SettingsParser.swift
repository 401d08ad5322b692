// SPDX-License-Identifier: Apache-2.0
package import ConfigLanguage

/// What a configuration says, or why it cannot be used.
package struct SettingsReport: Sendable {
    /// nil when one of the diagnostics is an error.
    package let settings: ProxySettings?
    /// In the order of the text, at most 100; an included file's come after those of the file that includes it.
    package let diagnostics: [ConfigDiagnostic]
    /// The routes that the file names; one more may stand in the settings, for what none of them takes.
    package let namedRouteCount: Int
    /// Why the file itself could not be read; there are no diagnostics then.
    package let fileProblem: ConfigFileProblem?

    /// Where each directive of the top level was said last.
    let directives: [String: ConfigDiagnostic]

    /// An error found later on, at the place of a directive of the top level, or of the file when it was not said.
    package func error(at directive: String, _ message: String) -> ConfigDiagnostic {
        let place = directives[directive] ?? directives[""]
        return ConfigDiagnostic(
            severity: .error, file: place?.file ?? "", line: place?.line ?? 1, column: place?.column ?? 1,
            message: message, sourceLine: place?.sourceLine ?? "", length: place?.length ?? 1)
    }

    /// All that was found, each with its line and a caret, ready to be shown; empty when nothing was.
    package func rendered(path: String) -> String {
        if let fileProblem { return "\(path): error: cannot read it: \(fileProblem.reason)\n" }
        return diagnostics.map { $0.rendered + "\n" }.joined()
    }
}

/// Text to settings. It touches no file and no environment but by what it is handed.
package enum SettingsParser {
    /// `file` is the name for messages, and relative paths in the text start at its directory.
    package static func parse(
        text: String, file: String, environment: @escaping (String) -> String?, files: ConfigFiles
    ) -> SettingsReport {
        var reader = StatementReader(files: files, environment: environment)
        var diagnostics = DiagnosticList(secretKeys: DirectiveTable.secretKeys)
        let statements = reader.read(SourceText(name: file, text: text), &diagnostics)
        var builder = SettingsBuilder(ReadingContext(files: files, diagnostics: diagnostics))
        let settings = builder.build(statements)
        return SettingsReport(
            settings: builder.context.diagnostics.hasErrors ? nil : settings,
            diagnostics: builder.context.diagnostics.finished(),
            namedRouteCount: builder.routePlaces.count, fileProblem: nil,
            directives: Self.directives(statements, builder.context.diagnostics))
    }

    /// Reads `path` itself by `files`.
    package static func parse(
        path: String, environment: @escaping (String) -> String?, files: ConfigFiles
    ) -> SettingsReport {
        switch files.readFile(path) {
        case .success(let text): parse(text: text, file: path, environment: environment, files: files)
        case .failure(let problem):
            SettingsReport(settings: nil, diagnostics: [], namedRouteCount: 0, fileProblem: problem, directives: [:])
        }
    }

    private static func directives(
        _ statements: [Statement], _ diagnostics: DiagnosticList
    ) -> [String: ConfigDiagnostic] {
        var places = ["": diagnostics.located(Place(file: 0, start: 0))]
        for statement in statements where statement.block == nil {
            places[statement.name.text] = diagnostics.located(statement.name.place)
        }
        return places
    }
}
