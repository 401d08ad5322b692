// SPDX-License-Identifier: Apache-2.0
import Bytes
import Foundation
import Testing

@testable import Telemetry

@Suite struct EventLogTests {
    @Test func aTextLineIsTimeLevelNameAndFacts() {
        let line = written { line in
            var log = EventLog()
            log.write(
                .notice, "upstream_down",
                ["upstream": .text("api"), "address": .text("127.0.0.1:3000"), "error": .text("connection refused")],
                at: moment(), into: &line)
        }
        let expected =
            "2026-11-21T10:00:00.123Z notice upstream_down upstream=api address=127.0.0.1:3000 "
            + "error=\"connection refused\"\n"
        #expect(line == expected)
    }

    @Test func aJSONLineCarriesTypes() throws {
        let line = bytesWritten { line in
            var log = EventLog(format: .json)
            let facts: EventFacts = [
                "file": .text("a\"\nb"), "errors": .number(3), "kept": .boolean(true),
                "took_ms": .milliseconds(nanoseconds: 1_500_000),
            ]
            log.write(.error, "reload_failed", facts, at: moment(), into: &line)
        }
        let object = try jsonObject(line)
        #expect(object["time"] as? String == "2026-11-21T10:00:00.123Z" && object["level"] as? String == "error")
        #expect(object["event"] as? String == "reload_failed" && object["file"] as? String == "a\"\nb")
        #expect(object["errors"] as? Int == 3 && object["kept"] as? Bool == true)
        #expect(object["took_ms"] as? Double == 1.5)
    }

    @Test(arguments: [
        ("", "\"\""), ("a b", "\"a b\""), ("a=b", "\"a=b\""), ("x\nerror forged", "\"x\\nerror forged\""),
        ("q\"", "\"q\\\"\""), ("/path?x", "/path?x"), ("é", "\"é\""), ("\u{1b}[0m", "\"\\u001b[0m\""),
    ])
    func textIsQuotedWhereItCouldBeMistaken(text: String, quoted: String) {
        let line = written { line in
            var log = EventLog()
            log.write(.info, "e", ["v": .text(text)], at: moment(), into: &line)
        }
        #expect(line.hasSuffix(" info e v=\(quoted)\n"))
        #expect(line.utf8.count { $0 == 0x0A } == 1)
    }

    @Test(arguments: EventLevel.allCases)
    func whatMattersLessThanTheLevelIsNotWritten(level: EventLevel) {
        var log = EventLog(level: .debug)
        log.level = level
        for candidate in EventLevel.allCases {
            let line = written { log.write(candidate, "e", at: moment(), into: &$0) }
            #expect(line.isEmpty == (candidate.rawValue > level.rawValue))
        }
    }

    @Test func factsOfUnwrittenEventsAreNotMade() {
        func facts() -> EventFacts {
            Issue.record("made in vain")
            return [:]
        }
        var log = EventLog(level: .error)
        #expect(written { log.write(.debug, "e", facts(), at: moment(), into: &$0) }.isEmpty)
    }

    @Test func whatWasHeldBackIsToldWithTheNextOrByTheClock() {
        var log = EventLog(perSecond: 1)
        let lines = [0, 0.1, 0.2, 1.5, 1.6].map { second in
            written { log.write(.info, "e", at: moment(monotonicSeconds: second), into: &$0) }
        }
        #expect(lines.map(\.isEmpty) == [false, true, true, false, true])
        #expect(lines[3].hasSuffix(" info e suppressed=2\n"))
        #expect(written { log.writeSuppressed(at: moment(monotonicSeconds: 1.9), into: &$0) }.isEmpty)
        let told = written { log.writeSuppressed(at: moment(monotonicSeconds: 2), into: &$0) }
        #expect(told.hasSuffix(" warning events_suppressed event=e suppressed=1\n"))
        #expect(written { log.writeSuppressed(at: moment(monotonicSeconds: 3), into: &$0) }.isEmpty)
    }
}

@Suite struct EventLimiterTests {
    @Test func eachNameHasItsOwnAllowancePerSecond() {
        var limiter = EventLimiter(perSecond: 2)
        let verdicts = (0..<4).map { _ in limiter.eventHappened("a", at: moment()) }
        #expect(verdicts == [.write(suppressed: 0), .write(suppressed: 0), .suppress, .suppress])
        #expect(limiter.eventHappened("b", at: moment()) == .write(suppressed: 0))
        #expect(limiter.eventHappened("a", at: moment(monotonicSeconds: 1)) == .write(suppressed: 2))
        #expect(limiter.eventHappened("a", at: moment(monotonicSeconds: 1)) == .write(suppressed: 0))
    }
}
