// SPDX-License-Identifier: Apache-2.0
import Bytes
package import Storage

/// What one entry of the shared log says. In Redis it is a list of names and values that people can read:
///
///     node 5f0c…  own 17  soft 0  confirm 1  tag users  prefix /api/users/
package struct LogEntry: Equatable, Sendable {
    /// Which process issued it.
    package var node: String
    /// In which epoch of that process; of one node it never repeats.
    package var ownEpoch: UInt64
    package var isSoft: Bool
    /// Somebody waits until every node has applied it.
    package var wantsConfirmation: Bool
    /// For the audit: by whom, when somebody asked for it; else empty.
    package var by = ""
    /// None: a mark that makes the log begin.
    package var rules: [NamedRule]
    /// No: parts of it were not understood, so that its rules are everything.
    package var isUnderstood = true

    package init(node: String, ownEpoch: UInt64, isSoft: Bool, wantsConfirmation: Bool, rules: [NamedRule]) {
        self.node = node
        self.ownEpoch = ownEpoch
        self.isSoft = isSoft
        self.wantsConfirmation = wantsConfirmation
        self.rules = rules
    }

    /// Whether it only makes a log begin.
    package var isBeginning: Bool { ownEpoch == 0 && rules.isEmpty }

    private enum Name {
        static let node = "node", own = "own", soft = "soft", confirm = "confirm", by = "by"
    }

    /// Names and values in turn.
    package var fields: [[UInt8]] {
        var fields = [Name.node, node, Name.own, "\(ownEpoch)"].map { Array($0.utf8) }
        if isSoft { fields += [Name.soft, "1"].map { Array($0.utf8) } }
        if wantsConfirmation { fields += [Name.confirm, "1"].map { Array($0.utf8) } }
        if !by.isEmpty { fields += [Name.by, by].map { Array($0.utf8) } }
        for rule in rules { fields += [Array(rule.kind.rawValue.utf8), rule.text] }
        return fields
    }

    /// What a newer version or somebody else wrote may mean anything; it is taken to mean everything.
    package init(fields: [[UInt8]]) {
        self.init(node: "", ownEpoch: 0, isSoft: false, wantsConfirmation: false, rules: [])
        if fields.count % 2 != 0 { isUnderstood = false }
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            take(String(decoding: fields[index], as: UTF8.self), fields[index + 1])
        }
        if node.isEmpty { isUnderstood = false }
        guard isUnderstood else {
            isSoft = false
            rules = [.all]
            return
        }
    }

    private mutating func take(_ name: String, _ value: [UInt8]) {
        if let kind = NamedRule.Kind(rawValue: name) { return rules.append(NamedRule(kind, value)) }
        let text = String(decoding: value, as: UTF8.self)
        switch name {
        case Name.node: node = text
        case Name.own:
            guard let number = UInt64(text) else { return isUnderstood = false }
            ownEpoch = number
        case Name.soft: isSoft = text == "1"
        case Name.by: by = text
        case Name.confirm: wantsConfirmation = text == "1"
        default: isUnderstood = false
        }
    }
}

/// An entry in its place.
package struct PlacedEntry: Equatable, Sendable {
    package var epoch: SharedEpoch
    package var entry: LogEntry

    package init(_ epoch: SharedEpoch, _ entry: LogEntry) {
        self.epoch = epoch
        self.entry = entry
    }
}
