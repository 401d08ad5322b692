// SPDX-License-Identifier: Apache-2.0
import Bytes

/// A query parameter's name, or the beginning of one.
package struct ParameterPattern: Sendable, Equatable {
    private let name: ContiguousArray<UInt8>
    private let isPrefix: Bool

    /// `utm_*` stands for all names that begin with `utm_`.
    package init(_ pattern: String) {
        isPrefix = pattern.utf8.last == ASCII.star
        name = ContiguousArray(isPrefix ? pattern.utf8.dropLast() : pattern.utf8[...])
    }

    package func matches(_ parameterName: borrowing Span<UInt8>) -> Bool {
        guard isPrefix ? parameterName.count >= name.count : parameterName.count == name.count else { return false }
        return parameterName.extracting(0..<name.count).elementsEqual(name.span)
    }
}

/// What of a request's target makes up its key, and is sent upstream.
package struct KeyOptions: Sendable {
    package enum Query: Sendable { case all, none, dropping, only }

    package var includesHost: Bool
    /// By name; parameters of one name stay in their order.
    package var sortsQuery: Bool
    /// Which parameters count; `patterns` are those dropped, or those kept.
    package var query: Query
    package var patterns: [ParameterPattern]
    /// A query of more parameters is not sorted.
    package var maximumSortedParameters: Int

    package init(
        includesHost: Bool = true, sortsQuery: Bool = false, query: Query = .all, patterns: [ParameterPattern] = [],
        maximumSortedParameters: Int = 64
    ) {
        self.includesHost = includesHost
        self.sortsQuery = sortsQuery
        self.query = query
        self.patterns = patterns
        self.maximumSortedParameters = maximumSortedParameters
    }

    func keeps(_ parameterName: borrowing Span<UInt8>) -> Bool {
        switch query {
        case .all: return true
        case .none: return false
        case .dropping, .only:
            for pattern in patterns where pattern.matches(parameterName) { return query == .only }
            return query == .dropping
        }
    }
}
