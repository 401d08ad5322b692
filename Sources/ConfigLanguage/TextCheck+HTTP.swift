// SPDX-License-Identifier: Apache-2.0
import Bytes

/// What names look like that HTTP knows.
extension TextCheck {
    package static func fieldName(_ text: String) -> Result<String, SettingProblem> {
        isToken(text) ? .success(text) : .failure(.init("\"\(text)\" is no field name"))
    }

    package static func mediaType(_ text: String) -> Result<String, SettingProblem> {
        let parts = text.lowercased().split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ isToken(String($0)) }) else {
            return .failure(.init("expected a media type such as text/* or application/json, got \"\(text)\""))
        }
        return .success(text.lowercased())
    }

    package static func protocolName(_ text: String) -> Result<String, SettingProblem> {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ isToken(String($0)) }) else {
            return .failure(.init("expected a protocol such as websocket or chat/2, got \"\(text)\""))
        }
        return .success(text.lowercased())
    }

    private static let methodNames = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "QUERY",
    ]

    package static func method(_ text: String) -> Result<String, SettingProblem> {
        if methodNames.contains(text.uppercased()) { return .success(text.uppercased()) }
        let hint = NearestName.hint(text, among: methodNames)
        return .failure(
            .init("unknown method \"\(text)\"\(hint); known are \(SettingProblem.list(methodNames, "and"))"))
    }

    package static func host(_ text: String) -> Result<String, SettingProblem> {
        let name = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
        if IPAddress(name) != nil || isHostName(name) { return .success(text.lowercased()) }
        return .failure(.init("expected a host without port, such as api.example.com, got \"\(text)\""))
    }

    /// RFC 9110 §6.5.1: none by which a message is framed, routed, forwarded, allowed or understood.
    package static func trailerName(_ text: String) -> Result<String, SettingProblem> {
        let name = text.lowercased()
        let isHarmful =
            harmfulTrailers.contains(name) || harmfulBeginnings.contains { name.hasPrefix($0) } || name.hasSuffix("-ip")
        if isHarmful { return .failure(.init("\(text) must be no trailer field")) }
        return fieldName(text)
    }

    private static let harmfulTrailers: Set<String> = [
        "age", "authorization", "cache-control", "connection", "cookie", "date", "expect", "host", "http2-settings",
        "keep-alive", "max-forwards", "origin", "pragma", "range", "referer", "te", "trailer", "transfer-encoding",
        "upgrade", "vary", "via",
    ]

    private static let harmfulBeginnings = [
        "accept", "access-control-", "content-", "forwarded", "if-", "proxy", "sec-", "x-forward", "x-host", "x-http-",
        "x-method", "x-original", "x-real", "x-rewrite",
    ]
}
