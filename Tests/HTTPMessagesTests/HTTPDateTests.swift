// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@Suite struct HTTPDateTests {
    private func parse(_ text: String, now: Int64 = 1_800_000_000) -> Int64? {
        HTTPDate.parse(Array(text.utf8).span, nowSeconds: now)
    }

    private func write(_ seconds: Int64) -> String {
        var buffer = ByteBuffer()
        HTTPDate.write(seconds, into: &buffer)
        return buffer.span.text()
    }

    @Test(arguments: [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Int64(784_111_777)), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799), ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799), ("Sat, 01 Jan 0000 00:00:00 GMT", -62_167_219_200),
        ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400), ("Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648),
    ])
    func writesAndReadsThePreferredForm(text: String, seconds: Int64) {
        #expect(write(seconds) == text)
        #expect(parse(text) == seconds)
    }

    @Test func everyDayOfFourCenturiesComesBack() {
        for day in stride(from: Int64(-150_000), through: 150_000, by: 17) {
            let seconds = day * 86_400 + (day & 0xFFFF)
            #expect(parse(write(seconds)) == seconds)
        }
    }

    @Test func clampsYearsThatHaveNoFourDigits() {
        #expect(write(.max) == "Fri, 31 Dec 9999 23:59:59 GMT")
        #expect(write(.min) == "Sat, 01 Jan 0000 00:00:00 GMT")
    }

    @Test(arguments: [
        "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "sun, 06 NOV 1994 08:49:37 gmt",
        "Mon, 06 Nov 1994 08:49:37 GMT",
    ])
    func readsTheOldFormsAndAnyCaseOfLetters(text: String) {
        #expect(parse(text) == 784_111_777)
    }

    @Test func twoDigitYearsAreAtMostFiftyYearsAhead() {
        let in2026: Int64 = 1_780_000_000
        #expect(parse("Friday, 01-Jan-76 00:00:00 GMT", now: in2026) == parse("Fri, 01 Jan 2076 00:00:00 GMT"))
        #expect(parse("Friday, 01-Jan-77 00:00:00 GMT", now: in2026) == parse("Fri, 01 Jan 1977 00:00:00 GMT"))
        let in2090: Int64 = 3_800_000_000
        #expect(parse("Friday, 01-Jan-10 00:00:00 GMT", now: in2090) == parse("Fri, 01 Jan 2110 00:00:00 GMT"))
    }

    @Test(arguments: [
        "", "0", "-1", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 AEST",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 2100 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sux, 06 Nov 1994 08:49:37 GMT", "Sundaya, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT+1",
        "Sun Nov 06 08:49:37 1994 GMT", "2026-01-01T00:00:00Z",
    ])
    func anythingElseIsNoDate(text: String) {
        #expect(parse(text) == nil)
    }
}
