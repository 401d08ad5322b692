// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@testable import CacheRules

struct VarianceTests {
    private func rule(_ lines: [String]) -> String? {
        switch VaryRule.parse(Exchange.fields(lines.map { ("Vary", $0) }), maximumNames: 4) {
        case .none: ""
        case .star: nil
        case .names(let names): names.span.text()
        }
    }

    @Test(
        "Vary is read into sorted names",
        arguments: [
            ([], ""), ([""], ""), (["Foo"], "foo"), (["Foo, Bar"], "bar,foo"), (["b", "A,b , B"], "a,b"),
            (["*"], nil), (["*, *"], nil), (["*", "*"], nil), ([", *"], nil), (["", "*"], nil), (["*, Foo"], nil),
            (["Foo, *"], nil), (["a b"], nil), (["a=b"], nil), (["a,b,c,d"], "a,b,c,d"), (["a,b,c,d,e"], nil),
        ] as [([String], String?)])
    func parsing(lines: [String], expected: String?) {
        #expect(rule(lines) == expected)
    }

    @Test("A rule names a field whole, or not", arguments: ["", "Foo", "Bar, Foo", "Foo, Zoo", "Food", "Fo, Zo", "Fo"])
    func namesAnyOf(line: String) {
        let rule = VaryRule.parse(Exchange.fields([("Vary", line)]))
        let names = line.lowercased().split(separator: ",").map { $0.trimmingPrefix(" ") }
        #expect(rule.names(anyOf: ["forwarded", "foo"]) == names.contains("foo"))
        #expect(!rule.names(anyOf: []))
    }

    private func key(_ vary: String, _ lines: [(String, String)]) -> String {
        guard let rule = rule([vary]) else { return "*" }
        var buffer = ByteBuffer()
        Variance.writeSecondaryKey(Array(rule.utf8).span, Exchange.fields(lines), into: &buffer)
        return buffer.span.text()
    }

    @Test(
        "What means the same has the same key",
        arguments: [
            ("Foo", [("Foo", "1")], "foo=1"), ("Foo", [], "foo"), ("Foo", [("Foo", "")], "foo="),
            ("Foo, Bar", [("FOO", "1"), ("bar", "abc")], "bar=abc&foo=1"), ("Foo, Bar", [("Foo", "1")], "bar&foo=1"),
            ("Foo", [("Foo", "1, 2")], "foo=1,2"), ("Foo", [("Foo", "1"), ("Foo", "2")], "foo=1,2"),
            ("Foo", [("Foo", " 1,\t2 ")], "foo=1,2"), ("Foo", [("Foo", "1 ,2")], "foo=1,2"),
            ("Foo", [("Foo", "a b")], "foo=a%20b"), ("Foo", [("Foo", "a  b")], "foo=a%20%20b"),
            ("Foo", [("Foo", "\"a, b\" , c")], "foo=\"a,%20b\",c"),
            ("Foo", [("Foo", "\"a\\\" , b\"")], "foo=\"a\\\"%20,%20b\""),
            ("Foo", [("Foo", "a&bar=1")], "foo=a%26bar=1"), ("Foo", [("Foo", "%26")], "foo=%2526"),
            ("Foo", [("Foo", "\u{e9}")], "foo=%C3%A9"), ("Foo", [("Other", "2"), ("Foo", "1")], "foo=1"),
            ("a&b", [("a&b", "1")], "a%26b=1"),
            ("Accept-Language", [("Accept-Language", "en, de")], "accept-language=de,en"),
            ("Accept-Language", [("Accept-Language", "De,eN ")], "accept-language=de,en"),
            ("Accept-Language", [("Accept-Language", "de"), ("Accept-Language", "en")], "accept-language=de,en"),
            ("Accept-Language", [("Accept-Language", "fr;q=0.5, de;q=1.0")], "accept-language=de>fr"),
            ("Accept-Language", [("Accept-Language", "de, fr;q=0.9, it;q=0.9, es;q=0")], "accept-language=de>fr,it!es"),
            ("Accept-Language", [("Accept-Language", "de, de, DE")], "accept-language=de"),
            ("Accept-Language", [("Accept-Language", "de;q=x")], "accept-language=~de;q=x"),
            ("Accept-Language", [("Accept-Language", "a>b")], "accept-language=~a>b"),
            ("Accept-Language", [("Accept-Language", "")], "accept-language="),
            ("Accept-Language", [], "accept-language"),
            ("Accept-Encoding", [("Accept-Encoding", "gzip, deflate, br")], "accept-encoding=br,deflate,gzip"),
            ("Accept-Encoding", [("Accept-Encoding", "br,X-GZIP;q=1 , deflate")], "accept-encoding=br,deflate,gzip"),
            ("Accept-Encoding", [("Accept-Encoding", "gzip, *;q=0")], "accept-encoding=gzip!*"),
            ("Accept-Encoding", [("Accept-Encoding", "*;q=0, br;q=0")], "accept-encoding=!*!br"),
        ] as [(String, [(String, String)], String)])
    func secondaryKeys(vary: String, lines: [(String, String)], expected: String) {
        #expect(key(vary, lines) == expected)
    }

