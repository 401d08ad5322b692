// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import HTTPMessages
import PlainCache

extension Properties {
    /// An exchange and a later request, however they are spelled: nothing is stored, and nothing reused, that
    /// RFC 9111 forbids when it is read plainly.
    ///
    /// A line each: `<Name: value` of the response, `>Name: value` of its request, `?Name: value` of the later
    /// request; any other line names the status.
    package static func cacheHeaders(_ input: borrowing Span<UInt8>) -> String? {
        guard input.count <= 4096 else { return nil }
        let exchange = SpelledExchange(input)
        let decision = Storability.assess(
            request: exchange.request, response: exchange.response, policy: policy, requestSentAt: moment(0),
            responseReceivedAt: moment(0))
        guard case .store(let metadata) = decision else { return nil }
        let now = moment(0).wallMilliseconds
        let plain = PlainCache.storing(
            PlainRequest(fields: PlainFields(exchange.requestLines)),
            PlainResponse(status: Int(exchange.response.status.code), fields: PlainFields(exchange.responseLines)),
            PlainTimes(requestSent: Int(now), responseReceived: Int(now)))
        switch plain {
        case .forbidden(let reason): return "stored in spite of \(reason)"
        case .store(let stored), .useless(let stored):
            return remembersTooMuch(metadata, stored) ?? reusesTooMuch(metadata, stored, exchange)
                ?? sharesTooMuch(exchange)
        }
    }

    private static let policy = CachePolicy()

    private static func moment(_ milliseconds: Int64) -> Moment {
        Moment(
            monotonicNanoseconds: milliseconds * 1_000_000,
            wallNanoseconds: (1_780_315_200_000 + milliseconds) * 1_000_000)
    }

    private static func remembersTooMuch(_ metadata: CachedMetadata, _ stored: PlainStored) -> String? {
        if metadata.initialAgeMilliseconds < stored.initialAge { return "younger than it is" }
        if metadata.freshnessLifetimeMilliseconds > stored.lifetime { return "fresh for too long" }
        if metadata.staleIfErrorMilliseconds > stored.staleIfError { return "stale on errors for too long" }
        if metadata.flags.contains(.hasStrongETag), !stored.hasStrongETag { return "an entity tag that is none" }
        if metadata.flags.contains(.hasWeakETag), !stored.hasWeakETag { return "a weak entity tag that is none" }
        if metadata.flags.contains(.hasLastModified), stored.lastModified == nil { return "a date that is none" }
        return nil
    }

    private static func reusesTooMuch(
        _ metadata: CachedMetadata, _ stored: PlainStored, _ exchange: borrowing SpelledExchange
    ) -> String? {
        let directives = RequestDirectives.parse(exchange.later.fields)
        let wishes = PlainWishes(PlainFields(exchange.laterLines))
        for milliseconds in [0, 1, 999, 5000, 10_000, 60_000, 3_600_000, 100_000_000_000] as [Int64] {
            let now = moment(milliseconds)
            let found = Reuse.decide(metadata, request: directives, policy: policy, now: now)
            let wanted = PlainCache.reuse(stored, wishes, now: Int(now.wallMilliseconds))
            let isAllowed =
                switch (found, wanted) {
                case (.validate, _), (.unusable, _), (.fresh, .fresh), (.staleAllowed, .staleAllowed): true
                case (.staleWhileRevalidate, .staleWhileRevalidate): true
                default: false
                }
            if !isAllowed { return "\(found), not \(wanted), after \(milliseconds) ms" }
        }
        return nil
    }

    private static func sharesTooMuch(_ exchange: borrowing SpelledExchange) -> String? {
        guard variantMatches(exchange) else { return nil }
        let isAllowed = PlainCache.matches(
            PlainFields(exchange.responseLines), original: PlainFields(exchange.requestLines),
            request: PlainFields(exchange.laterLines))
        return isAllowed ? nil : "a variant that is another's"
    }

    private static func variantMatches(_ exchange: borrowing SpelledExchange) -> Bool {
        switch VaryRule.parse(exchange.response.fields) {
        case .none: return true
        case .star: return false
        case .names(let rule):
            var keys = ByteBuffer()
            let fields = exchange.response.fields
            if let index = fields.firstIndex(of: .contentLanguage) {
                let language = fields.value(at: index)
                Variance.writeStoredKeys(rule.span, exchange.request.fields, contentLanguage: language, into: &keys)
            } else {
                Variance.writeStoredKeys(rule.span, exchange.request.fields, contentLanguage: nil, into: &keys)
            }
            var scratch = ByteBuffer()
            return Variance.matches(rule.span, exchange.later.fields, storedKeys: keys.span, scratch: &scratch)
        }
    }
}

/// An exchange as a fuzzer's input tells it, in the forms that both readings take.
private struct SpelledExchange: ~Copyable {
    var request = RequestHead()
    var response = ResponseHead()
    var later = RequestHead()
    var requestLines: [(String, String)] = []
    var responseLines: [(String, String)] = []
    var laterLines: [(String, String)] = []

    init(_ input: borrowing Span<UInt8>) {
        response.status = Status(200)
        request.fields.setBytes(Array("GET /a".utf8).span)
        request.method = .get
        request.methodRange = 0..<3
        (request.targetRange, request.pathRange) = (4..<6, 4..<6)
        var start = 0
        while start < input.count {
            let end = input.firstIndex(of: ASCII.lineFeed, in: start..<input.count) ?? input.count
            read(input.extracting(start..<end))
            start = end + 1
        }
    }

    private mutating func read(_ line: borrowing Span<UInt8>) {
        guard !line.isEmpty else { return }
        let kind = line[0]
        guard kind == UInt8(ascii: "<") || kind == UInt8(ascii: ">") || kind == ASCII.questionMark else {
            let code = DecimalText.parseClamped(line, to: 599) ?? 200
            return response.status = Status(UInt16(max(code, 200)))
        }
        guard let colon = line.firstIndex(of: ASCII.colon, in: 1..<line.count), colon > 1 else { return }
        for index in 1..<colon where !ASCII.isTokenCharacter(line[index]) { return }
        // What no parser of a head lets through is no question here.
        for index in colon..<line.count where (line[index] < 0x20 && line[index] != 9) || line[index] == 0x7F { return }
        let name = line.extracting(1..<colon)
        let value = line.extracting(line.trimmingBlanks(colon + 1..<line.count))
        let text = (Self.text(name), Self.text(value))
        switch kind {
        case UInt8(ascii: "<"):
            response.fields.append(name: name, value)
            responseLines.append(text)
        case UInt8(ascii: ">"):
            request.fields.append(name: name, value)
            requestLines.append(text)
        default:
            later.fields.append(name: name, value)
            laterLines.append(text)
        }
    }

    /// Each byte a character, so that no two of them make one.
    private static func text(_ bytes: borrowing Span<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        for index in 0..<bytes.count { text.append(Unicode.Scalar(bytes[index])) }
        return String(text)
    }
}
