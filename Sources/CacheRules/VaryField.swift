// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// The Vary field of answers whose coding depends on Accept-Encoding (RFC 9110 §12.5.5).
package enum VaryField {
    /// Whether Vary says already that Accept-Encoding matters, or that anything may.
    package static func namesAcceptEncoding(_ fields: borrowing Fields) -> Bool {
        for index in fields.slots.indices where fields.slots[index].name == .vary {
            let value = fields.value(at: index)
            var list = FieldListParser()
            while let member = list.next(in: value) {
                let name = value.extracting(member)
                if name.equalsIgnoringCase("accept-encoding") || name.equals("*") { return true }
            }
        }
        return false
    }

    /// A rule of `VaryRule.names` without Accept-Encoding: what was asked of the origin is the same for all, so that
    /// the client's field did not select the response.
    package static func withoutAcceptEncoding(_ rule: ContiguousArray<UInt8>) -> ContiguousArray<UInt8> {
        guard !rule.isEmpty else { return rule }
        let names = rule.split(separator: ASCII.comma).filter { !$0.elementsEqual("accept-encoding".utf8) }
        return ContiguousArray(names.joined(separator: CollectionOfOne(ASCII.comma)))
    }
}
