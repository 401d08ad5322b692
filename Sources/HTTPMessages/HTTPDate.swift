// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Dates as HTTP writes them (RFC 9110 §5.6.7), in whole seconds since 1970-01-01 UTC.
package enum HTTPDate {
    package static let textCount = 29

    // MARK: Writing

    /// Appends the preferred form, `Sun, 06 Nov 1994 08:49:37 GMT`; years outside 0…9999 are clamped.
    package static func write(_ seconds: Int64, into buffer: inout ByteBuffer) {
        let seconds = min(max(seconds, earliest), latest)
        let days = Int(floorDivide(seconds, 86_400))
        let second = Int(seconds) - days * 86_400
        let date = CivilDate(daysSinceEpoch: days)
        append(weekdays, 3 * ((days % 7 + 11) % 7), to: &buffer)
        buffer.append(", ")
        appendTwo(date.day, ASCII.space, to: &buffer)
        append(months, 3 * (date.month - 1), to: &buffer)
        buffer.append(ASCII.space)
        appendTwo(date.year / 100, nil, to: &buffer)
        appendTwo(date.year % 100, ASCII.space, to: &buffer)
        appendTwo(second / 3600, ASCII.colon, to: &buffer)
        appendTwo(second / 60 % 60, ASCII.colon, to: &buffer)
        appendTwo(second % 60, nil, to: &buffer)
        buffer.append(" GMT")
    }

    private static let earliest: Int64 = -62_167_219_200
    private static let latest: Int64 = 253_402_300_799
    /// From Sunday on.
    private static let weekdays: StaticString = "SunMonTueWedThuFriSat"
    private static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    private static func append(_ names: StaticString, _ start: Int, to buffer: inout ByteBuffer) {
        for offset in start..<start + 3 { buffer.append(unsafe names.utf8Start[offset]) }
    }

    private static func appendTwo(_ number: Int, _ end: UInt8?, to buffer: inout ByteBuffer) {
        buffer.append(UInt8(number / 10) + 0x30)
        buffer.append(UInt8(number % 10) + 0x30)
        if let end { buffer.append(end) }
    }

    // MARK: Reading

    /// The time that `text` names in any of the three forms, with letters in any case; nil when it has none of
    /// them. The day's name, short or long, is not compared with the date. `nowSeconds` settles two-digit years.
    package static func parse(_ text: borrowing Span<UInt8>, nowSeconds: Int64) -> Int64? {
        var reader = DateReader()
        guard reader.skipDayName(text) else { return nil }
        if reader.take(",", text) { return reader.readAfterComma(text, nowSeconds: nowSeconds) }
        return reader.readC(text)
    }

    fileprivate static func month(_ text: borrowing Span<UInt8>, at start: Int) -> Int? {
        guard start + 3 <= text.count else { return nil }
        let name = threeLetters(text[start], text[start + 1], text[start + 2])
        for month in 0..<12 {
            let wanted = unsafe months.utf8Start + 3 * month
            if unsafe threeLetters(wanted[0], wanted[1], wanted[2]) == name { return month + 1 }
        }
        return nil
    }

    /// As one number, the same for capitals.
    private static func threeLetters(_ first: UInt8, _ second: UInt8, _ third: UInt8) -> UInt32 {
        UInt32(ASCII.lowercased(first)) << 16 | UInt32(ASCII.lowercased(second)) << 8
            | UInt32(ASCII.lowercased(third))
    }
}

/// Reads a date from left to right; each step says whether the text was as wanted.
private struct DateReader {
    private var index = 0
    private var day = 0
    private var month = 0
    private var year = 0
    private var secondOfDay = 0

    mutating func skipDayName(_ text: borrowing Span<UInt8>) -> Bool {
        let start = index
        while index < text.count, ASCII.isLetter(text[index]) { index += 1 }
        let name = text.extracting(start..<index)
        for day in Self.days where name.equalsIgnoringCase(day.short) || name.equalsIgnoringCase(day.long) {
            return true
        }
        return false
    }

    private static let days: [(short: StaticString, long: StaticString)] = [
        ("mon", "monday"), ("tue", "tuesday"), ("wed", "wednesday"), ("thu", "thursday"), ("fri", "friday"),
        ("sat", "saturday"), ("sun", "sunday"),
    ]

