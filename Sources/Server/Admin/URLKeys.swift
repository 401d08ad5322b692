// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import RequestFlow
import Settings

/// The keys under which the answers of one URL may be stored.
struct URLKeys {
    enum Found: Equatable {
        /// The whole key.
        case whole([UInt8])
        /// The URL part of keys that the route adds something to, or, without a host, of those of every host.
        case anyPart([UInt8])
    }

    let snapshot: ProxySnapshot

    /// `https://shop.example/a?b`, `http://…`, or `/a?b` for every host.
    func find(_ text: String, field: String) throws(AdminError) -> [Found] {
        guard let url = SplitURL(text) else {
            throw AdminError(
                "bad_url", "\(field) is \"\(text)\": a URL begins with http://, https:// or, for every host, with /",
                field: field)
        }
        guard let host = url.host else { return ofEveryHost(url) }
        let found = routes(of: url, host: host).map { route in
            let key = Self.key(of: url, host: host, options: route.key)
            return route.keyParts.isEmpty ? Found.whole(key) : .anyPart(Self.withoutMethod(key))
        }
        return found.isEmpty ? [.whole(Self.key(of: url, host: host, options: KeyOptions()))] : found
    }

    /// Routes may differ by host, and with them what they make of a query.
    private func ofEveryHost(_ url: SplitURL) -> [Found] {
        let hosts = Set(snapshot.settings.routes.flatMap(\.hosts)).sorted()
        var found: [Found] = []
        for host in [""] + hosts.map({ $0.hasPrefix("*.") ? "any" + $0.dropFirst() : $0 }) {
            for route in routes(of: url, host: Array(host.utf8)) {
                var options = route.key
                let isWhole = !options.includesHost && route.keyParts.isEmpty
                options.includesHost = false
                let key = Self.key(of: url, host: [], options: options)
                let one = isWhole ? Found.whole(key) : .anyPart(Self.withoutMethod(key))
                if !found.contains(one) { found.append(one) }
            }
        }
        guard found.isEmpty else { return found }
        // No route takes it now; one of an earlier configuration may have.
        return [.anyPart(Self.withoutMethod(Self.key(of: url, host: [], options: KeyOptions(includesHost: false))))]
    }

    private func routes(of url: SplitURL, host: [UInt8]) -> [CompiledRoute] {
        var path = ByteBuffer(capacity: 128)
        NormalizedPath.write(url.path.span, into: &path)
        return snapshot.routes(storing: path.span, host: host.span)
    }

    private static func key(of url: SplitURL, host: [UInt8], options: KeyOptions) -> [UInt8] {
        var buffer = ByteBuffer(capacity: 128)
        CacheKey.write(
            host: host.span, path: url.path.span, query: url.query?.span, isSecure: url.isSecure, options: options,
            into: &buffer)
        return Array(copying: buffer.span)
    }

    private static func withoutMethod(_ key: [UInt8]) -> [UInt8] { Array(key.dropFirst(4)) }

    /// A prefix as keys spell it. A dot segment that may not be whole yet leaves the path as it is.
    static func normalizedPrefix(_ text: String) -> [UInt8] {
        guard let url = SplitURL(text) ?? SplitURL("http://" + text), !text.utf8.contains(ASCII.space) else {
            return Array(text.utf8)
        }
        var buffer = ByteBuffer(capacity: 128)
        // Without the path's only slash, what stands before the path is left.
        let host = url.host ?? []
        let path = [ASCII.slash]
        CacheKey.write(
            host: host.span, path: path.span, query: nil, isSecure: url.isSecure,
            options: KeyOptions(includesHost: url.host != nil), into: &buffer)
        var prefix = Array(withoutMethod(Array(copying: buffer.span)).dropLast())
        if String(decoding: url.path, as: UTF8.self).contains("/.") {
            prefix += url.path
        } else {
            buffer.clear()
            NormalizedPath.write(url.path.span, into: &buffer)
            prefix += Array(copying: buffer.span)
        }
        if let query = url.query { prefix += [ASCII.questionMark] + query }
        return prefix
    }
}

/// A URL in its parts; a fragment is dropped.
struct SplitURL {
    var isSecure = false
    /// nil when the text begins with the path.
    var host: [UInt8]?
    var path: [UInt8]
    var query: [UInt8]?

    /// nil when it begins with no scheme and no slash, or holds what no URL holds.
    init?(_ text: String) {
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else { return nil }
        var rest = Substring(text)
        if let hash = rest.firstIndex(of: "#") { rest = rest[..<hash] }
        if !rest.hasPrefix("/") {
            let lower = rest.prefix(8).lowercased()
            isSecure = lower.hasPrefix("https://")
            guard isSecure || lower.hasPrefix("http://") else { return nil }
            rest = rest.dropFirst(isSecure ? 8 : 7)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            guard end > rest.startIndex else { return nil }
            host = Array(rest[..<end].utf8)
            rest = rest[end...]
        }
        let mark = rest.firstIndex(of: "?") ?? rest.endIndex
        path = Array(rest[..<mark].utf8)
        if mark < rest.endIndex { query = Array(rest[mark...].utf8.dropFirst()) }
    }
}
