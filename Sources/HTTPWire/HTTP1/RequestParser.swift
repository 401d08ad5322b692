// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// Reads the head of an HTTP/1 request, to the letter of RFC 9112: what two readers might understand in two
/// ways is refused.
///
/// One pass when the head arrives whole. One parser serves one connection; after `.complete` or `.failed` it
/// starts afresh.
package struct RequestParser: Sendable {
    /// RFC 9112 §2.2 asks for one empty line to be ignored.
    private static let emptyLineLimit = 2

    private let requestLineLimit: UInt32
    private var requestLineBytes: Int { Int(requestLineLimit) }
    private let fieldLines: FieldLineReader
    private var progress = HeadProgress()

    package init(limits: WireLimits = WireLimits()) {
        requestLineLimit = UInt32(clamping: limits.requestLineBytes)
        fieldLines = FieldLineReader(
            lineBytes: limits.fieldLineBytes, headBytes: limits.headBytes, count: limits.fieldCount,
            acceptsBlankBeforeColon: false)
    }

    /// Reads from the first byte of `bytes`, which begin with the request. On `.complete` the head holds a copy
    /// of its bytes, without empty lines before it; until then its content means nothing.
    package mutating func parse(
        _ bytes: borrowing Span<UInt8>, into head: inout RequestHead
    ) -> HeadParse<RequestError> {
        if progress.line == 0, let verdict = skipEmptyLines(bytes) { return verdict }
        let message = bytes.extracting(progress.lead..<bytes.count)
        let lineLimit = progress.line == 0 ? requestLineBytes : progress.line + fieldLines.lineBytes
        if progress.mustWait(message, limit: min(lineLimit, fieldLines.headBytes)) { return .incomplete }
        if progress.line == 0 {
            head.removeAll()
            let line = RequestLine.read(message, limit: min(requestLineBytes + 2, fieldLines.headBytes), into: &head)
            switch line {
            case .complete(let length): progress.line = length
            case .incomplete:
                progress.stop(at: 0, seen: message.count)
                return .incomplete
            case .failed(let error): return fail(error)
            }
        }
        switch fieldLines.read(message, from: progress.line, into: &head.fields) {
        case .end(let length): return finish(message, length, &head)
        case .incomplete(let line):
            progress.stop(at: line, seen: message.count)
            return .incomplete
        case .failed(let error): return fail(.fieldLine(error))
        }
    }

    /// Whether bytes that are no whole head yet, or never will be one, ask by HEAD, so that their answer has no content
    /// (RFC 9110 §9.3.2).
    package static func isForHead(_ bytes: borrowing Span<UInt8>) -> Bool {
        var start = 0
        while start + 1 < min(bytes.count, 2 * emptyLineLimit), bytes[start] == ASCII.carriageReturn,
            bytes[start + 1] == ASCII.lineFeed
        { start += 2 }
        return start + 5 <= bytes.count && bytes.extracting(start..<start + 5).equals("HEAD ")
    }

    private mutating func fail(_ error: RequestError) -> HeadParse<RequestError> {
        progress = HeadProgress()
        return .failed(error)
    }

    /// Moves `progress.lead` past CRLFs; a verdict when the request line cannot be read yet.
    private mutating func skipEmptyLines(_ bytes: borrowing Span<UInt8>) -> HeadParse<RequestError>? {
        while progress.lead < bytes.count, bytes[progress.lead] == ASCII.carriageReturn {
            guard progress.lead < 2 * RequestParser.emptyLineLimit else { return fail(.emptyLines) }
            guard progress.lead + 1 < bytes.count else { return .incomplete }
            guard bytes[progress.lead + 1] == ASCII.lineFeed else { return fail(.fieldLine(.bareCarriageReturn)) }
            progress.lead += 2
        }
        return progress.lead < bytes.count ? nil : .incomplete
    }

    private mutating func finish(
        _ message: borrowing Span<UInt8>, _ length: Int, _ head: inout RequestHead
    ) -> HeadParse<RequestError> {
        let consumed = progress.lead + length
        progress = HeadProgress()
        if let error = RequestParser.checkHost(message, &head) { return .failed(error) }
        head.fields.setBytes(message.extracting(0..<length))
        if head.pathRange.isEmpty, head.method == .options, head.authorityRange != nil {
            // RFC 9112 §3.2.4: what was sent for a whole server is asked of the server as `*`.
            head.pathRange = head.fields.appendText("*")
        }
        return .complete(length: consumed)
    }

    /// RFC 9112 §3.2: exactly one valid Host, which HTTP/1.0 may leave out.
    private static func checkHost(_ message: borrowing Span<UInt8>, _ head: inout RequestHead) -> RequestError? {
        guard let index = head.fields.firstIndex(of: .host) else {
            return head.version == .http10 ? nil : .missingHost
        }
        guard head.fields.lastIndex(of: .host) == index else { return .repeatedHost }
        let host = head.fields.slots[index].valueRange
        head.hostRange = host
        if host.isEmpty { return head.authorityRange == nil ? nil : .malformedHost }
        let text = message.extracting(host)
        if head.knows(host: text) { return nil }
        guard Authority.isValid(text) else { return .malformedHost }
        head.remember(host: text)
        return nil
    }
}
