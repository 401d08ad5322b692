// SPDX-License-Identifier: Apache-2.0

/// What the Content-Encoding of a message says (RFC 9110 §8.4).
package enum ContentEncodingField: Sendable, Equatable {
    /// No coding, whether said or not.
    case none
    case one(ContentCoding)
    /// Several, or one that is not known here.
    case other

    package static func read(_ fields: borrowing Fields) -> ContentEncodingField {
        var found = ContentEncodingField.none
        guard fields.contains(.contentEncoding) else { return found }
        for index in fields.slots.indices where fields.slots[index].name == .contentEncoding {
            let value = fields.value(at: index)
            var list = FieldListParser()
            while let member = list.next(in: value) {
                guard let coding = ContentCoding.lookUp(value.extracting(member)), found == .none else { return .other }
                if coding != .identity { found = .one(coding) }
            }
        }
        return found
    }
}