    @Test("A list that is too long is taken as text")
    func longList() {
        let long = (0..<30).map { "l\($0)" }.joined(separator: ", ")
        #expect(key("Accept-Language", [("Accept-Language", long)]).hasPrefix("accept-language=~l0,l1,"))
    }

    private func languageKey(_ lines: [(String, String)], content: String?, rule: String = "accept-language") -> String?
    {
        var buffer = ByteBuffer()
        let language = Array((content ?? "").utf8)
        let isFound = Variance.writeLanguageKey(
            Array(rule.utf8).span, Exchange.fields(lines), contentLanguage: content == nil ? nil : language.span,
            into: &buffer)
        return isFound ? buffer.span.text() : nil
    }

    @Test(
        "The language preferred to all others finds a response in that language",
        arguments: [
            ("fr;q=0.5, de;q=1.0", nil, "de"), ("DE", nil, "de"), ("en, de", nil, nil), ("*", nil, nil), ("", nil, nil),
            ("de;q=0", nil, nil), ("en, de", "de", "de"), ("en, de", "DE", "de"), ("en, de", "fr", nil),
            ("en, de", "de, en", nil), ("en, de;q=0", "de", nil), ("en, *", "de", nil), ("de, de", nil, "de"),
        ] as [(String, String?, String?)])
    func languageKeys(accepted: String, content: String?, expected: String?) {
        let lines = [("Accept-Language", accepted), ("Foo", "1")]
        #expect(languageKey(lines, content: content) == expected.map { "accept-language==\($0)" })
        #expect(
            languageKey(lines, content: content, rule: "accept-language,foo")
                == expected.map { "accept-language==\($0)&foo=1" })
        #expect(languageKey(lines, content: content, rule: "foo") == nil)
        #expect(languageKey([("Foo", "1")], content: content) == nil)
    }

    @Test(
        "A stored variant is chosen by its own request's like, or by its language",
        arguments: [
            ("en, de", "de", "de, en", true), ("en, de", "de", "fr;q=0.5, de;q=1.0", true),
            ("en, de", "de", "fr, de;q=0.5", false), ("en, de", "de", "fr, de", false), ("en, de", nil, "de", false),
            ("en, de", "de, en", "de", false), ("en, de", "fr", "fr", false), ("en", "en", "EN;q=0.3", true),
        ] as [(String, String?, String, Bool)])
    func storedKeys(stored: String, content: String?, asked: String, isChosen: Bool) {
        let rule = Array("accept-language,foo".utf8)
        let language = Array((content ?? "").utf8)
        func lines(_ accepted: String, _ foo: String) -> Fields {
            Exchange.fields([("Accept-Language", accepted), ("Foo", foo)])
        }
        var keys = ByteBuffer()
        Variance.writeStoredKeys(
            rule.span, lines(stored, "1"), contentLanguage: content == nil ? nil : language.span, into: &keys)
        var scratch = ByteBuffer()
        let isOne = Variance.matches(rule.span, lines(asked, "1"), storedKeys: keys.span, scratch: &scratch)
        let isOther = Variance.matches(rule.span, lines(asked, "2"), storedKeys: keys.span, scratch: &scratch)
        #expect(isOne == isChosen)
        #expect(!isOther)
    }
}
