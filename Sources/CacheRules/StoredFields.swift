// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import HTTPMessages

/// Which fields of a response are stored with it (RFC 9111 §3.1).
package enum StoredFields {
    /// All but those of the connection, those that `no-cache="…"` and `private="…"` keep out, Age, which is
    /// computed anew for each answer, and cookies on a route that strips them.
    package static func select(from response: borrowing ResponseHead, policy: CachePolicy) -> Fields {
        let withheld = names(in: response.fields, policy)
        var stored = Fields(asLargeAs: response.fields)
        stored.setBytes(response.fields.bytes)
        let hopByHop = HopByHop(response.fields)
        for index in response.fields.slots.indices {
            if response.fields.slots[index].name == .age { continue }
            if hopByHop.removes(lineAt: index, of: response.fields) { continue }
            if isWithheld(at: index, of: response.fields, withheld, policy) { continue }
            stored.record(response.fields.slots[index])
        }
        return stored
    }

    /// The lines that are kept out of the store and are for the client that fetched alone, each ended by CRLF.
    package static func writeWithheld(
        from response: borrowing ResponseHead, policy: CachePolicy, into buffer: inout ByteBuffer
    ) {
        let withheld = names(in: response.fields, policy)
        guard withheld != nil || policy.setCookie == .stripped else { return }
        var lines = FieldLineCopy()
        let hopByHop = HopByHop(response.fields)
        for index in response.fields.slots.indices where isWithheld(at: index, of: response.fields, withheld, policy) {
            if hopByHop.removes(lineAt: index, of: response.fields) { continue }
            lines.add(index, of: response.fields, into: &buffer)
        }
        lines.end(of: response.fields, into: &buffer)
    }

    private static func isWithheld(
        at index: Int, of fields: borrowing Fields, _ names: ListedNames?, _ policy: CachePolicy
    ) -> Bool {
        if fields.slots[index].name == .setCookie, policy.setCookie == .stripped { return true }
        return names?.names(lineAt: index, of: fields) ?? false
    }

    /// What `no-cache="…"` (RFC 9111 §5.2.2.4) and `private="…"` (§5.2.2.7) name; nil when they do not.
    private static func names(in fields: borrowing Fields, _ policy: CachePolicy) -> ListedNames? {
        guard let directives = ResponseDirectives.parseNaming(fields, targetedFields: policy.targetedFields)
        else { return nil }
        var names = ListedNames()
        var list = CacheDirectiveParser()
        for line in fields.slots.indices where directives.source.isLine(at: line, of: fields) {
            let value = fields.value(at: line)
            list.beginLine()
            while let member = list.next(in: value) {
                guard case .quoted(let quoted) = member.argument else { continue }
                let directive = value.extracting(member.name)
                guard directive.equalsIgnoringCase("no-cache") || directive.equalsIgnoringCase("private")
                else { continue }
                names.add(value.extracting(quoted), for: fields)
            }
        }
        return names
    }
}
