// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

/// What the texts of a route look like: its pattern, globs over its paths, and what its key names.
enum RouteText {
    static func pattern(_ text: String) -> SettingProblem? {
        if text.contains("?") { return .init("a route looks at the path alone, without ?: \"\(text)\"") }
        if text.contains("\\") { return .init("a route takes no backslash: \"\(text)\"") }
        guard !text.hasPrefix("~"), !text.hasPrefix("^") else {
            return .init("a pattern is no regular expression: * stands for any text, got \"\(text)\"")
        }
        guard text.hasPrefix("/") || text.hasPrefix("*") else {
            return .init("a pattern begins with / or *, got \"\(text)\"")
        }
        if case .failure(let problem) = TextCheck.visible(text) { return problem }
        if text.utf8.count > 1024 { return .init("a pattern is at most 1024 bytes long") }
        return PathPattern(route: text).problem(text)
    }

    /// A glob over paths without their queries.
    static func pathGlob(_ text: String) -> Result<String, SettingProblem> {
        if case .failure(let problem) = TextCheck.glob(text) { return .failure(problem) }
        return PathPattern(glob: text).problem(text).map { .failure($0) } ?? .success(text)
    }

    /// A field that goes on to the origin, as only what is sent can be keyed.
    static func keyedField(_ text: String) -> Result<String, SettingProblem> {
        guard !ofOneConnection.contains(text.lowercased()) else {
            return .failure(.init("\(text) speaks of one connection and is not sent on: it tells no answers apart"))
        }
        guard !text.contains("*") else {
            return .failure(.init("\"\(text)\" stands for no other fields here: name each of them"))
        }
        return TextCheck.fieldName(text)
    }

    static func keyedCookie(_ text: String) -> Result<String, SettingProblem> {
        guard !text.contains("*") else {
            return .failure(
                .init("\"\(text)\" stands for no other cookies here: name each, or say header=Cookie for all of them"))
        }
        return TextCheck.isToken(text) ? .success(text) : .failure(.init("\"\(text)\" is no name of a cookie"))
    }

    /// RFC 9110 §7.6.1 and §11.7.
    private static let ofOneConnection: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "http2-settings", "proxy-authorization", "proxy-authenticate", "content-length",
    ]
}
