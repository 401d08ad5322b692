// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// `Keep-Alive: timeout=5, max=100`, which HTTP/1.1 does not define and many servers send.
package enum KeepAliveField {
    /// How long the sender keeps an idle connection, in seconds; nil when it does not say.
    package static func timeoutSeconds(_ fields: borrowing Fields) -> Int? {
        guard let index = fields.firstIndex(of: .keepAlive) else { return nil }
        let value = fields.value(at: index)
        var elements = ListElements()
        while let range = elements.next(in: value) {
            let element = value.extracting(range)
            guard element.count > prefix.utf8CodeUnitCount,
                element.extracting(first: prefix.utf8CodeUnitCount).equalsIgnoringCase(prefix)
            else { continue }
            return DecimalText.parse(element.extracting(droppingFirst: prefix.utf8CodeUnitCount))
        }
        return nil
    }

    private static var prefix: StaticString { "timeout=" }
}
