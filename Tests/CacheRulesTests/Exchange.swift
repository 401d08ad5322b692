// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

@testable import CacheRules

/// One exchange with an origin, and what the rules make of it some seconds later.
struct Exchange: Sendable {
    /// Noon of 2026-06-01, where the tests' clock starts.
    static let startSeconds: Int64 = 1_780_315_200

    var method = "GET"
    var target = "/a"
    var requestFields: [(String, String)] = [("Host", "shop.example")]
    var status: UInt16 = 200
    var responseFields: [(String, String)] = []
    var delayMilliseconds: Int64 = 0

    static func moment(_ milliseconds: Int64 = 0) -> Moment {
        Moment(
            monotonicNanoseconds: (5_000_000 + milliseconds) * 1_000_000,
            wallNanoseconds: (startSeconds * 1000 + milliseconds) * 1_000_000)
    }

    /// The date `seconds` after the clock's start.
    static func date(_ seconds: Int64) -> String {
        var buffer = ByteBuffer()
        HTTPDate.write(startSeconds + seconds, into: &buffer)
        return buffer.span.text()
    }

    static func fields(_ lines: [(String, String)]) -> Fields {
        var fields = Fields()
        for line in lines { fields.append(line.0, line.1) }
        return fields
    }

    static func request(
        _ method: String = "GET", _ target: String = "/a", _ lines: [(String, String)] = [("Host", "shop.example")]
    ) -> RequestHead {
        var head = RequestHead()
        head.fields.setBytes(Array("\(method) \(target)".utf8).span)
        head.method = Method(Array(method.utf8).span)
        head.methodRange = 0..<method.utf8.count
        let start = method.utf8.count + 1
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }.count
        head.targetRange = start..<start + target.utf8.count
        head.pathRange = start..<start + path
        if path < target.utf8.count { head.queryRange = start + path + 1..<start + target.utf8.count }
        for line in lines { head.fields.append(line.0, line.1) }
        var scratch = ByteBuffer()
        do { try head.normalizeTarget(scratch: &scratch) } catch { return head }  // no such request is admitted
        return head
    }

    static func response(_ status: UInt16, _ lines: [(String, String)]) -> ResponseHead {
        var head = ResponseHead()
        head.status = Status(status)
        head.fields = fields(lines)
        return head
    }

    func assess(_ policy: CachePolicy = CachePolicy()) -> StoreDecision {
        Storability.assess(
            request: Exchange.request(method, target, requestFields),
            response: Exchange.response(status, responseFields), policy: policy,
            requestSentAt: Exchange.moment(-delayMilliseconds), responseReceivedAt: Exchange.moment())
    }

    func refusal(_ policy: CachePolicy = CachePolicy()) -> NotStoredReason? {
        if case .refuse(let reason) = assess(policy) { return reason }
        return nil
    }

    func metadata(_ policy: CachePolicy = CachePolicy()) -> CachedMetadata? {
        if case .store(let metadata) = assess(policy) { return metadata }
        return nil
    }

    /// What happens to a request `seconds` after the response came; nil when nothing was stored.
    func reuse(
        after seconds: Int64 = 3, _ lines: [(String, String)] = [], _ policy: CachePolicy = CachePolicy()
    ) -> ReuseDecision? {
        guard let metadata = metadata(policy) else { return nil }
        return Reuse.decide(
            metadata, request: RequestDirectives.parse(Exchange.fields(lines)), policy: policy,
            now: Exchange.moment(seconds * 1000))
    }

    /// Whether it answers by itself `seconds` later.
    func isFresh(after seconds: Int64 = 3, _ policy: CachePolicy = CachePolicy()) -> Bool {
        reuse(after: seconds, [], policy) == .fresh
    }

    /// An exchange that came with these response fields and a Date of now.
    static func dated(_ lines: [(String, String)], status: UInt16 = 200) -> Exchange {
        Exchange(status: status, responseFields: [("Date", date(0))] + lines)
    }
}
