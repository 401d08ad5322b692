// SPDX-License-Identifier: Apache-2.0

/// What one named admin call invalidates.
package struct InvalidationGroup: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable { case key, prefix, pattern, tag }

    package struct Rule: Sendable, Equatable {
        package var kind: Kind
        package var text: String

        package init(kind: Kind, text: String) {
            self.kind = kind
            self.text = text
        }
    }

    package var name = ""
    package var rules: [Rule] = []

    package init() {}
}
