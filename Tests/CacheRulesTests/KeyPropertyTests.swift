// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@testable import CacheRules

/// A small generator, so that a failing seed can be run again.
struct SeededBytes {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 ^ 0xD1B5_4A32_D192_ED03 }

    mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }

    mutating func text(_ alphabet: [String], upTo count: Int) -> String {
        var text = ""
        for _ in 0..<below(count + 1) { text += alphabet[below(alphabet.count)] }
        return text
    }
}

/// Keys are compared with a naive telling of what they mean: equal meaning, equal key; and the other way round.
struct KeyPropertyTests {
    private static let pieces = [
        "a", "b", ",", " ", "&", "=", "%", "%26", "\"", "\\", ";q=0.5", "*", "!", ">", "~", "/",
    ]

    /// The field's lines as one list, blanks around its commas taken away.
    private func combined(_ values: [String]) -> String? {
        if values.isEmpty { return nil }
        return values.map { value in
            var result: [Character] = []
            var blanks: [Character] = []
            var isQuoted = false
            var isEscaped = false
            for character in Array(value.trimmingCharacters) {
                if character == " ", !isQuoted {
                    blanks.append(character)
                    continue
                }
                let isComma = character == "," && !isQuoted
                if !isComma, result.last != "," || isQuoted { result += blanks }
                blanks = []
                result.append(character)
                if isEscaped {
                    isEscaped = false
                } else if character == "\\", isQuoted {
                    isEscaped = true
                } else if character == "\"" {
                    isQuoted.toggle()
                }
            }
            return String(result)
        }.joined(separator: ",")
    }

    @Test("Two requests share a variant exactly when the fields named mean the same", arguments: 0..<60)
    func secondaryKeys(seed: Int) {
        var random = SeededBytes(seed)
        var meanings: [String: [String?]] = [:]
        for _ in 0..<40 {
            var lines: [(String, String)] = []
            for name in ["x", "y"] {
                for _ in 0..<random.below(3) {
                    lines.append((name, random.text(KeyPropertyTests.pieces, upTo: 3).trimmingCharacters))
                }
            }
            let meaning = ["x", "y"].map { name in combined(lines.filter { $0.0 == name }.map(\.1)) }
            var buffer = ByteBuffer()
            Variance.writeSecondaryKey(Array("x,y".utf8).span, Exchange.fields(lines), into: &buffer)
            let key = buffer.span.text()
            #expect(meanings[key] == nil || meanings[key] == meaning, "\(lines)")
            #expect(!meanings.contains { $0.key != key && $0.value == meaning }, "\(lines)")
            meanings[key] = meaning
        }
    }

    @Test("Two requests share a key exactly when host, path and query are the same", arguments: 0..<60)
    func cacheKeys(seed: Int) {
        var random = SeededBytes(seed)
        var meanings: [String: [String]] = [:]
        for _ in 0..<40 {
            let host = random.text(["a", "A", ":", "/", "%", "?", "80", "example"], upTo: 3)
            let path = "/" + random.text(["a", "/", "%41", "%2F", "b"], upTo: 4)
            let query = random.text(["?", "a", "=", "&", "/"], upTo: 3)
            let target = query.isEmpty ? path : path + "?" + query
            let meaning = [normal(host: host), path.replacing("%41", with: "A"), query]
            var buffer = ByteBuffer()
            CacheKey.write(Exchange.request("GET", target, [("Host", host)]), options: KeyOptions(), into: &buffer)
            let key = buffer.span.text()
            #expect(meanings[key] == nil || meanings[key] == meaning, "\(host) \(target)")
            #expect(!meanings.contains { $0.key != key && $0.value == meaning }, "\(host) \(target)")
            meanings[key] = meaning
        }
    }

    private func normal(host: String) -> String {
        let lower = host.lowercased()
        if lower.hasSuffix(":80") { return String(lower.dropLast(3)) }
        return lower.hasSuffix(":") ? String(lower.dropLast()) : lower
    }
}

extension String {
    fileprivate var trimmingCharacters: String {
        var text = self[...]
        while text.first == " " { text = text.dropFirst() }
        while text.last == " " { text = text.dropLast() }
        return String(text)
    }
}

