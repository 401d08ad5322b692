// SPDX-License-Identifier: Apache-2.0

/// RFC 9111 §4.1.
extension PlainCache {
    /// The names that Vary has, in lower case; nil when no request can match.
    static func varyNames(_ fields: PlainFields) -> Set<String>? {
        let names = Set(fields.values("vary").flatMap(listMembers).map(lowercase))
        // More than sixteen are taken for "everything": a limit, not the RFC's.
        return names.contains("*") || names.count > 16 || !names.allSatisfy(isToken) ? nil : names
    }

    /// Whether `request` may have what was stored for `original`.
    package static func matches(
        _ response: PlainFields, original: PlainFields, request: PlainFields
    ) -> Bool {
        guard let names = varyNames(response) else { return false }
        return names.allSatisfy { name in
            let (one, other) = (normal(original, name), normal(request, name))
            if one == other { return true }
            return name == "accept-language" && prefersItsLanguage(response, original: original, request: request)
        }
    }

    /// What the field says: lists of weighted things by their order of preference, others as combined lines
    /// without blanks around their commas.
    private static func normal(_ fields: PlainFields, _ name: String) -> [String]? {
        guard fields.has(name) else { return nil }
        if name == "accept-encoding" || name == "accept-language", let order = preferences(fields.values(name)) {
            return order.map { level in level.sorted().joined(separator: ",") }
        }
        let combined = fields.values(name).joined(separator: ",")
        return ["?"] + listParts(combined)
    }

    /// From the most to the least wanted, and as the last level, marked, what is refused; nil when a member is
    /// badly written.
    private static func preferences(_ lines: [String]) -> [Set<String>]? {
        var levels: [Int: Set<String>] = [:]
        for member in lines.flatMap(listMembers) {
            let parts = member.split(separator: ";", omittingEmptySubsequences: false).map { trim(String($0)) }
            guard parts.count <= 2, isToken(parts[0]) else { return nil }
            var weight = 1000
            if parts.count == 2 {
                guard lowercase(parts[1]).hasPrefix("q="), let read = quality(String(parts[1].dropFirst(2)))
                else { return nil }
                weight = read
            }
            let name = lowercase(parts[0])
            levels[weight, default: []].insert(
                name == "x-gzip" || name == "x-compress" ? String(name.dropFirst(2)) : name)
        }
        return levels.keys.sorted(by: >).map { weight in
            weight == 0 ? Set(levels[0, default: []].map { "!" + $0 }) : levels[weight, default: []]
        }
    }

    /// qvalue (RFC 9110 §12.4.2), in thousandths.
    private static func quality(_ text: String) -> Int? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, parts[0] == "0" || parts[0] == "1" else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard fraction.count <= 3,
            let thousandths = deltaSeconds("0" + fraction + String(repeating: "0", count: 3 - fraction.count))
        else { return nil }
        let weight = (parts[0] == "1" ? 1000 : 0) + thousandths
        return weight <= 1000 ? weight : nil
    }

    /// A response in the one language that both requests want most, or the first wanted at all.
    private static func prefersItsLanguage(_ response: PlainFields, original: PlainFields, request: PlainFields) -> Bool
    {
        guard let language = response.first("content-language").map(lowercase),
            response.values("content-language").count == 1,
            isToken(language), let wanted = preferences(request.values("accept-language"))?.first,
            let listed = preferences(original.values("accept-language"))
        else { return false }
        return wanted == [language] && listed.contains { $0.contains(language) }
    }
}
