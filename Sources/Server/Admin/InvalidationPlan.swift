// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import Nodes
import RequestFlow
import Settings
import Storage

/// The rules that an invalidation comes to under one configuration.
struct InvalidationPlan: Sendable {
    /// Whole keys, whose entries can be counted as they go.
    private(set) var keys: [(text: [UInt8], hash: UInt64)] = []
    /// What entries meet when they are looked up or swept.
    private(set) var others: [NamedRule] = []
    /// For the metrics, by kind.
    private(set) var counts: [String: Int] = [:]
    private let isSoft: Bool

    private let hasher: ByteHasher

    var named: [NamedRule] { keys.map { NamedRule(.key, $0.text) } + others }

    var rules: [InvalidationRule] { named.rules(isSoft: isSoft, hasher: hasher) }

    init(_ call: InvalidationCall, snapshot: ProxySnapshot, hasher: ByteHasher) throws(AdminError) {
        isSoft = call.soft
        self.hasher = hasher
        let keys = URLKeys(snapshot: snapshot)
        for (index, text) in call.urls.enumerated() { try addURL(text, "urls[\(index)]", keys, hasher) }
        for (index, text) in call.keys.enumerated() { try addKey(text, "keys[\(index)]", keys, hasher) }
        for (index, text) in call.prefixes.enumerated() { try addPrefix(text, "prefixes[\(index)]") }
        for (index, text) in call.patterns.enumerated() { try addPattern(text, "patterns[\(index)]") }
        for (index, text) in call.tags.enumerated() { try addTag(text, "tags[\(index)]") }
        for (index, name) in call.groups.enumerated() {
            try addGroup(name, "groups[\(index)]", snapshot.settings.invalidationGroups, keys, hasher)
        }
        if call.all {
            others.append(.all)
            counts["all", default: 0] += 1
        }
    }

    // MARK: Kinds

    private mutating func addURL(
        _ text: String, _ field: String, _ urls: URLKeys, _ hasher: ByteHasher
    ) throws(AdminError) {
        counts["key", default: 0] += 1
        for found in try urls.find(text, field: field) {
            switch found {
            case .whole(let key): keys.append((key, hasher.hash64(key.span)))
            case .anyPart(let url): others.append(NamedRule(literal: url))
            }
        }
    }

    /// A key as Cache-Status shows it, or a URL.
    private mutating func addKey(
        _ text: String, _ field: String, _ urls: URLKeys, _ hasher: ByteHasher
    ) throws(AdminError) {
        guard text.utf8.contains(ASCII.space) else { return try addURL(text, field, urls, hasher) }
        counts["key", default: 0] += 1
        let key = Array(text.utf8)
        keys.append((key, hasher.hash64(key.span)))
    }

    private mutating func addPrefix(_ text: String, _ field: String) throws(AdminError) {
        guard text.utf8.contains(ASCII.slash) else {
            throw AdminError(
                "bad_prefix", "\(field) is \"\(text)\": a prefix begins with / or with a host and a /", field: field)
        }
        counts["prefix", default: 0] += 1
        others.append(NamedRule(.prefix, URLKeys.normalizedPrefix(text)))
    }

    private mutating func addPattern(_ text: String, _ field: String) throws(AdminError) {
        guard text.utf8.contains(ASCII.slash) || text.utf8.contains(ASCII.star) else {
            throw AdminError(
                "bad_pattern", "\(field) is \"\(text)\": a pattern begins with /, with * or with a host and a /",
                field: field)
        }
        do {
            _ = try Glob(text)  // only to know whether it is one
        } catch {
            throw AdminError("bad_pattern", "\(field) is \"\(text)\": \(error.reason)", field: field)
        }
        counts["glob", default: 0] += 1
        others.append(NamedRule(.glob, Array(text.utf8)))
    }

    private mutating func addTag(_ text: String, _ field: String) throws(AdminError) {
        let isOne = text.hasPrefix("group:") || !text.utf8.contains { ASCII.isBlank($0) || $0 == ASCII.comma }
        guard isOne else {
            throw AdminError("bad_tag", "\(field) is \"\(text)\": name each tag by itself", field: field)
        }
        counts["tag", default: 0] += 1
        others.append(NamedRule(.tag, Array(text.utf8)))
    }

    private mutating func addGroup(
        _ name: String, _ field: String, _ groups: [InvalidationGroup], _ urls: URLKeys, _ hasher: ByteHasher
    ) throws(AdminError) {
        guard let group = groups.first(where: { $0.name == name }) else {
            let hint = NearestName.find(name, among: groups.map(\.name)).map { " (did you mean \"\($0)\"?)" }
            throw AdminError(
                "unknown_group", "the configuration has no invalidation \"\(name)\"\(hint ?? "")", field: field)
        }
        let before = counts
        for rule in group.rules {
            switch rule.kind {
            case .key: try addURL(rule.text, field, urls, hasher)
            case .prefix: try addPrefix(rule.text, field)
            case .pattern: try addPattern(rule.text, field)
            case .tag: try addTag(rule.text, field)
            }
        }
        counts = before
        counts["group", default: 0] += 1
    }
}

extension NamedRule {
    /// Keys whose URL is exactly this text.
    init(literal text: [UInt8]) {
        var escaped: [UInt8] = []
        for byte in text {
            if byte == ASCII.star || byte == ASCII.questionMark || byte == ASCII.backslash {
                escaped.append(ASCII.backslash)
            }
            escaped.append(byte)
        }
        self.init(.glob, escaped)
    }
}
