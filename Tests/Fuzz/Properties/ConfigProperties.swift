// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import Settings

extension Properties {
    /// A configuration, whatever its text: each finding has a place inside its file, there are settings if and
    /// only if nothing is an error, and their dump is read as the same.
    package static func config(_ input: borrowing Span<UInt8>) -> String? {
        var bytes: [UInt8] = []
        for index in 0..<input.count { bytes.append(input[index]) }
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let files = ["t": "secret", "a.conf": "workers 2", "self": text]
        let report = parse(text, file: "self", files: files)
        for finding in report.diagnostics {
            guard let source = files[finding.file], isInside(source, finding) else { return "nowhere: \(finding)" }
            if finding.rendered.isEmpty || finding.message.isEmpty { return "says nothing: \(finding)" }
        }
        let hasErrors = report.diagnostics.contains { $0.severity == .error }
        if (report.settings == nil) != hasErrors { return "errors: \(hasErrors), settings: \(!hasErrors)" }
        guard let settings = report.settings else { return nil }
        let dump = SettingsDump.text(settings)
        let again = parse(dump, file: "dump", files: [:])
        guard let same = again.settings else { return "refuses its own dump: \(again.diagnostics)" }
        return SettingsDump.text(same) == dump ? nil : "the dump is read otherwise: \(dump)"
    }

    private static func parse(_ text: String, file: String, files: [String: String]) -> SettingsReport {
        SettingsParser.parse(
            text: text, file: file, environment: { ["A": "a b"][$0] },
            files: ConfigFiles(
                readFile: { path in files[path].map { .success($0) } ?? .failure(.notFound) },
                listDirectory: { directory in
                    let prefix = directory == "." ? "" : directory
                    return .success(
                        files.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
                }))
    }

    private static func isInside(_ source: String, _ finding: ConfigDiagnostic) -> Bool {
        let lines = source.utf8.split(separator: ASCII.lineFeed, omittingEmptySubsequences: false)
        // A line's end is a place too.
        return finding.line >= 1 && finding.line <= lines.count && finding.column >= 1 && finding.length >= 1
            && finding.column <= finding.sourceLine.unicodeScalars.count + 2
    }
}
