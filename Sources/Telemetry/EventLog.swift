// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// Writes what happens to the proxy itself, one line per event: time, level, a constant name, and facts.
///
///     2026-11-21T10:00:00.123Z notice upstream_down upstream=api error="connection refused"
package struct EventLog: ~Copyable {
    package enum Format: Sendable { case text, json }

    /// The least that is written; may be changed at any time.
    package var level: EventLevel
    private let format: Format
    private var limiter: EventLimiter
    private var timestamps = TimestampCache(.precise)

    package init(level: EventLevel = .info, format: Format = .text, perSecond: Int = 10) {
        self.level = level
        self.format = format
        limiter = EventLimiter(perSecond: perSecond)
    }

    package func isEnabled(_ level: EventLevel) -> Bool { level <= self.level }

    /// Appends one line with its line feed, or nothing when the level is not asked for or too many events of this
    /// name came within the second. `facts` are not made when nothing is written.
    package mutating func write(
        _ level: EventLevel, _ event: StaticString, _ facts: @autoclosure () -> EventFacts = [:], at now: Moment,
        into line: inout ByteBuffer
    ) {
        guard isEnabled(level) else { return }
        guard case .write(let suppressed) = limiter.eventHappened(event, at: now) else { return }
        begin(level, event, at: now, into: &line)
        for (name, value) in facts().members { append(name, value, to: &line) }
        if suppressed > 0 { append("suppressed", .number(suppressed), to: &line) }
        end(&line)
    }

    /// To be called about once a second, so that no suppressed event stays untold.
    package mutating func writeSuppressed(at now: Moment, into line: inout ByteBuffer) {
        for (name, count) in limiter.suppressedEvents(at: now) {
            begin(.warning, "events_suppressed", at: now, into: &line)
            append("event", .text(name), to: &line)
            append("suppressed", .number(count), to: &line)
            end(&line)
        }
    }
}

extension EventLog {
    private mutating func begin(
        _ level: EventLevel, _ event: StaticString, at now: Moment, into line: inout ByteBuffer
    ) {
        let marks: (StaticString, StaticString, StaticString, StaticString) =
            format == .json ? ("{\"time\":\"", "\",\"level\":\"", "\",\"event\":\"", "\"") : ("", " ", " ", "")
        line.append(marks.0)
        timestamps.write(now, into: &line)
        line.append(marks.1)
        line.append(level.label)
        line.append(marks.2)
        line.append(event)
        line.append(marks.3)
    }

    private func append(_ name: StaticString, _ value: EventFact, to line: inout ByteBuffer) {
        line.append(format == .json ? ",\"" : " ")
        line.append(name)
        line.append(format == .json ? "\":" : "=")
        switch value {
        case .text(let text): append(text, to: &line)
        case .number(let number): line.append(decimal: number)
        case .boolean(let flag): line.append(flag ? "true" : "false")
        case .milliseconds(let nanoseconds): line.append(millisecondsOf: nanoseconds)
        }
    }

    private func append(_ text: String, to line: inout ByteBuffer) {
        if format == .text, !text.isEmpty, text.utf8.allSatisfy(Self.isPlain) { return line.append(text: text) }
        line.append(ASCII.doubleQuote)
        line.append(jsonEscaped: text)
        line.append(ASCII.doubleQuote)
    }

    /// Printable ASCII that needs no quotes in `name=value`.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != ASCII.doubleQuote && byte != ASCII.equals && byte != ASCII.backslash
    }

    private func end(_ line: inout ByteBuffer) {
        if format == .json { line.append(UInt8(ascii: "}")) }
        line.append(ASCII.lineFeed)
    }
}
