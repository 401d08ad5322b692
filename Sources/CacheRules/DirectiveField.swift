// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// A field that carries an origin's cache directives: Cache-Control, or one that is targeted at caches like this
/// one (RFC 9213 §2), under whatever name.
package struct DirectiveField: Sendable, Equatable {
    private let name: FieldName
    /// In lower case; empty when `name` tells all.
    private let otherName: ContiguousArray<UInt8>

    package init(_ name: FieldName) {
        precondition(name != .other)
        self.name = name
        otherName = []
    }

    package init(named name: String) {
        let bytes = ContiguousArray(name.lowercased().utf8)
        self.name = FieldName.lookUp(bytes.span)
        otherName = self.name == .other ? bytes : []
    }

    package static let cacheControl = DirectiveField(.cacheControl)

    func isLine(at index: Int, of fields: borrowing Fields) -> Bool {
        guard fields.slots[index].name == name else { return false }
        return name != .other || fields.name(at: index).equalsIgnoringCase(otherName.span)
    }

    /// False when there surely is no such line.
    func mayOccur(in fields: borrowing Fields) -> Bool { name == .other || fields.contains(name) }
}
