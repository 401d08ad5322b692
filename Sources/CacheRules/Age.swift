// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// How old a response was when it came (RFC 9111 §4.2.3).
enum Age {
    /// corrected_initial_age. The dates that peers wrote are whole seconds, so apparent_age is too.
    static func correctedInitialMilliseconds(
        _ fields: borrowing Fields, dateSeconds: Int64, requestSentAt: Moment, responseReceivedAt: Moment
    ) -> Int64 {
        let apparentAge = max(0, responseReceivedAt.wallSeconds - dateSeconds) * 1000
        let responseDelay = responseReceivedAt.monotonicMilliseconds - requestSentAt.monotonicMilliseconds
        let correctedAge = valueSeconds(fields) * 1000 + max(0, responseDelay)
        return max(min(apparentAge, DeltaSeconds.maximum * 1000), correctedAge)
    }

    /// The Age field: its first member counts, and garbage is passed over (RFC 9111 §5.1).
    static func valueSeconds(_ fields: borrowing Fields) -> Int64 {
        guard fields.contains(.age) else { return 0 }
        for index in fields.slots.indices where fields.slots[index].name == .age {
            let value = fields.value(at: index)
            var list = FieldListParser()
            if let first = list.next(in: value) { return DeltaSeconds.parse(value, first) ?? 0 }
        }
        return 0
    }
}
