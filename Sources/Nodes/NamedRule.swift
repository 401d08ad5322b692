// SPDX-License-Identifier: Apache-2.0
package import Bytes
package import Storage

/// What an invalidation is aimed at, by its text: the same for every process.
package struct NamedRule: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// A whole key, with all its variants.
        case key
        /// Everything that begins so, as `URLPattern` takes it.
        case prefix
        case glob
        case tag
        case all
    }

    package var kind: Kind
    /// Empty for `all`.
    package var text: [UInt8]

    package init(_ kind: Kind, _ text: [UInt8] = []) {
        self.kind = kind
        self.text = text
    }

    package static let all = NamedRule(.all)

    /// As the store takes it; nil for a glob that is none.
    /// - Parameter hasher: of the store's keys.
    package func rule(isSoft: Bool, hasher: ByteHasher) -> InvalidationRule? {
        switch kind {
        case .key: return InvalidationRule(.key(text, hash: hasher.hash64(text.span)), isSoft: isSoft)
        case .prefix: return InvalidationRule(.pattern(URLPattern(prefix: text.span)), isSoft: isSoft)
        case .tag: return InvalidationRule(.tag(hash: TagHash.of(text.span)), isSoft: isSoft)
        case .all: return InvalidationRule(.all, isSoft: isSoft)
        case .glob:
            do throws(GlobError) {
                return InvalidationRule(.pattern(URLPattern(try Glob(text.span, limit: .max))), isSoft: isSoft)
            } catch { return nil }
        }
    }
}

extension [NamedRule] {
    /// As the store takes them. What is not understood may mean anything, so that everything is invalidated.
    package func rules(isSoft: Bool, hasher: ByteHasher) -> [InvalidationRule] {
        var rules: [InvalidationRule] = []
        for named in self {
            guard let rule = named.rule(isSoft: isSoft, hasher: hasher) else { return [InvalidationRule(.all)] }
            rules.append(rule)
        }
        return rules
    }
}
