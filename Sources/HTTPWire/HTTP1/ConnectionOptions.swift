// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// What the Connection lines of a message ask for (RFC 9110 §7.6.1).
package struct ConnectionOptions: Equatable, Sendable {
    package private(set) var close = false
    package private(set) var keepAlive = false
    package private(set) var upgrade = false
    /// Whether other fields are named, which then belong to this connection alone.
    package private(set) var namesFields = false

    package init() {}

    package static func parse(_ fields: borrowing Fields) -> ConnectionOptions {
        var options = ConnectionOptions()
        guard fields.contains(.connection) else { return options }
        for index in fields.slots.indices where fields.slots[index].name == .connection {
            options.read(fields.value(at: index))
        }
        return options
    }

    private mutating func read(_ value: borrowing Span<UInt8>) {
        var elements = ListElements()
        while let range = elements.next(in: value) {
            let option = value.extracting(range)
            if option.isEmpty { continue }
            if option.equalsIgnoringCase("close") {
                close = true
            } else if option.equalsIgnoringCase("keep-alive") {
                keepAlive = true
            } else if option.equalsIgnoringCase("upgrade") {
                upgrade = true
            } else {
                namesFields = true
            }
        }
    }

    /// Whether a Connection line of `fields`, which these options were read from, names the field `name`, so
    /// that it must not be passed on. Works for names in any case of letters.
    package func isNominated(_ name: borrowing Span<UInt8>, in fields: borrowing Fields) -> Bool {
        guard namesFields || upgrade || keepAlive || close, !name.isEmpty else { return false }
        for index in fields.slots.indices where fields.slots[index].name == .connection {
            let value = fields.value(at: index)
            var elements = ListElements()
            while let range = elements.next(in: value) {
                if value.extracting(range).equalsIgnoringCase(name) { return true }
            }
        }
        return false
    }

    /// Whether the connection goes on after this message (RFC 9112 §9.3).
    package func persists(_ version: HTTPVersion) -> Bool {
        !close && (version == .http11 || keepAlive)
    }

    /// Whether the sender wants to change the protocol: Upgrade, and Connection names it (RFC 9110 §7.8).
    package func asksForUpgrade(_ fields: borrowing Fields, _ version: HTTPVersion) -> Bool {
        upgrade && version == .http11 && fields.contains(.upgrade)
    }
}
