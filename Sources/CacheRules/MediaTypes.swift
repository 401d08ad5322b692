// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

package enum MediaTypes {
    /// Whether the content is one that goes on for as long as somebody listens: events, or pictures of which each takes
    /// the place of the one before. Nobody who comes later wants its beginning.
    package static func isStreamOfEvents(_ fields: borrowing Fields) -> Bool {
        guard let index = fields.firstIndex(of: .contentType) else { return false }
        let value = fields.value(at: index)
        var end = 0
        while end < value.count, value[end] != UInt8(ascii: ";"), !ASCII.isBlank(value[end]) { end += 1 }
        let type = value.extracting(0..<end)
        return type.equalsIgnoringCase("text/event-stream") || type.equalsIgnoringCase("multipart/x-mixed-replace")
    }
}
