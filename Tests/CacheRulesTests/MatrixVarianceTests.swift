// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import PlainCache
import Testing

@testable import CacheRules

/// Promises 1 and 2: a variant is found by those requests, and those alone, that RFC 9111 §4.1 lets have it.
struct MatrixVarianceTests {
    private static let rules = [
        "Accept-Encoding", "accept-language", "Foo", "Foo, Accept-Encoding", "Accept-Language, Foo", "*", "Foo, *", "",
        "Foo bar", ",", "Foo,foo",
    ]

    /// What requests say in the fields that the rules name.
    private static let requests: [[(String, String)]] = [
        [], [("Accept-Encoding", "gzip, br")], [("Accept-Encoding", "br;q=1.0 , GZIP")], [("Accept-Encoding", "")],
        [("Accept-Encoding", "gzip"), ("Accept-Encoding", "br")], [("Accept-Encoding", "gzip;q=0.5, br")],
        [("Accept-Encoding", "x-gzip;q=0.1, br;q=0.7")], [("Accept-Encoding", "gzip;q=0, br")],
        [("Accept-Encoding", "br")], [("Accept-Encoding", "gzip;q=x")], [("Accept-Encoding", "gzip;q=x, br")],
        [("Accept-Language", "de")], [("Accept-Language", "de, en;q=0.5")], [("Accept-Language", "DE;q=0.9,en;q=0.8")],
        [("Accept-Language", "en, de")], [("Accept-Language", "en;q=0.5, de;q=0.1")], [("Accept-Language", "*")],
        [("Accept-Language", "de, en")], [("Accept-Language", "de;q=0")], [("Accept-Language", "fr, de;q=0")],
        [("Foo", "1")], [("Foo", "")], [("Foo", "1, 2")], [("Foo", "1,2")], [("Foo", "1"), ("Foo", "2")],
        [("Foo", "2, 1")], [("Foo", "1 2")], [("Foo", "1  2")], [("foo", "1")], [("Foo", "1 ,2")], [("Foo", "12")],
        [("Foo", "\"1, 2\"")], [("Foo", "\"1,2\"")], [("Foo", "1&foo=2")], [("Foo", "%31")], [("Foo", "A")],
        [("Foo", "a")], [("Foo", "1,")], [("Foo", ",1")], [("Foo", "1"), ("Foo", "")],
        [("Foo", "1"), ("Accept-Encoding", "gzip")], [("Foo", "1"), ("Accept-Encoding", "br")],
        [("Foo", "1"), ("Accept-Language", "de")], [("Foo", "1"), ("Accept-Language", "de;q=0.5, en;q=0.4")],
    ]

    @Test("Any two requests share a variant, or do not", arguments: rules, ["", "de", "EN", "de, en"])
    func variants(_ rule: String, _ language: String) {
        let response = [("Vary", rule)] + (language.isEmpty ? [] : [("Content-Language", language)])
        for original in Self.requests {
            for request in Self.requests {
                let found = Self.matches(response, original, request)
                let wanted = PlainCache.matches(
                    PlainFields(response), original: PlainFields(original), request: PlainFields(request))
                if found != wanted {
                    Issue.record("\(found ? "shares" : "shares not"): \(response), \(original), \(request)")
                }
            }
        }
    }

    /// As the server does it: what is stored for one request is looked for by another.
    private static func matches(
        _ response: [(String, String)], _ original: [(String, String)], _ request: [(String, String)]
    ) -> Bool {
        let fields = Exchange.fields(response)
        switch VaryRule.parse(fields) {
        case .star: return false
        case .none: return true
        case .names(let rule):
            var keys = ByteBuffer()
            let index = fields.firstIndex(of: .contentLanguage)
            let stored = Exchange.fields(original)
            if let index {
                let language = fields.value(at: index)
                Variance.writeStoredKeys(rule.span, stored, contentLanguage: language, into: &keys)
            } else {
                Variance.writeStoredKeys(rule.span, stored, contentLanguage: nil, into: &keys)
            }
            var scratch = ByteBuffer()
            return Variance.matches(rule.span, Exchange.fields(request), storedKeys: keys.span, scratch: &scratch)
        }
    }
}
