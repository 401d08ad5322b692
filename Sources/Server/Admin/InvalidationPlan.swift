// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import RequestFlow
import Settings
import Storage

/// The rules that an invalidation comes to under one configuration.
struct InvalidationPlan: Sendable {
    /// Whole keys, whose entries can be counted as they go.
    private(set) var keys: [(text: [UInt8], hash: UInt64)] = []
    /// Rules that entries meet when they are looked up or swept.
    private(set) var others: [InvalidationRule] = []
    /// For the metrics, by kind.
    private(set) var counts: [String: Int] = [:]
    private let isSoft: Bool

    var rules: [InvalidationRule] {
        keys.map { InvalidationRule(.key($0.text, hash: $0.hash), isSoft: isSoft) } + others
    }

    init(_ call: InvalidationCall, snapshot: ProxySnapshot, hasher: ByteHasher) throws(AdminError) {
        isSoft = call.soft
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
            add(.all)
            counts["all", default: 0] += 1
        }
    }

    private mutating func add(_ target: InvalidationRule.Target) {
        others.append(InvalidationRule(target, isSoft: isSoft))
    }

    // MARK: Kinds

    private mutating func addURL(
        _ text: String, _ field: String, _ urls: URLKeys, _ hasher: ByteHasher
    ) throws(AdminError) {
        counts["key", default: 0] += 1
        for found in try urls.find(text, field: field) {
            switch found {
            case .whole(let key): keys.append((key, hasher.hash64(key.span)))
            case .anyPart(let url): add(.pattern(URLPattern(literal: url)))
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
        add(.pattern(URLPattern(prefix: URLKeys.normalizedPrefix(text).span)))
    }

    private mutating func addPattern(_ text: String, _ field: String) throws(AdminError) {
        guard text.utf8.contains(ASCII.slash) || text.utf8.contains(ASCII.star) else {
            throw AdminError(
                "bad_pattern", "\(field) is \"\(text)\": a pattern begins with /, with * or with a host and a /",
                field: field)
        }
        let glob: Glob
        do {
            glob = try Glob(text)
        } catch {
            throw AdminError("bad_pattern", "\(field) is \"\(text)\": \(error.reason)", field: field)
        }
        counts["glob", default: 0] += 1
        add(.pattern(URLPattern(glob)))
    }

    private mutating func addTag(_ text: String, _ field: String) throws(AdminError) {
        let isOne = text.hasPrefix("group:") || !text.utf8.contains { ASCII.isBlank($0) || $0 == ASCII.comma }
        guard isOne else {
            throw AdminError("bad_tag", "\(field) is \"\(text)\": name each tag by itself", field: field)
        }
        counts["tag", default: 0] += 1
        add(.tag(hash: TagHash.of(Array(text.utf8).span)))
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

extension URLPattern {
    /// Exactly this text.
    init(literal text: [UInt8]) {
        var escaped: [UInt8] = []
        for byte in text {
            if byte == ASCII.star || byte == ASCII.questionMark || byte == ASCII.backslash {
                escaped.append(ASCII.backslash)
            }
            escaped.append(byte)
        }
        do {
            self.init(try Glob(escaped.span, limit: .max))
        } catch {
            preconditionFailure("escaped text is no pattern: \(error.reason)")
        }
    }
}
