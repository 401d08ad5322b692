// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import CacheRules

struct AgeTests {
    @Test(
        "The first member of Age counts, and garbage is passed over",
        arguments: [
            (["7200"], 7200), (["abc"], 0), (["-7200"], 0), (["7200.0"], 0), (["2147483647"], 2_147_483_647),
            (["2147483648"], 2_147_483_648), (["2147483649"], 2_147_483_648), (["7200, 0"], 7200), (["0, 7200"], 0),
            (["7200", "0"], 7200), (["0", "7200"], 0), (["0, 0"], 0), (["3600", "3600"], 3600), ([""], 0),
            (["7200;foo=bar"], 0), (["\"7200\""], 0),
        ] as [([String], Int64)])
    func value(lines: [String], seconds: Int64) {
        let exchange = Exchange.dated(lines.map { ("Age", $0) } + [("Cache-Control", "max-age=3600")])
        #expect(exchange.metadata()?.ageSeconds(Exchange.moment()) == seconds)
        #expect(exchange.isFresh() == (seconds < 3597))
    }

    @Test(
        "The greater of Date's age and Age plus delay is where the age starts",
        arguments: [
            (0, "0", 0, 0), (-7200, "0", 0, 7200), (10, "15", 0, 15), (-10, "25", 0, 25), (-30, "25", 0, 30),
            (0, "5", 2000, 7), (-1, "0", 400, 1),
        ] as [(Int64, String, Int64, Int64)])
    func initialAge(date: Int64, age: String, delay: Int64, seconds: Int64) {
        var exchange = Exchange(responseFields: [
            ("Date", Exchange.date(date)), ("Age", age), ("Cache-Control", "max-age=9000"),
        ])
        exchange.delayMilliseconds = delay
        #expect(exchange.metadata()?.ageSeconds(Exchange.moment()) == seconds)
        #expect(exchange.metadata()?.ageSeconds(Exchange.moment(2999)) == seconds + 2)
        #expect(exchange.metadata()?.ageSeconds(Exchange.moment(3000)) == seconds + 3)
    }

    @Test("A step of the wall clock changes no age")
    func wallClockStep() {
        var later = Exchange.moment(5000)
        later.wallNanoseconds += 86_400_000_000_000
        #expect(Exchange.dated([("Cache-Control", "max-age=60")]).metadata()?.ageSeconds(later) == 5)
    }

    @Test("A copy in memory ends early, and not later than the response")
    func limited() {
        let metadata = Exchange.dated([("Cache-Control", "max-age=60"), ("Age", "10")]).metadata()
        let limited = metadata?.limited(toMilliseconds: 5000)
        #expect(limited?.freshForMilliseconds(Exchange.moment()) == 5000)
        #expect(metadata?.limited(toMilliseconds: 90_000) == metadata)
        #expect(metadata?.limited(toMilliseconds: nil) == metadata)
        #expect(MemoryLayout<CachedMetadata>.size <= 80)
    }
}
