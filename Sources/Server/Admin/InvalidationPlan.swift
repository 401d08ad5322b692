// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import ConfigLanguage
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
    private var problems: [AdminError] = []

    var named: [NamedRule] { keys.map { NamedRule(.key, $0.text) } + others }

    var rules: [InvalidationRule] { named.rules(isSoft: isSoft, hasher: hasher) }

    /// Fails with all that is wrong with the call.
    init(_ call: InvalidationCall, snapshot: ProxySnapshot, hasher: ByteHasher) throws(AdminError) {
        isSoft = call.soft
        self.hasher = hasher
        problems = call.problems
        let keys = URLKeys(snapshot: snapshot)
        take("urls", call.urls) { plan, text throws(AdminError) in try plan.addURL(text, keys) }
        take("keys", call.keys) { plan, text throws(AdminError) in try plan.addKey(text, keys) }
        take("prefixes", call.prefixes) { plan, text throws(AdminError) in try plan.addPrefix(text, keys) }
        take("patterns", call.patterns) { plan, text throws(AdminError) in try plan.addPattern(text, keys) }
        take("tags", call.tags) { plan, text throws(AdminError) in try plan.addTag(text) }
        take("groups", call.groups) { plan, name throws(AdminError) in
            try plan.addGroup(name, snapshot.settings.invalidationGroups, keys)
        }
        if call.all {
            others.append(.all)
            counts["all", default: 0] += 1
        }
        if let error = AdminError(all: problems) { throw error }
    }

    private mutating func take(
        _ member: String, _ texts: [String], _ add: (inout InvalidationPlan, String) throws(AdminError) -> Void
    ) {
        for (index, text) in texts.enumerated() where !text.isEmpty {
            do throws(AdminError) {
                try add(&self, text)
            } catch {
                var error = error
                error.field = "\(member)[\(index)]"
                error.message = "\(member)[\(index)] is \"\(text)\": \(error.message)"
                problems.append(error)
            }
        }
    }

    // MARK: Kinds

    private mutating func addURL(_ text: String, _ urls: URLKeys) throws(AdminError) {
        let url = try Self.read(text, .url, "bad_url")
        counts["key", default: 0] += 1
        for found in urls.find(url) {
            switch found {
            case .whole(let key): keys.append((key, hasher.hash64(key.span)))
            case .anyPart(let url): others.append(NamedRule(literal: url))
            }
        }
    }

    /// A key (`GET shop.example/a`), or a URL.
    private mutating func addKey(_ text: String, _ urls: URLKeys) throws(AdminError) {
        guard text.utf8.contains(ASCII.space) else { return try addURL(text, urls) }
        switch urls.key(text) {
        case .failure(let problem): throw AdminError("bad_key", problem.reason)
        case .success(let key):
            counts["key", default: 0] += 1
            keys.append((key, hasher.hash64(key.span)))
        }
    }

    private mutating func addPrefix(_ text: String, _ urls: URLKeys) throws(AdminError) {
        switch urls.prefixes(try Self.read(text, .prefix, "bad_prefix")) {
        case .failure(let problem): throw AdminError("bad_prefix", problem.reason)
        case .success(let texts):
            counts["prefix", default: 0] += 1
            for text in texts { others.append(NamedRule(.prefix, text)) }
        }
    }

    private mutating func addPattern(_ text: String, _ urls: URLKeys) throws(AdminError) {
        switch urls.globs(try Self.read(text, .pattern, "bad_pattern")) {
        case .failure(let problem): throw AdminError("bad_pattern", problem.reason)
        case .success(let texts):
            counts["glob", default: 0] += 1
            for text in texts { others.append(NamedRule(.glob, text)) }
        }
    }

    private static func read(
        _ text: String, _ kind: InvalidationText.Kind, _ code: String
    ) throws(AdminError) -> InvalidationText {
        switch InvalidationText.read(text, as: kind) {
        case .success(let read): return read
        case .failure(let problem): throw AdminError(code, problem.reason)
        }
    }

    private mutating func addTag(_ text: String) throws(AdminError) {
        let isOne = text.hasPrefix("group:") || !text.utf8.contains { ASCII.isBlank($0) || $0 == ASCII.comma }
        guard isOne else { throw AdminError("bad_tag", "name each tag by itself") }
        counts["tag", default: 0] += 1
        others.append(NamedRule(.tag, Array(text.utf8)))
    }

    private mutating func addGroup(
        _ name: String, _ groups: [InvalidationGroup], _ urls: URLKeys
    ) throws(AdminError) {
        guard let group = groups.first(where: { $0.name == name }) else {
            let hint = NearestName.find(name, among: groups.map(\.name)).map { " (did you mean \"\($0)\"?)" }
            throw AdminError("unknown_group", "the configuration has no such invalidation\(hint ?? "")")
        }
        let before = counts
        for rule in group.rules {
            switch rule.kind {
            case .key: try addURL(rule.text, urls)
            case .prefix: try addPrefix(rule.text, urls)
            case .pattern: try addPattern(rule.text, urls)
            case .tag: try addTag(rule.text)
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
