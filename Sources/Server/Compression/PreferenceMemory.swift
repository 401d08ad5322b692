// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages

/// What the last Accept-Encoding meant: most clients send one of a few values, again and again.
struct PreferenceMemory: ~Copyable {
    private var value = ByteBuffer(capacity: 64)
    private var preferences = CodingPreferences(Fields())
    /// What they came to for a plain body, and by whose choice.
    private var choice = ContentCoding.identity
    private var policy: CompressionPolicy?

    /// The coding for a body that came plain and may be compressed.
    mutating func choice(for fields: borrowing Fields, _ policy: CompressionPolicy) -> ContentCoding {
        guard let index = fields.onlyIndex(of: .acceptEncoding) else {
            return policy.choice(for: CodingPreferences(fields), stored: .identity, isCompressible: true)
        }
        if self.policy === policy, value.span.elementsEqual(fields.value(at: index)) { return choice }
        choice = policy.choice(for: read(fields, at: index), stored: .identity, isCompressible: true)
        self.policy = policy
        return choice
    }

    mutating func read(_ fields: borrowing Fields) -> CodingPreferences {
        // Several lines are one list, which is seldom worth remembering.
        guard let index = fields.onlyIndex(of: .acceptEncoding) else { return CodingPreferences(fields) }
        return read(fields, at: index)
    }

    private mutating func read(_ fields: borrowing Fields, at index: Int) -> CodingPreferences {
        if !value.isEmpty, value.span.elementsEqual(fields.value(at: index)) { return preferences }
        preferences = CodingPreferences(fields)
        policy = nil
        value.clear()
        value.append(fields.value(at: index))
        return preferences
    }
}
