// SPDX-License-Identifier: Apache-2.0
import Bytes

/// The time stamp of log lines, rendered once a second.
struct TimestampCache: ~Copyable {
    enum Form {
        /// `2026-11-21T10:00:00.123Z` (RFC 3339)
        case precise
        /// `21/Nov/2026:10:00:00 +0000`
        case common
    }

    private let form: Form
    private var second = Int64.min
    private var text = ByteBuffer(capacity: 32)

    init(_ form: Form) { self.form = form }

    mutating func write(_ now: Moment, into line: inout ByteBuffer) {
        let (second, milliseconds) = now.wallMilliseconds.quotientAndRemainder(dividingBy: 1_000)
        if second != self.second { render(second) }
        line.append(text.span)
        guard form == .precise else { return }
        line.append(UInt8(ascii: "."))
        line.append(padded: Int(max(milliseconds, 0)), digits: 3)
        line.append(UInt8(ascii: "Z"))
    }

    private mutating func render(_ second: Int64) {
        self.second = second
        text.clear()
        let time = UTCTime(wallSeconds: second)
        switch form {
        case .precise:
            text.append(padded: time.year, digits: 4)
            text.append("-")
            text.append(padded: time.month, digits: 2)
            text.append("-")
            text.append(padded: time.day, digits: 2)
            text.append("T")
            clock(time)
        case .common:
            text.append(padded: time.day, digits: 2)
            text.append("/")
            text.append(time.monthName)
            text.append("/")
            text.append(padded: time.year, digits: 4)
            text.append(":")
            clock(time)
            text.append(" +0000")
        }
    }

    private mutating func clock(_ time: UTCTime) {
        text.append(padded: time.hour, digits: 2)
        text.append(":")
        text.append(padded: time.minute, digits: 2)
        text.append(":")
        text.append(padded: time.second, digits: 2)
    }
}
