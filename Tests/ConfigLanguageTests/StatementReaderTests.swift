// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ConfigLanguage

/// Statements and the files that they include, whatever their directives mean.
@Suite struct StatementReaderTests {
    /// What is found in `text`, which ends with a line end, among the given files and nothing else.
    private func findings(_ text: String, _ files: [String: String] = [:]) -> [String] {
        let access = ConfigFiles(readFile: { path in files[path].map { .success($0 + "\n") } ?? .failure(.notFound) })
        var reader = StatementReader(files: access, environment: { _ in nil })
        var diagnostics = DiagnosticList(secretKeys: [])
        _ = reader.read(SourceText(name: "proxy.conf", text: text + "\n"), &diagnostics)
        return diagnostics.finished().map { finding in
            let text = finding.description
            return text.hasPrefix("proxy.conf:") ? String(text.dropFirst("proxy.conf:".count)) : text
        }
    }

    // MARK: Texts

    @Test(arguments: [
        ("}", "1:1: error: unexpected \"}\": no block is open"),
        ("{ }", "1:1: error: unexpected \"{\": it belongs on the line of its directive"),
        ("route /x\n{\n}", "2:1: error: unexpected \"{\": it belongs on the line of its directive"),
        ("route /x {\n  ttl 5m\n", "1:10: error: the block of \"route\" is not closed: missing \"}\""),
        ("via \"larder", "1:5: error: the quote is not closed on its line"),
        ("via ${NAME", "1:5: error: \"${\" is not closed by \"}\""),
        ("via ${1}", "1:5: error: expected ${NAME} or ${NAME:-default}"),
        ("via ${NAME-x}", "1:5: error: expected ${NAME} or ${NAME:-default}"),
        ("via ${VIA_NAME}", "1:5: error: environment variable \"VIA_NAME\" is not set"),
        ("via a\u{1}b", "1:6: error: control character in the text"),
        ("# a\u{B}via b", "1:4: error: control character in the text"),
        ("# a\rvia b", "1:4: error: this ends no line, though it may look so: end lines with LF or CR LF"),
        ("# a\u{85}via b", "1:4: error: this ends no line, though it may look so: end lines with LF or CR LF"),
        ("# a\u{2028}via b", "1:4: error: this ends no line, though it may look so: end lines with LF or CR LF"),
        ("via a\rvia b", "1:6: error: this ends no line, though it may look so: end lines with LF or CR LF"),
        ("a { b { c { d { e { f { g { h { i {", "1:35: error: blocks nest deeper than 8"),
    ])
    func everyBrokenTextHasItsMessage(_ text: String, _ expected: String) {
        #expect(findings(text).contains(expected), "\(findings(text))")
    }

    // MARK: Includes

    @Test(arguments: [
        ("a.conf", "a.conf", true), ("a.conf", "*.conf", true), ("a.conf", "*", true), ("a.conf", "a*f", true),
        ("a.conf", "*b*", false), ("ab", "a*b", true), ("a", "a*a", false), ("axbyc", "a*b*c", true),
        ("aXbYb", "*b*b", true), ("ab", "*b*b", false), ("", "*", true),
    ])
    func starsMatchWithinAName(_ name: String, _ pattern: String, _ expected: Bool) {
        #expect(StatementReader.matches(Array(name.utf8), Array(pattern.utf8)) == expected)
    }

    @Test(arguments: [
        ("include none", "1:9: error: cannot read \"none\": no such file"),
        ("include", "1:1: error: \"include\" needs one PATH; expected: include PATH"),
        ("include a b", "1:1: error: \"include\" needs one PATH; expected: include PATH"),
        ("include ok { }", "1:12: error: \"include\" takes no block"),
        ("include */x", "1:9: error: \"include\" takes * in the last part of its path alone"),
        ("include proxy.conf", "1:9: error: \"include\" goes in a circle: proxy.conf -> proxy.conf"),
        ("include ./d/../proxy.conf", "1:9: error: \"include\" goes in a circle: proxy.conf -> ./d/../proxy.conf"),
        ("include one", "two:1:9: error: \"include\" goes in a circle: one -> two -> one"),
        ("include deep0", "deep7:1:9: error: \"include\" nests deeper than 8 files"),
    ])
    func everyMistakeHasItsMessage(_ text: String, _ expected: String) {
        var files = ["ok": "", "one": "include two", "two": "include one", "proxy.conf": text]
        for index in 0...9 { files["deep\(index)"] = "include deep\(index + 1)" }
        #expect(findings(text, files).contains(expected), "\(findings(text, files))")
    }

    @Test func includesThatMultiplyEnd() {
        var files: [String: String] = [:]
        for index in 0..<8 { files["f\(index)"] = String(repeating: "include f\(index + 1)\n", count: 10) }
        files["f8"] = ""
        #expect(findings("include f0", files).contains { $0.contains("reads more than 1000 files") })
    }

    @Test func aFileMayNotBeHuge() {
        #expect(
            findings(String(repeating: "#", count: (1 << 20) + 1)).first == "1:1: error: the file is larger than 1MB")
    }
}
