// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import Testing

@testable import Settings

@Suite struct SecretTests {
    private static let full = "upstream a { server 127.0.0.1:1 }\n"

    private func report(_ text: String, file content: String = "", open: Set<String> = []) -> SettingsReport {
        SettingsParser.parse(
            text: Self.full + text + "\n", file: "proxy.conf",
            environment: { $0 == "TOKEN" ? "from-the-environment" : nil },
            files: ConfigFiles(
                readFile: { $0 == "secret" ? .success(content) : .failure(.notFound) },
                isOpenToAll: { open.contains($0) }))
    }

    @Test(arguments: ["long-enough", "long-enough\n", "long-enough\r\n"])
    func oneLineEndIsTakenAway(_ content: String) {
        #expect(
            report("admin 127.0.0.1:1 token_file=secret", file: content).settings?.admin?.token == Secret("long-enough")
        )
    }

    @Test(arguments: [
        "admin 127.0.0.1:1 token_file=secret", "purge_method on token_file=secret", "redis a:1 password_file=secret",
    ])
    func whatCannotBeSentIsRefused(_ directive: String) {
        for (content, reason) in [
            ("", "is empty"), ("\n", "is empty"), ("long\r\nenough\n", "a line end within it"),
            ("long-enough\n\n", "a line end within it"),
            ("long enough", "a blank in it"), (" long-enough", "a blank in it"), ("long-enough \n", "a blank in it"),
            ("        ", "a blank in it"), ("long\u{1}enough", "a control character"),
            ("long\u{0}enough", "a control character"),
        ] {
            let found = findings(report(directive, file: content))
            #expect(
                found.contains { $0.contains(": error: ") && $0.contains(reason) },
                "\(content.debugDescription): \(found)")
        }
    }

    @Test(arguments: ["admin 127.0.0.1:1 token='a b c d e f'", "purge_method on token=\"a b c d e f\""])
    func theSameHoldsForTheFileItself(_ directive: String) {
        #expect(findings(report(directive)).contains { $0.contains("a blank in it") })
    }

    @Test func aShortOneIsWarnedOf() {
        #expect(
            findings(report("admin 127.0.0.1:1 token=short")) == [
                "2:25: warning: the token is shorter than 8 bytes, and soon guessed"
            ])
        #expect(findings(report("admin 127.0.0.1:1 token_file=secret", file: "short")).count == 1)
    }

    @Test(arguments: [
        ("admin 127.0.0.1:1 token=long-enough", "can read this file, and the token in it"),
        ("redis a:1 password=long-enough", "can read this file, and the password in it"),
        ("redis redis://u:long-enough@a:1", "can read this file, and the password in it"),
        ("purge_method on token_file=secret", "can read \"secret\""),
    ])
    func whatAllCanReadIsWarnedOf(_ directive: String, _ warning: String) {
        let open = findings(report(directive, file: "long-enough", open: ["proxy.conf", "secret"]))
        #expect(open.count { $0.contains(warning) } == 1, "\(open)")
        #expect(!findings(report(directive, file: "long-enough")).contains { $0.contains(warning) })
    }

    @Test(arguments: [
        ("redis redis://u:hidden-one@a:1 db=x", "redis redis://u:**********@a:1 db=x"),
        ("redis redis://:hid/d:e@n@a:1 db=x", "redis redis://:*********@a:1 db=x"),
        ("redis 'redis://u:hidden@a:1' db=x", "redis 'redis://u:******@a:1' db=x"),
        ("redis redis://u@a:1 db=x", "redis redis://u@a:1 db=x"),
        ("redis a:1 password=hidden-one db=x", "redis a:1 password=********** db=x"),
        ("redis a:1 password='hidden-one' db=x", "redis a:1 password=************ db=x"),
    ])
    func noLineIsShownWithIt(_ directive: String, _ shown: String) {
        let found = report(directive).diagnostics.filter { $0.severity == .error }
        #expect(found.map(\.sourceLine) == [shown])
    }

    @Test func allThatTheTableCallsSecretIsHidden() {
        #expect(DirectiveTable.secretKeys == ["password", "token"])
    }

    @Test func whatComesFromTheEnvironmentStandsInNoFile() {
        #expect(findings(report("admin 127.0.0.1:1 token=${TOKEN}", open: ["proxy.conf"])).isEmpty)
        #expect(findings(report("redis redis://:${TOKEN}@a:1", open: ["proxy.conf"])).isEmpty)
    }
}
