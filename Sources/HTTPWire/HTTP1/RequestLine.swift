// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3).
enum RequestLine {
    /// `GET `, its first byte lowest.
    private static let getAndSpace: UInt32 = 0x2054_4547

    static func read(
        _ message: borrowing Span<UInt8>, limit: Int, into head: inout RequestHead
    ) -> HeadParse<RequestError> {
        let end = min(limit, message.count)
        let runsOut: HeadParse<RequestError> = message.count <= limit ? .incomplete : .failed(.requestLineTooLong)
        var index = 0
        if end >= 4, message.halfWord(at: 0) == getAndSpace {
            index = 3
            head.method = .get
        } else {
            while index < end, ASCII.isTokenCharacter(message[index]) { index &+= 1 }
            guard index < end else { return runsOut }
            guard index > 0, message[index] == ASCII.space else { return .failed(.malformedMethod) }
            head.method = Method(message.extracting(0..<index))
        }
        head.methodRange = 0..<index

        let targetStart = index &+ 1
        // Most targets are paths that need no second look.
        let plainEnd = message.firstNotPlainPath(in: targetStart..<max(end, targetStart))
        let targetEnd = message.firstNotVisible(in: plainEnd..<max(end, targetStart))
        guard targetEnd < end else { return runsOut }
        guard targetEnd > targetStart, message[targetEnd] == ASCII.space else {
            let hasEnd = targetEnd > targetStart && message[targetEnd] == ASCII.carriageReturn
            return .failed(hasEnd ? .malformedVersion : .malformedTarget)
        }
        head.targetRange = targetStart..<targetEnd

        switch VersionText.read(message, at: targetEnd &+ 1, end: end) {
        case .version(let version): head.version = version
        case .runsOut: return runsOut
        case .malformed: return .failed(.malformedVersion)
        case .unsupported: return .failed(.unsupportedVersion)
        }
        let next = targetEnd &+ 1 &+ VersionText.count
        guard next &+ 1 < end else {
            return next < end && message[next] != ASCII.carriageReturn ? .failed(lineEndError(message, next)) : runsOut
        }
        guard message[next] == ASCII.carriageReturn, message[next &+ 1] == ASCII.lineFeed else {
            return .failed(lineEndError(message, next))
        }
        if plainEnd == targetEnd, message[targetStart] == ASCII.slash, !(head.method == .connect) {
            head.pathRange = head.targetRange
            head.hasPlainTarget = true
        } else if let error = readTarget(message, head.targetRange, into: &head) {
            return .failed(error)
        }
        return .complete(length: next &+ 2)
    }

    private static func lineEndError(_ message: borrowing Span<UInt8>, _ index: Int) -> RequestError {
        switch message[index] {
        case ASCII.lineFeed: .fieldLine(.bareLineFeed)
        case ASCII.carriageReturn: .fieldLine(.bareCarriageReturn)
        default: .malformedVersion
        }
    }

    // MARK: The target (RFC 9112 §3.2)

    private static func readTarget(
        _ message: borrowing Span<UInt8>, _ target: Range<Int>, into head: inout RequestHead
    ) -> RequestError? {
        if case .connect = head.method { return readAuthorityForm(message, target, into: &head) }
        if message[target.lowerBound] == ASCII.slash { return readPath(message, target, into: &head) }
        if message[target.lowerBound] == ASCII.star, target.count == 1 {
            head.pathRange = target
            return head.method == .options ? nil : .targetNotForMethod
        }
        return readAbsoluteForm(message, target, into: &head)
    }

    private static func readPath(
        _ message: borrowing Span<UInt8>, _ range: Range<Int>, into head: inout RequestHead
    ) -> RequestError? {
        let end = message.firstIndex(of: ASCII.questionMark, or: numberSign, in: range)
        head.pathRange = range.lowerBound..<end
        guard end < range.upperBound else { return nil }
        guard message[end] == ASCII.questionMark else { return .fragmentInTarget }
        head.queryRange = end + 1..<range.upperBound
        return message.firstIndex(of: numberSign, in: end + 1..<range.upperBound) == nil ? nil : .fragmentInTarget
    }

    private static let numberSign = UInt8(ascii: "#")

    private static func readAuthorityForm(
        _ message: borrowing Span<UInt8>, _ target: Range<Int>, into head: inout RequestHead
    ) -> RequestError? {
        guard message[target.lowerBound] != ASCII.slash, message[target.lowerBound] != ASCII.star else {
            return .targetNotForMethod
        }
        guard Authority.isValid(message.extracting(target), port: .required) else { return .malformedTarget }
        head.authorityRange = target
        return nil
    }

    /// `http://authority/path?query`, or https. User information is refused (RFC 9110 §4.2.4).
    private static func readAbsoluteForm(
        _ message: borrowing Span<UInt8>, _ target: Range<Int>, into head: inout RequestHead
    ) -> RequestError? {
        let text = message.extracting(target)
        let schemeEnd: Int
        if text.count > 7, text.extracting(0..<7).equalsIgnoringCase("http://") {
            schemeEnd = 7
        } else if text.count > 8, text.extracting(0..<8).equalsIgnoringCase("https://") {
            schemeEnd = 8
        } else {
            return .malformedTarget
        }

        let start = target.lowerBound + schemeEnd
        var end = start
        while end < target.upperBound, message[end] != ASCII.slash, message[end] != ASCII.questionMark { end += 1 }
        guard Authority.isValid(message.extracting(start..<end)) else { return .malformedTarget }
        head.authorityRange = start..<end
        if let error = readPath(message, end..<target.upperBound, into: &head) { return error }
        if head.pathRange.isEmpty, head.method != .options || head.queryRange != nil {
            // An empty path means "/": the last slash of "://" serves as one.
            head.pathRange = start - 1..<start
        }
        return nil
    }
}

/// `HTTP/1.1` and its like (RFC 9112 §2.3), exactly eight bytes.
enum VersionText {
    enum Outcome {
        case version(HTTPVersion)
        case runsOut, malformed, unsupported
    }

    static let count = 8
    private static let http11: UInt64 = 0x312E_312F_5054_5448
    private static let template: StaticString = "HTTP/d.d"

    /// Any later minor version is understood as 1.1 (RFC 9110 §2.5).
    static func read(_ message: borrowing Span<UInt8>, at start: Int, end: Int) -> Outcome {
        if start &+ count <= end, message.word(at: start) == http11 { return .version(.http11) }
        for offset in 0..<count {
            guard start + offset < end else { return .runsOut }
            let wanted = unsafe template.utf8Start[offset]
            let byte = message[start + offset]
            guard wanted == UInt8(ascii: "d") ? ASCII.isDigit(byte) : byte == wanted else { return .malformed }
        }
        guard message[start + 5] == UInt8(ascii: "1") else { return .unsupported }
        return .version(message[start + 7] == UInt8(ascii: "0") ? .http10 : .http11)
    }
}
