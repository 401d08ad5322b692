// SPDX-License-Identifier: Apache-2.0
import Bytes

/// What a Range field asks of a representation of known length.
package enum RangeSelection: Sendable, Equatable {
    /// Range is absent, not understood, not applicable or not reasonable: send everything (RFC 9110 §14.2).
    case whole
    case single(Range<Int>)
    case multiple([Range<Int>])
    /// 416.
    case unsatisfiable
}

/// Range and If-Range (RFC 9110 §13.1.5 and §14).
package enum RangeRequest {
    /// `eTag` is empty when there is none; `lastModifiedSeconds` is then -1. `dateSeconds` is when the response
    /// was made.
    package static func select(
        _ range: borrowing Span<UInt8>, ifRange: Span<UInt8>?, eTag: borrowing Span<UInt8>,
        lastModifiedSeconds: Int64, dateSeconds: Int64, completeLength: Int, maximumRanges: Int = 32
    ) -> RangeSelection {
        if let ifRange,
            !isSame(ifRange, eTag: eTag, lastModifiedSeconds: lastModifiedSeconds, dateSeconds: dateSeconds)
        {
            return .whole
        }
        guard let start = startOfByteRanges(range) else { return .whole }
        return select(range.extracting(start..<range.count), completeLength, maximumRanges)
    }

    /// Whether the representation is the one that If-Range names.
    private static func isSame(
        _ ifRange: borrowing Span<UInt8>, eTag: borrowing Span<UInt8>, lastModifiedSeconds: Int64, dateSeconds: Int64
    ) -> Bool {
        if EntityTag.isStrong(ifRange) || EntityTag.isWeak(ifRange) { return EntityTag.stronglyEqual(ifRange, eTag) }
        guard lastModifiedSeconds >= 0, let date = HTTPDate.parse(ifRange, nowSeconds: dateSeconds) else {
            return false
        }
        // A date tells versions apart only when it is older than the response (RFC 9110 §8.8.2.2).
        return date == lastModifiedSeconds && lastModifiedSeconds < dateSeconds
    }

    private static func startOfByteRanges(_ range: borrowing Span<UInt8>) -> Int? {
        guard range.count > 6, range.extracting(0..<6).equalsIgnoringCase("bytes=") else { return nil }
        return 6
    }

    private static func select(
        _ set: borrowing Span<UInt8>, _ completeLength: Int, _ maximumRanges: Int
    ) -> RangeSelection {
        var list = FieldListParser()
        var first: Range<Int>?
        var others: [Range<Int>] = []
        var count = 0
        while let member = list.next(in: set) {
            count += 1
            guard count <= maximumRanges, let spec = ByteRangeSpec(set, member) else { return .whole }
            guard let selected = spec.resolve(completeLength) else { continue }
            if first == nil { first = selected } else { others.append(selected) }
        }
        guard let first else { return count == 0 || completeLength == 0 ? .whole : .unsatisfiable }
        if others.isEmpty { return .single(first) }
        return multiple([first] + others, completeLength)
    }

    /// Overlapping ranges cost more than the whole and serve nobody (RFC 9110 §17.15).
    private static func multiple(_ ranges: [Range<Int>], _ completeLength: Int) -> RangeSelection {
        let sorted = ranges.sorted { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(sorted, sorted.dropFirst()) where one.upperBound > next.lowerBound { return .whole }
        return .multiple(ranges)
    }
}

/// One range-spec (RFC 9110 §14.1.1).
private enum ByteRangeSpec {
    case from(Int, through: Int?)
    case suffix(Int)

    init?(_ bytes: borrowing Span<UInt8>, _ member: Range<Int>) {
        var dash = member.lowerBound
        while dash < member.upperBound, bytes[dash] != UInt8(ascii: "-") { dash += 1 }
        guard dash < member.upperBound else { return nil }
        let last = dash + 1..<member.upperBound
        if dash == member.lowerBound {
            guard let length = ByteRangeSpec.number(bytes, last) else { return nil }
            self = .suffix(length)
            return
        }
        guard let start = ByteRangeSpec.number(bytes, member.lowerBound..<dash) else { return nil }
        if last.isEmpty {
            self = .from(start, through: nil)
            return
        }
        guard let end = ByteRangeSpec.number(bytes, last), end >= start else { return nil }
        self = .from(start, through: end)
    }

    /// Nil when it cannot be satisfied (RFC 9110 §14.1.2).
    func resolve(_ completeLength: Int) -> Range<Int>? {
        switch self {
        case .suffix(let length):
            return length == 0 || completeLength == 0 ? nil : max(0, completeLength - length)..<completeLength
        case .from(let start, let end):
            guard start < completeLength else { return nil }
            guard let end, end < completeLength else { return start..<completeLength }
            return start..<end + 1
        }
    }

    private static func number(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        var number = 0
        for index in range {
            guard ASCII.isDigit(bytes[index]) else { return nil }
            let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
            // What does not fit is beyond every end, and stays a valid number.
            number = overflow || tens > .max - 9 ? .max - 9 : tens + Int(bytes[index] &- 0x30)
        }
        return number
    }
}

/// Content-Range of a 206 or 416 (RFC 9110 §14.4).
package struct ContentRange: Sendable, Equatable {
    /// Nil in `bytes */10`.
    package var range: Range<Int>?
    /// Nil in `bytes 0-4/*`.
    package var completeLength: Int?

    /// Nil when the value is malformed or contradicts itself.
    package init?(_ value: borrowing Span<UInt8>) {
        guard value.count > 6, value.extracting(0..<6).equalsIgnoringCase("bytes ") else { return nil }
        var slash = 6
        while slash < value.count, value[slash] != ASCII.slash { slash += 1 }
        guard slash < value.count else { return nil }
        let length = value.extracting(slash + 1..<value.count)
        if !length.equals("*") {
            guard let number = ContentRange.number(length, 0..<length.count) else { return nil }
            completeLength = number
        }
        if value.extracting(6..<slash).equals("*") {
            if completeLength == nil { return nil }
            return
        }
        var dash = 6
        while dash < slash, value[dash] != UInt8(ascii: "-") { dash += 1 }
        guard let first = ContentRange.number(value, 6..<dash), dash < slash,
            let last = ContentRange.number(value, dash + 1..<slash), first <= last, last < completeLength ?? .max
        else { return nil }
        range = first..<last + 1
    }

    private static func number(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty, range.count <= 18 else { return nil }
        var number = 0
        for index in range {
            guard ASCII.isDigit(bytes[index]) else { return nil }
            number = number * 10 + Int(bytes[index] &- 0x30)
        }
        return number
    }
}
