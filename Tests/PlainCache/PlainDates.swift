// SPDX-License-Identifier: Apache-2.0

/// HTTP-date (RFC 9110 §5.6.7) in its three forms.
enum PlainDate {
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    private static let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

    /// Seconds since 1970; nil when it is none. Case does not count (RFC 9111 §4.2), the zone is GMT and no other.
    static func parse(_ text: String, now: Int) -> Int? {
        let words = lowercase(text).split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        switch words.count {
        case 6 where words[0].hasSuffix(","): return fixdate(words)
        case 4: return rfc850(words, now: now)
        case 5, 6: return asctime(words)
        default: return nil
        }
    }

    /// Short or long, in whatever form: §5.6.7 encourages to be robust.
    private static func isDay(_ name: Substring) -> Bool { days.contains { $0 == name || $0.prefix(3) == name } }

    /// `sun, 06 nov 1994 08:49:37 gmt`
    private static func fixdate(_ words: [String]) -> Int? {
        guard isDay(words[0].dropLast()), words[5] == "gmt", let day = number(words[1], 2),
            let month = months.firstIndex(of: words[2]), let year = number(words[3], 4), let time = time(words[4])
        else { return nil }
        return seconds(year, month + 1, day, time)
    }

    /// `sunday, 06-nov-94 08:49:37 gmt`
    private static func rfc850(_ words: [String], now: Int) -> Int? {
        let date = words[1].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard words[0].hasSuffix(","), isDay(words[0].dropLast()), words[3] == "gmt",
            date.count == 3, let day = number(date[0], 2), let month = months.firstIndex(of: date[1]),
            let short = number(date[2], 2), let time = time(words[2])
        else { return nil }
        var thisYear = 1970
        while (seconds(thisYear + 1, 1, 1, 0) ?? 0) <= now { thisYear += 1 }
        // A year more than 50 years ahead is in the past century.
        var year = thisYear - thisYear % 100 + short
        if year > thisYear + 50 { year -= 100 } else if year + 100 <= thisYear + 50 { year += 100 }
        return seconds(year, month + 1, day, time)
    }

    /// `sun nov  6 08:49:37 1994`, where a day of one digit has a second blank before it.
    private static func asctime(_ words: [String]) -> Int? {
        let padded = words.count == 6
        guard isDay(words[0][...]), let month = months.firstIndex(of: words[1]), !padded || words[2].isEmpty,
            let day = number(words[padded ? 3 : 2], padded ? 1 : 2), let time = time(words[words.count - 2]),
            let year = number(words[words.count - 1], 4)
        else { return nil }
        return seconds(year, month + 1, day, time)
    }

    private static func number(_ text: String, _ digits: Int) -> Int? {
        text.unicodeScalars.count == digits ? deltaSeconds(text) : nil
    }

    private static func time(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { number(String($0), 2) }
        guard parts.count == 3, let hour = parts[0], let minute = parts[1], let second = parts[2], hour < 24,
            minute < 60, second <= 60
        else { return nil }
        // A leap second has no number of its own.
        return hour * 3600 + minute * 60 + min(second, 59)
    }

    static func seconds(_ year: Int, _ month: Int, _ day: Int, _ time: Int) -> Int? {
        let lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day >= 1, day <= lengths[month - 1] else { return nil }
        var count = 0
        if year >= 1970 {
            for past in 1970..<year { count += isLeap(past) ? 366 : 365 }
        } else {
            for past in year..<1970 { count -= isLeap(past) ? 366 : 365 }
        }
        return (count + lengths[..<(month - 1)].reduce(0, +) + day - 1) * 86_400 + time
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
}
