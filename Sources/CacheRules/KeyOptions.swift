// SPDX-License-Identifier: Apache-2.0
import Bytes

/// The names of query parameters, where each `*` stands for any bytes.
package struct ParameterPattern: Sendable, Equatable {
    private let bytes: ContiguousArray<UInt8>

    package init(_ pattern: String) { bytes = ContiguousArray(pattern.utf8) }

    package func matches(_ name: borrowing Span<UInt8>) -> Bool {
        var place = 0
        var index = 0
        // Where the latest star stands, and how much it has taken so far.
        var star: (place: Int, index: Int)?
        while index < name.count {
            if place < bytes.count, bytes[place] == ASCII.star {
                star = (place, index)
                place += 1
            } else if place < bytes.count, bytes[place] == name[index] {
                place += 1
                index += 1
            } else if let found = star {
                star = (found.place, found.index + 1)
                place = found.place + 1
                index = found.index + 1
            } else {
                return false
            }
        }
        while place < bytes.count, bytes[place] == ASCII.star { place += 1 }
        return place == bytes.count
    }
}

/// What of a request's target makes up its key, and is sent upstream.
package struct KeyOptions: Sendable {
    package enum Query: UInt8, Sendable {
        case asIs
        /// By name; parameters of one name stay in their order.
        case sorted
        case none
    }

    package var includesHost: Bool
    package var query: Query
    /// Parameters taken away.
    package var dropped: [ParameterPattern]
    /// When not empty, the only ones left.
    package var kept: [ParameterPattern]
    /// A query of more parameters is not sorted.
    package var maximumSortedParameters: Int

    package init(
        includesHost: Bool = true, query: Query = .asIs, dropped: [ParameterPattern] = [],
        kept: [ParameterPattern] = [], maximumSortedParameters: Int = 64
    ) {
        self.includesHost = includesHost
        self.query = query
        self.dropped = dropped
        self.kept = kept
        self.maximumSortedParameters = maximumSortedParameters
    }

    func keeps(_ name: borrowing Span<UInt8>) -> Bool {
        for pattern in dropped where pattern.matches(name) { return false }
        if kept.isEmpty { return true }
        for pattern in kept where pattern.matches(name) { return true }
        return false
    }
}
