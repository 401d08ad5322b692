// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ConfigLanguage

/// Directives of something that no proxy has: the language knows nothing of what is set by it.
@Suite struct DirectiveTests {
    struct Lamp: DirectiveTarget, Equatable {
        enum Colour: String, CaseIterable, Sendable { case white, red }

        struct Timer: DirectiveTarget, Equatable { var milliseconds = 60_000 }

        var brightness = 50
        var colour = Colour.white
        var timers: [Timer] = []
    }

    private static let table: [Directive<Lamp>] = [
        Directive(
            "light", in: \.self, [.percent("LEVEL", \.brightness, 1...100, "How bright.").required],
            keys: [.word("colour", \.colour, "Of what colour.")], "Says how it shines.", example: "light 80%"),
        Directive(
            "timer", [Parameter<Lamp.Timer>.duration("AFTER", \.milliseconds, 1000...86_400_000, "When.").required],
            "Turns it off.", example: "timer 5m",
            add: { lamp, timer in
                if lamp.timers.contains(timer) { return .init("this one is there already") }
                lamp.timers.append(timer)
                return nil
            }, elements: { $0.timers }),
    ]

    private func read(_ text: String) -> (lamp: Lamp, findings: [String]) {
        let files = ConfigFiles(readFile: { _ in .failure(.notFound) })
        var context = ReadingContext(files: files, diagnostics: DiagnosticList(secretKeys: []))
        var reader = StatementReader(files: files, environment: { _ in nil })
        let statements = reader.read(SourceText(name: "lamp", text: text + "\n"), &context.diagnostics)
        var lamp = Lamp()
        Directive.apply(Self.table, to: &lamp, statements, &context) { "a lamp has no \($0.name.text)" }
        return (lamp, context.diagnostics.finished().map(\.description))
    }

    @Test func eachSetsItsValuesAndReadsBackAsWritten() {
        let (lamp, findings) = read("light 80% colour=red; timer 5m; timer 1h")
        #expect(findings.isEmpty)
        #expect(
            lamp
                == Lamp(
                    brightness: 80, colour: .red,
                    timers: [.init(milliseconds: 300_000), .init(milliseconds: 3_600_000)]))
        #expect(Self.table.flatMap { $0.write(lamp) } == ["light 80% colour=red", "timer 5m", "timer 1h"])
    }

    @Test(arguments: [
        ("shade 1", "lamp:1:1: error: a lamp has no shade"),
        ("light", "lamp:1:1: error: \"light\" needs N%; expected: light N% [colour=white|red]"),
        ("light 0%", "lamp:1:7: error: \"light\": \"0%\" is out of range: 1% to 100%"),
        ("light 9% shape=round", "lamp:1:10: error: unknown key \"shape\" of \"light\"; it takes colour"),
        ("light 1%; light 2%", "lamp:1:11: error: \"light\" is said twice; first in line 1"),
        ("timer 5 m", "lamp:1:9: error: \"timer\": write \"5m\", without a blank"),
        ("timer 5m; timer 300s", "lamp:1:11: error: \"timer\": this one is there already"),
        ("light 5% { }", "lamp:1:10: error: \"light\" takes no block"),
    ])
    func everyMistakeHasItsMessage(_ text: String, _ expected: String) {
        #expect(read(text).findings == [expected])
    }
}