    mutating func take(_ byte: Unicode.Scalar, _ text: borrowing Span<UInt8>) -> Bool {
        guard index < text.count, text[index] == UInt8(ascii: byte) else { return false }
        index += 1
        return true
    }

    /// `06 Nov 1994 08:49:37 GMT` or `06-Nov-94 08:49:37 GMT`, after a space.
    mutating func readAfterComma(_ text: borrowing Span<UInt8>, nowSeconds: Int64) -> Int64? {
        guard take(" ", text), let day = digits(2, text) else { return nil }
        self.day = day
        let isOld = take("-", text)
        guard isOld || take(" ", text), readMonth(text), take(isOld ? "-" : " ", text),
            let year = digits(isOld ? 2 : 4, text), take(" ", text), readTime(text), take(" ", text),
            text.extracting(index..<text.count).equalsIgnoringCase("gmt")
        else { return nil }
        self.year = isOld ? DateReader.fullYear(year, nowSeconds: nowSeconds) : year
        return seconds
    }

    /// `Nov  6 08:49:37 1994`, after a space.
    mutating func readC(_ text: borrowing Span<UInt8>) -> Int64? {
        guard take(" ", text), readMonth(text), take(" ", text),
            let day = digits(take(" ", text) ? 1 : 2, text), take(" ", text), readTime(text), take(" ", text),
            let year = digits(4, text), index == text.count
        else { return nil }
        self.day = day
        self.year = year
        return seconds
    }

    private mutating func readMonth(_ text: borrowing Span<UInt8>) -> Bool {
        guard let found = HTTPDate.month(text, at: index) else { return false }
        month = found
        index += 3
        return true
    }

    private mutating func readTime(_ text: borrowing Span<UInt8>) -> Bool {
        guard let hour = digits(2, text), take(":", text), let minute = digits(2, text), take(":", text),
            let second = digits(2, text), hour < 24, minute < 60, second <= 60
        else { return false }
        // 60 names a leap second, which the scale of seconds since 1970 does not have.
        secondOfDay = hour * 3600 + minute * 60 + min(second, 59)
        return true
    }

    private mutating func digits(_ count: Int, _ text: borrowing Span<UInt8>) -> Int? {
        guard index + count <= text.count else { return nil }
        var number = 0
        for _ in 0..<count {
            guard ASCII.isDigit(text[index]) else { return nil }
            number = number * 10 + Int(text[index] &- 0x30)
            index += 1
        }
        return number
    }

    /// RFC 9110 §5.6.7: a year that appears to be more than 50 years ahead is the latest past one that ends so.
    private static func fullYear(_ lastTwoDigits: Int, nowSeconds: Int64) -> Int {
        let thisYear = CivilDate(daysSinceEpoch: Int(floorDivide(nowSeconds, 86_400))).year
        let year = thisYear / 100 * 100 + lastTwoDigits
        if year > thisYear + 50 { return year - 100 }
        return year + 100 <= thisYear + 50 ? year + 100 : year
    }

    private var seconds: Int64? {
        guard day >= 1, day <= CivilDate.dayCount(year: year, month: month) else { return nil }
        return Int64(CivilDate.daysSinceEpoch(year: year, month: month, day: day)) * 86_400 + Int64(secondOfDay)
    }
}

/// A day of the Gregorian calendar. Its arithmetic counts years from March, so that a leap day ends one.
package struct CivilDate {
    package var year: Int
    package var month: Int
    package var day: Int

    private static let daysIn400Years = 146_097
    /// From 0000-03-01 to 1970-01-01.
    private static let epochOffset = 719_468

    package init(daysSinceEpoch: Int) {
        let days = daysSinceEpoch + CivilDate.epochOffset
        let era = Int(floorDivide(Int64(days), Int64(CivilDate.daysIn400Years)))
        let dayOfEra = days - era * CivilDate.daysIn400Years
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = Int(floorDivide(Int64(year), 400))
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * daysIn400Years + dayOfEra - epochOffset
    }

    static func dayCount(year: Int, month: Int) -> Int {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
    }
}

private func floorDivide(_ number: Int64, _ divisor: Int64) -> Int64 {
    let quotient = number / divisor
    return number % divisor < 0 ? quotient - 1 : quotient
}
