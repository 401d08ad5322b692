// SPDX-License-Identifier: Apache-2.0
import FuzzProperties
import Testing

/// Promise 1 under every spelling: broken fields make nothing storable or reusable that is not.
struct SpellingTests {
    private static let corpus = [
        """
        200
        <Cache-Control: max-age=60, s-maxage="30", stale-while-revalidate=9, no-cache="x-a", private
        <Date: Mon, 01 Jun 2026 12:00:00 GMT
        <Expires: Mon, 01 Jun 2026 12:01:00 GMT
        <Age: 7
        <ETag: W/"a"
        ?Cache-Control: max-stale=5, min-fresh=1, max-age=30
        """,
        """
        302
        <Cache-Control: public, must-revalidate, stale-if-error=60
        <Expires: Monday, 01-Jun-26 12:01:00 GMT
        <Date: Mon Jun  1 12:00:00 2026
        <Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT
        >Authorization: Basic eDp5
        ?Pragma: no-cache
        """,
        """
        599
        <CDN-Cache-Control: max-age=60, private=?0;a=b, x=(1 "a");q=1.5, must-understand
        <Larder-Cache-Control: s-maxage=5, no-store
        <Cache-Control: no-store, public, must-understand, max-age=9
        <ETag: "x"
        <Set-Cookie: a=b
        """,
        """
        200
        <Vary: Accept-Encoding, Foo
        <Vary: accept-language
        <Content-Language: de
        <Cache-Control: public, max-age=5
        >Accept-Encoding: gzip;q=0.5, x-gzip
        >Accept-Language: de, en;q=0.5
        >Foo: "a, b", c
        ?Accept-Language: de
        ?Foo: "a, b" ,c
        ?Accept-Encoding: gzip
        """,
    ]

    private static let pieces = [
        ",", ", ,", "=", "\"", "\\", "'", " ", "\t", ";", ":", "-1", "+5", "0", "1.5", "99999999999999999999", "5;x=1",
        "\"5\"", "=5", " = 5", "max-age=", "MAX-AGE=10", "max-age", "s-maxage=x", "no-store", "NO-store=\"",
        "private=\"a,",
        "public", "public=", "must-understand ", "no-cache=\"\"", "é", "\u{7f}", "*", "W/", "GMT", "UTC", "Foo, ",
        "00:60",
        "\n<Age: ", "\n<Expires: 0", "\n<Vary: ", "\n<Cache-Control: ", "\n<CDN-Cache-Control: ", "\n>Cache-Control: ",
        "\n?Foo: ", "?0", "?1", "()", ":YQ==:", "@1", "%\"%c3\"", "q=0", ";q=1.0",
    ]

    private static func spelled(_ random: inout Numbers) -> [UInt8] {
        var text = Array((corpus[random.next(below: corpus.count)]).utf8)
        for _ in 0...random.next(below: 4) {
            let start = random.next(below: text.count + 1)
            let end = min(text.count, start + random.next(below: 12))
            switch random.next(below: 5) {
            case 0: text.removeSubrange(start..<end)
            case 1: text.insert(contentsOf: text[start..<end], at: random.next(below: text.count + 1))
            case 2: for index in start..<end where text[index] > 0x40 { text[index] ^= 0x20 }
            default: text.insert(contentsOf: pieces[random.next(below: pieces.count)].utf8, at: start)
            }
        }
        return text
    }

    /// The same numbers for the same seed.
    private struct Numbers {
        var state: UInt64

        mutating func next(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
    }

    @Test("Nothing is stored or reused that is forbidden", arguments: 1...20 as ClosedRange<UInt64>)
    func spellings(seed: UInt64) {
        var random = Numbers(state: seed &* 0x9E37_79B9_7F4A_7C15)
        for _ in 0..<500 {
            let input = Self.spelled(&random)
            if let problem = Properties.cacheHeaders(input.span) {
                Issue.record("\(problem):\n\(String(decoding: input, as: UTF8.self))")
            }
        }
    }
}
