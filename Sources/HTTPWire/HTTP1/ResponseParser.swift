// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// Reads the head of an HTTP/1 response, as strictly as a request's, but for blanks before a colon, which
/// RFC 9112 §5.1 has a proxy take away. Folded lines are refused (§5.2 leaves the choice).
///
/// One parser serves one connection; after `.complete` or `.failed` it starts afresh.
package struct ResponseParser: Sendable {
    private let fieldLines: FieldLineReader
    private var progress = HeadProgress()

    package init(limits: WireLimits = WireLimits()) {
        fieldLines = FieldLineReader(
            lineBytes: limits.responseHeadBytes, headBytes: limits.responseHeadBytes,
            count: limits.responseFieldCount, acceptsBlankBeforeColon: true)
    }

    /// Reads from the first byte of `bytes`, which begin with the response. On `.complete` the head holds a
    /// copy of its bytes; until then its content means nothing.
    package mutating func parse(
        _ bytes: borrowing Span<UInt8>, into head: inout ResponseHead
    ) -> HeadParse<ResponseError> {
        if progress.mustWait(bytes, limit: fieldLines.headBytes) { return .incomplete }
        if progress.line == 0 {
            head.removeAll()
            switch StatusLine.read(bytes, limit: fieldLines.headBytes, into: &head) {
            case .complete(let length): progress.line = length
            case .incomplete:
                progress.stop(at: 0, seen: bytes.count)
                return .incomplete
            case .failed(let error): return fail(error)
            }
        }
        switch fieldLines.read(bytes, from: progress.line, into: &head.fields) {
        case .end(let length):
            progress = HeadProgress()
            head.fields.setBytes(bytes.extracting(0..<length))
            return .complete(length: length)
        case .incomplete(let line):
            progress.stop(at: line, seen: bytes.count)
            return .incomplete
        case .failed(let error): return fail(.fieldLine(error))
        }
    }

    private mutating func fail(_ error: ResponseError) -> HeadParse<ResponseError> {
        progress = HeadProgress()
        return .failed(error)
    }
}

/// `HTTP-version SP status-code SP [ reason-phrase ] CRLF` (RFC 9112 §4); the second space may be missing where
/// no phrase follows, as many servers leave it out.
enum StatusLine {
    static func read(
        _ message: borrowing Span<UInt8>, limit: Int, into head: inout ResponseHead
    ) -> HeadParse<ResponseError> {
        let end = min(limit, message.count)
        let runsOut: HeadParse<ResponseError> = message.count <= limit ? .incomplete : .failed(.statusLineTooLong)
        switch VersionText.read(message, at: 0, end: end) {
        case .version(let version): head.version = version
        case .runsOut: return runsOut
        case .malformed: return .failed(.malformedVersion)
        case .unsupported: return .failed(.unsupportedVersion)
        }
        guard VersionText.count < end else { return runsOut }
        guard message[VersionText.count] == ASCII.space else { return .failed(.malformedVersion) }

        let codeStart = VersionText.count + 1
        let codeEnd = codeStart + 3
        var code: UInt16 = 0
        for index in codeStart..<codeEnd {
            guard index < end else { return runsOut }
            guard ASCII.isDigit(message[index]) else { return .failed(.malformedStatus) }
            code = code * 10 + UInt16(message[index] &- 0x30)
        }
        guard code >= 100 else { return .failed(.malformedStatus) }
        head.status = Status(code)

        guard codeEnd < end else { return runsOut }
        let hasSpace = message[codeEnd] == ASCII.space
        guard hasSpace || message[codeEnd] == ASCII.carriageReturn || message[codeEnd] == ASCII.lineFeed else {
            return .failed(.malformedStatus)
        }
        let reasonStart = hasSpace ? codeEnd + 1 : codeEnd
        return readReason(message, reasonStart..<max(end, reasonStart), runsOut, into: &head)
    }

    private static func readReason(
        _ message: borrowing Span<UInt8>, _ range: Range<Int>, _ runsOut: HeadParse<ResponseError>,
        into head: inout ResponseHead
    ) -> HeadParse<ResponseError> {
        var index = message.firstControl(in: range)
        while index < range.upperBound, message[index] == ASCII.tab {
            index = message.firstControl(in: index + 1..<range.upperBound)
        }
        guard index < range.upperBound else { return runsOut }
        if message[index] == ASCII.lineFeed { return .failed(.fieldLine(.bareLineFeed)) }
        guard message[index] == ASCII.carriageReturn else { return .failed(.malformedReason) }
        guard index + 1 < range.upperBound else { return runsOut }
        guard message[index + 1] == ASCII.lineFeed else { return .failed(.fieldLine(.bareCarriageReturn)) }
        head.reasonRange = range.lowerBound..<index
        return .complete(length: index + 2)
    }
}
