// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import Settings

/// The content of `POST /invalidate`, checked; what it names is not looked up yet.
struct InvalidationCall: Equatable, Sendable {
    /// How many things one call may name.
    static let itemLimit = 1000
    static let textByteLimit = 4096

    /// `https://shop.example/a?b`, or `/a?b` for every host, with all that is stored under the URL. The query is put
    /// in order, and parameters are dropped, as the route does it.
    var urls: [String] = []
    /// Whole keys, `GET shop.example/a?b`; what holds no blank is taken for a URL.
    var keys: [String] = []
    /// Beginnings of path and query on every host (`/api/`), or of host, path and query (`shop.example/api/`,
    /// `https://shop.example/`).
    var prefixes: [String] = []
    /// Globs over the whole of the same texts: one that begins with / over path and query, any other over host, path
    /// and query. `*` stands for any bytes, / included, `?` for one, and a backslash makes the next byte plain.
    var patterns: [String] = []
    var tags: [String] = []
    /// Names of `invalidation` blocks of the configuration.
    var groups: [String] = []
    var all = false
    var soft = false
    var dryRun = false
    /// How far it has to have come before it is answered.
    var wait = Wait.log
    var timeoutMilliseconds = 5000
    /// What is wrong with single members and items.
    private(set) var problems: [AdminError] = []

    enum Wait: String, CaseIterable, Sendable {
        /// Until it is applied here and stands in the log from which other nodes read it.
        case log
        /// Until every live node has applied it.
        case all
    }

    private static let timeouts = 1...600_000

    private static let lists: [(name: String, path: any WritableKeyPath<InvalidationCall, [String]> & Sendable)] = [
        ("urls", \.urls), ("keys", \.keys), ("prefixes", \.prefixes), ("patterns", \.patterns), ("tags", \.tags),
        ("groups", \.groups),
    ]

    private static let flags: [(name: String, path: any WritableKeyPath<InvalidationCall, Bool> & Sendable)] = [
        ("all", \.all), ("soft", \.soft), ("dry_run", \.dryRun),
    ]

    var itemCount: Int { Self.lists.reduce(all ? 1 : 0) { $0 + self[keyPath: $1.path].count } }

    /// For each member that names something, how many.
    var counts: [(name: String, count: Int)] {
        let named = Self.lists.map { ($0.name, self[keyPath: $0.path].count) }.filter { $0.1 > 0 }
        return all ? named + [("all", 1)] : named
    }

    static func read(_ content: ContiguousArray<UInt8>) throws(AdminError) -> InvalidationCall {
        let value: JSONValue
        do {
            value = try JSONReader.read(content)
        } catch {
            throw AdminError("malformed_json", "the content is no JSON: \(error.reason)")
        }
        guard case .object(let members) = value else {
            throw AdminError("wrong_type", "the content is \(value.kind), not an object")
        }
        var call = InvalidationCall()
        for member in members {
            do throws(AdminError) { try call.take(member) } catch { call.problems.append(error) }
        }
        guard call.itemCount > 0 || !call.problems.isEmpty else {
            let names = lists.map { "\"\($0.name)\"" }.joined(separator: ", ")
            throw AdminError("nothing_named", "nothing is named: give at least one of \(names), or \"all\": true")
        }
        guard call.itemCount <= itemLimit else {
            throw AdminError(
                status: 413, "too_many_items",
                "\(call.itemCount) things are named, \(itemLimit) may be: send several calls")
        }
        return call
    }

    private mutating func take(_ member: JSONValue.Member) throws(AdminError) {
        if let list = Self.lists.first(where: { $0.name == member.name }) {
            self[keyPath: list.path] = try texts(member)
        } else if member.name == "wait" {
            wait = try Self.wait(member)
        } else if member.name == "timeout_ms" {
            timeoutMilliseconds = try Self.timeout(member)
        } else if let flag = Self.flags.first(where: { $0.name == member.name }) {
            guard case .boolean(let value) = member.value else {
                throw AdminError(
                    "wrong_type", "\"\(member.name)\" is \(member.value.kind), not true or false", field: member.name)
            }
            self[keyPath: flag.path] = value
        } else {
            let hint = NearestName.find(member.name, among: Self.names)
            let question = hint.map { " (did you mean \"\($0)\"?)" } ?? ""
            throw AdminError("unknown_member", "unknown member \"\(member.name)\"\(question)", field: member.name)
        }
    }

    private static var names: [String] { lists.map(\.name) + flags.map(\.name) + ["wait", "timeout_ms"] }

    private static func wait(_ member: JSONValue.Member) throws(AdminError) -> Wait {
        guard case .string(let text) = member.value, let wait = Wait(rawValue: text) else {
            let words = Wait.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
            throw AdminError("wrong_value", "\"wait\" is \(words)", field: member.name)
        }
        return wait
    }

    private static func timeout(_ member: JSONValue.Member) throws(AdminError) -> Int {
        guard case .number(let text) = member.value, let number = Int(text), timeouts.contains(number) else {
            throw AdminError(
                "wrong_value",
                "\"timeout_ms\" is a whole number from \(timeouts.lowerBound) to \(timeouts.upperBound)",
                field: member.name)
        }
        return number
    }

    /// Those that are wrong stand as empty texts, so that the others keep their numbers.
    private mutating func texts(_ member: JSONValue.Member) throws(AdminError) -> [String] {
        let field = member.name
        guard case .array(let elements) = member.value else {
            throw AdminError("wrong_type", "\"\(field)\" is \(member.value.kind), not a list of texts", field: field)
        }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            let place = "\(field)[\(index)]"
            var accepted = ""
            if case .string(let text) = element {
                if text.isEmpty {
                    problems.append(AdminError("empty_text", "\(place) is empty", field: place))
                } else if text.utf8.count > Self.textByteLimit {
                    problems.append(
                        AdminError("too_long", "\(place) is longer than \(Self.textByteLimit) bytes", field: place))
                } else {
                    accepted = text
                }
            } else {
                problems.append(AdminError("wrong_type", "\(place) is \(element.kind), not a text", field: place))
            }
            texts.append(accepted)
        }
        return texts
    }
}
