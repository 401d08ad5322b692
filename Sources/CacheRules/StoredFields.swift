// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// Which fields of a response are stored with it (RFC 9111 §3.1).
package enum StoredFields {
    /// All but those of the connection, those that `no-cache="…"` and `private="…"` keep out, Age, which is
    /// computed anew for each answer, and cookies on a route that strips them.
    package static func select(from response: borrowing ResponseHead, policy: CachePolicy) -> Fields {
        let directives = ResponseDirectives.parse(response.fields, targetedFields: policy.targetedFields)
        let excludesNamed = directives.flags.contains(.namesFields)
        var stored = Fields()
        for index in response.fields.slots.indices {
            let name = response.fields.slots[index].name
            if name == .age || (name == .setCookie && policy.setCookie == .stripped) { continue }
            if HopByHop.isRemoved(at: index, of: response.fields) { continue }
            if excludesNamed, isNamed(at: index, in: directives.source, of: response.fields) { continue }
            stored.append(name: response.fields.name(at: index), response.fields.value(at: index))
        }
        return stored
    }

    /// Whether `no-cache="…"` (RFC 9111 §5.2.2.4) or `private="…"` (§5.2.2.7) in a line of `source` names it.
    private static func isNamed(at index: Int, in source: DirectiveField, of fields: borrowing Fields) -> Bool {
        for line in fields.slots.indices where source.isLine(at: line, of: fields) {
            let value = fields.value(at: line)
            var list = FieldListParser()
            while let range = list.next(in: value) {
                let member = FieldListMember.split(range, of: value)
                guard case .quoted(let names) = member.argument else { continue }
                let directive = value.extracting(member.name)
                guard directive.equalsIgnoringCase("no-cache") || directive.equalsIgnoringCase("private")
                else { continue }
                if value.extracting(names).listContains(name: fields.name(at: index)) { return true }
            }
        }
        return false
    }
}
