// SPDX-License-Identifier: Apache-2.0

/// How much an event matters.
package enum EventLevel: UInt8, CaseIterable, Comparable, Sendable {
    case error, warning, notice, info, debug

    package var label: StaticString {
        switch self {
        case .error: "error"
        case .warning: "warning"
        case .notice: "notice"
        case .info: "info"
        case .debug: "debug"
        }
    }

    /// What matters more comes first.
    package static func < (left: EventLevel, right: EventLevel) -> Bool { left.rawValue < right.rawValue }
}

package enum EventFact: Sendable, Equatable {
    case text(String)
    case number(Int)
    case boolean(Bool)
    case milliseconds(nanoseconds: UInt64)
}

/// The facts of one event, in the order written: `["upstream": .text(name), "attempts": .number(3)]`. Names are
/// constant words.
package struct EventFacts: Sendable, ExpressibleByDictionaryLiteral {
    let members: [(name: StaticString, value: EventFact)]

    package init(dictionaryLiteral elements: (StaticString, EventFact)...) {
        members = elements.map { (name: $0.0, value: $0.1) }
    }
}
