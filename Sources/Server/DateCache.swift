// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// The Date field's value, written once a second (RFC 9110 §6.6.1).
struct DateCache: ~Copyable {
    private var seconds: Int64 = -1
    private var text = ByteBuffer(capacity: 32)

    /// Appends `Date: …` and CRLF.
    mutating func append(to buffer: inout ByteBuffer, wallSeconds: Int64) {
        if wallSeconds != seconds {
            seconds = wallSeconds
            text.clear()
            text.append("Date: ")
            HTTPDate.write(wallSeconds, into: &text)
            text.append("\r\n")
        }
        buffer.append(text.span)
    }
}
