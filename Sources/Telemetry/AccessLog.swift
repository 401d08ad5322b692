// SPDX-License-Identifier: Apache-2.0
package import Bytes
import CacheRules

/// Writes access log lines, one per request, without allocating. One for each event loop.
package struct AccessLog: ~Copyable {
    package enum Format: Sendable {
        /// One JSON object per line.
        case json
        /// NCSA combined, followed by cache outcome and duration.
        case combined
    }

    /// The members of a JSON line, in their order; a test compares them with a line that has all.
    package static let members: [StaticString] = [
        "time", "client", "peer", "method", "host", "path", "version", "status", "bytes", "bytes_received",
        "duration_ms", "cache", "reason", "route", "ttl", "collapsed", "stored", "upstream", "upstream_status",
        "upstream_ms", "user_agent", "referer", "request_id",
    ]

    private let format: Format
    private let redaction: QueryRedaction
    private var timestamps: TimestampCache

    package init(format: Format, redaction: QueryRedaction = QueryRedaction(names: [])) {
        self.format = format
        self.redaction = redaction
        timestamps = TimestampCache(format == .json ? .precise : .common)
    }

    /// Appends one line with its line feed.
    package mutating func write(_ facts: AccessFacts, _ texts: borrowing AccessTexts, into line: inout ByteBuffer) {
        switch format {
        case .json: writeJSON(facts, texts, into: &line)
        case .combined: writeCombined(facts, texts, into: &line)
        }
        line.append(ASCII.lineFeed)
    }
}

/// JSON: texts that are empty and facts that are nil are left out.
extension AccessLog {
    private mutating func writeJSON(
        _ facts: AccessFacts, _ texts: borrowing AccessTexts, into line: inout ByteBuffer
    ) {
        line.append("{\"time\":\"")
        timestamps.write(facts.time, into: &line)
        line.append(ASCII.doubleQuote)
        line.append(member: ",\"client\":\"", texts.client)
        line.append(member: ",\"peer\":\"", texts.peer)
        line.append(member: ",\"method\":\"", texts.method)
        line.append(member: ",\"host\":\"", texts.host)
        writeJSON(url: texts.target, as: ",\"path\":\"", into: &line)
        line.append(member: ",\"version\":\"", texts.version)
        line.append(member: ",\"status\":", Int64(facts.status))
        line.append(member: ",\"bytes\":", Int64(clamping: facts.bytesSent))
        line.append(member: ",\"bytes_received\":", Int64(clamping: facts.bytesReceived))
        line.append(",\"duration_ms\":")
        line.append(millisecondsOf: facts.durationNanoseconds)
        line.append(",\"cache\":\"")
        line.append(facts.outcome.label)
        line.append(ASCII.doubleQuote)
        line.append(member: ",\"reason\":\"", texts.reason)
        line.append(member: ",\"route\":\"", texts.route)
        writeCacheFacts(facts, into: &line)
        writeUpstreamFacts(facts, texts, into: &line)
        line.append(member: ",\"user_agent\":\"", texts.userAgent)
        writeJSON(url: texts.referer, as: ",\"referer\":\"", into: &line)
        line.append(member: ",\"request_id\":\"", texts.requestID)
        line.append(UInt8(ascii: "}"))
    }

    private func writeCacheFacts(_ facts: AccessFacts, into line: inout ByteBuffer) {
        if let ttl = facts.ttlSeconds { line.append(member: ",\"ttl\":", ttl) }
        if facts.wasCollapsed { line.append(",\"collapsed\":true") }
        if facts.wasStored { line.append(",\"stored\":true") }
    }

    private func writeUpstreamFacts(
        _ facts: AccessFacts, _ texts: borrowing AccessTexts, into line: inout ByteBuffer
    ) {
        line.append(member: ",\"upstream\":\"", texts.upstream)
        if let status = facts.upstreamStatus { line.append(member: ",\"upstream_status\":", Int64(status)) }
        guard facts.upstreamNanoseconds > 0 else { return }
        line.append(",\"upstream_ms\":")
        line.append(millisecondsOf: facts.upstreamNanoseconds)
    }

    private func writeJSON(url: borrowing Span<UInt8>, as name: StaticString, into line: inout ByteBuffer) {
        guard url.count > 0 else { return }
        line.append(name)
        redaction.pieces(of: url) { piece, isSecret in
            if isSecret { line.append("***") } else { line.append(jsonEscaped: url.extracting(piece)) }
        }
        line.append(ASCII.doubleQuote)
    }
}

/// `client - - [time] "request line" status bytes "referer" "user agent" outcome seconds`
extension AccessLog {
    private mutating func writeCombined(
        _ facts: AccessFacts, _ texts: borrowing AccessTexts, into line: inout ByteBuffer
    ) {
        line.append(orDash: texts.client)
        line.append(" - - [")
        timestamps.write(facts.time, into: &line)
        line.append("] \"")
        line.append(orDash: texts.method)
        line.append(ASCII.space)
        writeCombined(url: texts.target, into: &line)
        line.append(ASCII.space)
        line.append(orDash: texts.version)
        line.append("\" ")
        line.append(decimal: Int(facts.status))
        line.append(ASCII.space)
        line.append(count: facts.bytesSent)
        line.append(" \"")
        writeCombined(url: texts.referer, into: &line)
        line.append("\" \"")
        line.append(orDash: texts.userAgent)
        line.append("\" ")
        line.append(facts.outcome.label)
        line.append(ASCII.space)
        line.append(units: facts.durationNanoseconds / 1_000, decimals: 6)
    }

    private func writeCombined(url: borrowing Span<UInt8>, into line: inout ByteBuffer) {
        guard url.count > 0 else { return line.append(UInt8(ascii: "-")) }
        redaction.pieces(of: url) { piece, isSecret in
            if isSecret { line.append("***") } else { line.append(logEscaped: url.extracting(piece)) }
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func append(member name: StaticString, _ text: borrowing Span<UInt8>) {
        guard text.count > 0 else { return }
        append(name)
        append(jsonEscaped: text)
        append(ASCII.doubleQuote)
    }

    fileprivate mutating func append(member name: StaticString, _ number: Int64) {
        append(name)
        append(decimal: Int(number))
    }

    fileprivate mutating func append(orDash text: borrowing Span<UInt8>) {
        if text.count == 0 { append(UInt8(ascii: "-")) } else { append(logEscaped: text) }
    }
}
