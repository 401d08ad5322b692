// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// A time as the logs show it: `2026-11-21T10:00:00.123Z`.
package enum Timestamp {
    package static func write(_ moment: Moment, into buffer: inout ByteBuffer) {
        var cache = TimestampCache(.precise)
        cache.write(moment, into: &buffer)
    }
}