/// Whatever bytes come, every rule comes to an end and answers.
struct GarbageTests {
    private static let pieces = [
        "max-age", "=", "-1", "99999999999999999999", ",", ";", "\"", "\\", " ", "\t", "no-cache", "private", "q=",
        "0.5",
        "bytes", "-", "*", "W/", "(", ")", ":", "?1", "@", "%", "\u{ff}", "/", "//", "..", "?", "#", "http:", "GMT", "",
    ]

    private static let names = [
        "Cache-Control", "CDN-Cache-Control", "Age", "Date", "Expires", "Vary", "ETag", "Last-Modified", "Location",
        "Content-Location", "Connection", "Cache-Groups", "Surrogate-Key", "Accept-Encoding", "Accept-Language",
        "Pragma",
        "If-None-Match", "If-Modified-Since", "Set-Cookie", "Content-Language",
    ]

    @Test("Garbage in all fields at once", arguments: 0..<500)
    func garbage(seed: Int) {
        var random = SeededBytes(seed)
        let lines = (0..<12).map { _ in
            (GarbageTests.names[random.below(GarbageTests.names.count)], random.text(GarbageTests.pieces, upTo: 6))
        }
        let target = "/" + random.text(GarbageTests.pieces, upTo: 6).filter { $0 != " " }
        let request = Exchange.request("GET", target, lines)
        let response = Exchange.response(200, lines)
        let policy = CachePolicy(ttlMilliseconds: 1000, setCookie: .always)
        let decision = Storability.assess(
            request: request, response: response, policy: policy, requestSentAt: Exchange.moment(),
            responseReceivedAt: Exchange.moment())
        if case .store(let metadata) = decision {
            #expect(metadata.initialAgeMilliseconds >= 0 && metadata.freshnessLifetimeMilliseconds >= 0)
            let stored = StoredFields.select(from: response, policy: policy)
            let again = Exchange.response(304, lines)
            let merged = StoredFieldUpdate.merge(stored: stored, from: again, receivedAt: Exchange.moment())
            #expect(merged.contains(.date))
            let tag = Array((stored.text(of: .eTag) ?? "").utf8)
            let evaluation = ConditionalRequest.evaluate(request, eTag: tag.span, metadata: metadata)
            #expect(evaluation != .forward)
        }
        var buffer = ByteBuffer()
        if case .names(let rule) = VaryRule.parse(response.fields) {
            Variance.writeSecondaryKey(rule.span, request.fields, into: &buffer)
        }
        let language = Array(random.text(GarbageTests.pieces, upTo: 2).utf8)
        let rule = Array("accept-encoding,accept-language".utf8)
        let isFound = Variance.writeLanguageKey(
            rule.span, request.fields, contentLanguage: language.span, into: &buffer)
        #expect(!isFound || request.fields.contains(.acceptLanguage))
        let options = KeyOptions(query: .sorted, dropped: [ParameterPattern("*a*")])
        Invalidation.forEachKey(request: request, response: response, options: options) { key in
            let count = key.count
            #expect(count > 4)
        }
        let isWithinLimits = Tags.forEach(
            in: response.fields, policy: policy, authority: request.authority
        ) { tag in
            let count = tag.count
            #expect(count > 0)
        }
        #expect(isWithinLimits)
    }

    @Test("Garbage as a range, a tag, a coding", arguments: 0..<500)
    func values(seed: Int) {
        var random = SeededBytes(seed)
        let value = Array(random.text(GarbageTests.pieces, upTo: 8).utf8)
        let range = Array(("bytes=" + random.text(["0", "9", "-", ",", " ", "99999999999999999999"], upTo: 8)).utf8)
        let selection = RangeRequest.select(
            range.span, ifRange: nil, eTag: value.span, lastModifiedSeconds: -1, dateSeconds: 0, completeLength: 10)
        if case .single(let range) = selection { #expect(range.lowerBound >= 0 && range.upperBound <= 10) }
        if case .multiple(let ranges) = selection { #expect(ranges.allSatisfy { !$0.isEmpty && $0.upperBound <= 10 }) }
        if let contentRange = ContentRange(value.span)?.range { #expect(!contentRange.isEmpty) }
        let (isStrong, isSame) = (EntityTag.isStrong(value.span), EntityTag.stronglyEqual(value.span, value.span))
        #expect(isStrong == isSame)
        let matches = ParameterPattern("x*y*z").matches(value.span)
        #expect(!matches)
    }
}
