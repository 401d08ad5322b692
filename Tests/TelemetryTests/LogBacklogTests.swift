// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@testable import Telemetry

@Suite struct LogBacklogTests {
    private func lines(_ text: String) -> ContiguousArray<UInt8> { ContiguousArray(text.utf8) }

    /// Writes at most `room` bytes, as a descriptor would that has room for so many.
    private func expect(
        _ wanted: String, from backlog: inout LogBacklog, room: Int = .max,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var text = ""
        var rest = room
        while rest > 0 {
            let piece = backlog.withNext { bytes in bytes.extracting(0..<min(rest, bytes.count)).text() }
            guard let piece else { break }
            backlog.wrote(piece.utf8.count)
            rest -= piece.utf8.count
            text += piece
        }
        #expect(text == wanted, sourceLocation: sourceLocation)
    }

    @Test func whatIsTakenIsWrittenInOrder() {
        var backlog = LogBacklog(byteLimit: 100)
        #expect(backlog.add(lines("one\n")) == 0)
        #expect(backlog.add(lines("two\nthree\n")) == 0)
        #expect(backlog.byteCount == 14)
        expect("one\nt", from: &backlog, room: 5)
        expect("wo\nthree\n", from: &backlog)
        #expect(backlog.isEmpty == true)
    }

    @Test func pastItsLimitWholeLinesAreLostAndNoneIsCut() {
        var backlog = LogBacklog(byteLimit: 10)
        #expect(backlog.add(lines("12345\n")) == 0)
        #expect(backlog.add(lines("a\nb\nc\n")) == 3)
        expect("123", from: &backlog, room: 3)
        #expect(backlog.add(lines("6789\n")) == 0)
        expect("45\n6789\n", from: &backlog)
    }

    @Test func moreThanTheLimitIsTakenWhenNothingWaits() {
        var backlog = LogBacklog(byteLimit: 4)
        #expect(backlog.add(lines("a long line\n")) == 0)
    }

    @Test func aLineThatWasCutIsEndedBeforeTheNext() {
        var backlog = LogBacklog(byteLimit: 100)
        #expect(backlog.add(lines("one\ntwo\n")) == 0)
        #expect(backlog.add(lines("three\n")) == 0)
        expect("one\nt", from: &backlog, room: 5)
        #expect(backlog.lose() == 2)
        #expect(backlog.isEmpty == true)
        #expect(backlog.add(lines("lost\n")) == 0)
        #expect(backlog.lose() == 1)
        #expect(backlog.add(lines("four\n")) == 0)
        expect("\nfour\n", from: &backlog)
        #expect(backlog.add(lines("five\n")) == 0)
        #expect(backlog.lose() == 1)
        #expect(backlog.add(lines("six\n")) == 0)
        expect("six\n", from: &backlog)
    }

    @Test func anotherPlaceBeginsWithAWholeLine() {
        var backlog = LogBacklog(byteLimit: 100)
        #expect(backlog.add(lines("one\ntwo\n")) == 0)
        #expect(backlog.beginAnew() == 0)
        expect("on", from: &backlog, room: 2)
        #expect(backlog.beginAnew() == 1)
        expect("two\n", from: &backlog)
        #expect(backlog.add(lines("one\n")) == 0)
        expect("on", from: &backlog, room: 2)
        #expect(backlog.lose() == 1)
        #expect(backlog.beginAnew() == 0)
        #expect(backlog.isEmpty == true)
        #expect(backlog.add(lines("two\n")) == 0)
        expect("two\n", from: &backlog)
        #expect(backlog.add(lines("one\n")) == 0)
        expect("on", from: &backlog, room: 2)
        #expect(backlog.lose() == 1)
        #expect(backlog.add(lines("two\n")) == 0)
        #expect(backlog.beginAnew() == 0)
        expect("two\n", from: &backlog)
    }

    @Test func lossesAreCountedByReason() {
        let counts = LogLossCounts()
        counts.add(2, .diskFull)
        counts.add(1, .diskFull)
        #expect(counts[.diskFull] == 3 && counts[.unread] == 0)
        #expect(Set(LogLoss.allCases.map { "\($0.label)" }).count == LogLoss.allCases.count)
    }
}
