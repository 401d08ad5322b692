// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

@testable import Settings

/// Parses `text` as `proxy.conf` among the given files, variables and nothing else.
func parse(
    _ text: String, file: String = "proxy.conf", environment: [String: String] = [:], files: [String: String] = [:]
) -> SettingsReport {
    let access = ConfigFiles(
        readFile: { path in
            // Whole, with their last line ends.
            files[path].map { .success($0.utf8.last == 10 || $0.isEmpty ? $0 : $0 + "\n") } ?? .failure(.notFound)
        },
        listDirectory: { directory in
            let prefix = directory == "." ? "" : directory
            return .success(files.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
        })
    return SettingsParser.parse(text: whole(text), file: file, environment: { environment[$0] }, files: access)
}

/// `text` with a last line end, and with an upstream if it has none: without either a file is refused.
private func whole(_ text: String) -> String {
    guard !text.isEmpty else { return text }
    let isWhole = text.contains("upstream") || text.contains("route")
    return text + "\n" + (isWhole ? "" : "upstream whole { server 127.0.0.1:1 }\n")
}

/// Every diagnostic as `line:column: severity: message`, with the file's name unless it is `proxy.conf`.
func findings(_ report: SettingsReport) -> [String] {
    report.diagnostics.map { finding in
        let text = finding.description
        return text.hasPrefix("proxy.conf:") ? String(text.dropFirst("proxy.conf:".count)) : text
    }
}

/// The settings of a text that has no error.
func settings(_ text: String, environment: [String: String] = [:], files: [String: String] = [:]) throws
    -> ProxySettings
{
    let report = parse(text, environment: environment, files: files)
    guard let settings = report.settings else { throw Refused(findings: findings(report)) }
    return settings
}

struct Refused: Error { var findings: [String] }

/// A file with one upstream and one route that says `text`.
func inRoute(_ text: String) -> String { "upstream a { server 127.0.0.1:1 }\nroute /x {\n\(text)\n}" }
