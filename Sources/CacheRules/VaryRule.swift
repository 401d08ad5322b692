// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// Which request fields selected a response (RFC 9110 §12.5.5).
package enum VaryRule: Sendable, Equatable {
    case none
    /// Something outside the request, or a rule that cannot be read or is too long: no request matches.
    case star
    /// The names in lower case, sorted, each once, joined by commas.
    case names(ContiguousArray<UInt8>)

    /// What all Vary lines say together.
    package static func parse(_ fields: borrowing Fields, maximumNames: Int = 16) -> VaryRule {
        guard fields.contains(.vary) else { return .none }
        if let index = fields.onlyIndex(of: .vary), let rule = parseSingle(fields.value(at: index)), maximumNames > 0 {
            return rule
        }
        var names: [ContiguousArray<UInt8>] = []
        var memberCount = 0
        for index in fields.slots.indices where fields.slots[index].name == .vary {
            let value = fields.value(at: index)
            var list = FieldListParser()
            while let member = list.next(in: value) {
                memberCount += 1
                if memberCount > maximumMembers { return .star }
                // `*` is a token too, and makes the rest pointless.
                guard let name = lowercasedName(value.extracting(member)) else { return .star }
                // What is never sent on has chosen nothing.
                if HopByHop.isRemoved(FieldName.lookUp(name.span)) { continue }
                if !names.contains(name) { names.append(name) }
                if names.count > maximumNames { return .star }
            }
        }
        if names.isEmpty { return .none }
        names.sort { $0.lexicographicallyPrecedes($1) }
        return .names(ContiguousArray(names.joined(separator: CollectionOfOne(ASCII.comma))))
    }

    /// One name, as most responses have; nil for a list.
    private static func parseSingle(_ value: borrowing Span<UInt8>) -> VaryRule? {
        guard value.firstNotToken(in: 0..<value.count) == value.count, !value.isEmpty else { return nil }
        guard let name = lowercasedName(value) else { return .star }
        return HopByHop.isRemoved(FieldName.lookUp(name.span)) ? VaryRule.none : .names(name)
    }

    /// Repeated ones included, each of which costs time with every response.
    private static let maximumMembers = 128
    private static let maximumNameBytes = 128

    /// Whether the rule names a field whose value Larder writes anew for each client.
    package func names(anyOf fields: [StaticString]) -> Bool {
        guard case .names(let names) = self, !fields.isEmpty else { return false }
        let text = names.span
        var start = 0
        while start < text.count {
            let end = text.firstIndex(of: ASCII.comma, in: start..<text.count) ?? text.count
            let name = text.extracting(start..<end)
            for field in fields where name.equals(field) { return true }
            start = end + 1
        }
        return false
    }

    /// Nil for `*`, for what is no field name, and for what is too long.
    private static func lowercasedName(_ member: borrowing Span<UInt8>) -> ContiguousArray<UInt8>? {
        if member.equals("*") || member.count > maximumNameBytes { return nil }
        var name = ContiguousArray<UInt8>()
        name.reserveCapacity(member.count)
        for index in 0..<member.count {
            guard ASCII.isTokenCharacter(member[index]) else { return nil }
            name.append(ASCII.lowercased(member[index]))
        }
        return name
    }
}
