// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// What the last Accept-Encoding meant: most clients send one of a few values, again and again.
struct PreferenceMemory: ~Copyable {
    private var value = ByteBuffer(capacity: 64)
    private var preferences = CodingPreferences(Fields())

    mutating func read(_ fields: borrowing Fields) -> CodingPreferences {
        guard let index = fields.firstIndex(of: .acceptEncoding) else { return CodingPreferences(fields) }
        // Several lines are one list, which is seldom worth remembering.
        for other in index + 1..<fields.slots.count where fields.slots[other].name == .acceptEncoding {
            return CodingPreferences(fields)
        }
        if !value.isEmpty, value.span.elementsEqual(fields.value(at: index)) { return preferences }
        preferences = CodingPreferences(fields)
        value.clear()
        value.append(fields.value(at: index))
        return preferences
    }
}
