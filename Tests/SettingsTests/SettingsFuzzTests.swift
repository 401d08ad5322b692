// SPDX-License-Identifier: Apache-2.0
import FuzzProperties
import Testing

@testable import Settings

/// Broken texts: whatever they are, the parser ends, and says what is wrong at a place inside them.
@Suite struct SettingsFuzzTests {
    private static let corpus = [
        ExampleFile.text(),
        """
        listen 0.0.0.0:80 backlog=7; listen [::1]:81
        admin 127.0.0.1:9 token_file=t
        memory 2GB max_object=1MB max_ttl=5m
        trusted_proxies 10.0.0.0/8 2001:db8::/32
        upstream a { server b:1 weight=2; server [::1]:2; pool min=2; host server; retries 0 }
        route /x/* methods=GET host=a.b,*.c {
          upstream http://c:1
          ttl 404,410 30s force; key query=sorted drop="a;b" cookie=sid \\
            header=X-A
        }
        include *.conf
        invalidation g { tag "tag" key /k?a=b prefix "/p{" }
        """,
        "via ${A}\nvia \"${B:-x}\" '${C' é\u{1F600}\r\n",
    ]

    private static let pieces = [
        "{", "}", "\"", "'", "\\", "\\\n", "$", "${", "${A}", "${B:-", ";", "\n", "\r\n", "#", "=", " ", "\t", ",", "*",
        ":",
        "[", "]", "/", "::", "0", "99999999999999999999", "ms", "MB", "%", "\u{0}", "\u{7F}", "é", "\u{1F600}", "ttl",
        "route ", "upstream ", "include self", "include t", "defaults {", "on", "off", "-1",
    ]

    /// One of the corpus with up to eight pieces cut, put in, or copied elsewhere.
    private static func broken(_ random: inout SeededRandom) -> String {
        var text = Array((corpus.randomElement(using: &random) ?? "").unicodeScalars)
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            let start = Int.random(in: 0...text.count, using: &random)
            let end = Swift.min(text.count, start + Int.random(in: 0...12, using: &random))
            switch Int.random(in: 0..<4, using: &random) {
            case 0: text.removeSubrange(start..<end)
            case 1: text.removeSubrange(Swift.min(start, text.count)...)
            case 2: text.insert(contentsOf: text[start..<end], at: Int.random(in: 0...text.count, using: &random))
            default:
                text.insert(contentsOf: (pieces.randomElement(using: &random) ?? "").unicodeScalars, at: start)
            }
        }
        var result = String.UnicodeScalarView()
        result.append(contentsOf: text)
        return String(result)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func everyFindingHasAPlaceInsideItsText(_ seed: UInt64) {
        var random = SeededRandom(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        for _ in 0..<50 {
            let text = Self.broken(&random)
            if let problem = Properties.config(Array(text.utf8).span) {
                Issue.record("seed \(seed): \(problem)\n\(text)")
            }
        }
    }
}

/// xorshift64*: the same numbers for the same seed, everywhere.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
