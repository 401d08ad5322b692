// SPDX-License-Identifier: Apache-2.0
import EventIO
import PlainCache
import TestKit
import Testing

@testable import Server

/// Promise 1 through the whole proxy: a sample of the combinations that the rules are tested with, judged by what
/// the origin sees and what the client gets.
@Suite struct MatrixTests {
    private struct Case {
        let target: String
        let status: Int
        let response: [(String, String)]
        /// What the first client sends, and what the second does some seconds later.
        let first: [(String, String)]
        let second: [(String, String)]

        init(_ number: Int, _ random: inout SeededRandom) {
            target = "/case/\(number)"
            status = [200, 200, 200, 204, 299, 302, 404, 500, 501].randomElement(using: &random) ?? 200
            let directives = (0..<Int.random(in: 0...3, using: &random)).compactMap { _ in
                Self.directives.randomElement(using: &random)
            }
            var response: [(String, String)] = []
            if !directives.isEmpty { response.append(("Cache-Control", directives.joined(separator: ", "))) }
            for line in Self.lines where random.chance(0.25) { response.append(line) }
            self.response = response
            first = Self.requestLines.filter { _ in random.chance(0.15) }
            second = Self.requestLines.filter { _ in random.chance(0.15) }
        }

        private static let directives = [
            "max-age=60", "max-age=600", "max-age=2", "s-maxage=60", "s-maxage=2", "public", "private", "no-store",
            "no-cache", "must-revalidate", "proxy-revalidate", "must-understand", "stale-while-revalidate=30",
            "max-age=x", "private=\"x-a\"",
        ]
        private static let lines = [
            ("ETag", "\"v1\""), ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"), ("Age", "30"),
            ("Expires", "Fri, 31 Dec 2100 00:00:00 GMT"), ("Set-Cookie", "a=b"), ("Vary", "Accept-Language"),
            ("Vary", "*"), ("Vary", "X-Kind"), ("CDN-Cache-Control", ""),
        ]
        private static let requestLines = [
            ("Authorization", "Basic eDp5"), ("Accept-Language", "de"), ("Accept-Language", "de;q=0.5, en;q=0.1"),
            ("X-Kind", "a"), ("X-Kind", "b"), ("Cache-Control", "no-cache"), ("Cache-Control", "max-age=1"),
            ("Cache-Control", "max-stale"), ("Cache-Control", "only-if-cached"), ("Cache-Control", "min-fresh=100"),
            ("Cache-Control", "no-store"), ("Pragma", "no-cache"),
        ]

        var description: String { "\(target): \(status) \(response), first \(first), second \(second)" }
    }

    private static let route =
        "route /* { upstream api; client_cache_control honor; store set_cookie=explicit_lifetime }"

    private static func lines(_ fields: [(String, String)]) -> String {
        fields.map { "\($0.0): \($0.1)\r\n" }.joined()
    }

    private static func number(_ request: ScriptedWorld.Request) -> Int {
        Int(request.target.split(separator: "/").last ?? "") ?? 0
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func whatAnswersTheSecondRequestIsWhatTheLawSays(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let cases = (0..<100).map { Case($0, &random) }
        var seen: [Int: Int] = [:]
        let larder = try ScriptedWorld(Self.route, seed: seed) { request in
            let number = Self.number(request)
            seen[number, default: 0] += 1
            let fields = Self.lines(cases[number].response + [("X-Answer", "\(seen[number, default: 0])")])
            let status = seen[number] == 1 ? cases[number].status : 200
            return "HTTP/1.1 \(status) Any\r\n\(fields)\(status == 204 ? "" : "Content-Length: 0\r\n")\r\n"
        }
        // Judged by what follows.
        for one in cases { _ = larder.ask("GET \(one.target)", fields: Self.lines(one.first)) }
        larder.world.run(for: .seconds(5))
        for (number, one) in cases.enumerated() {
            let before = seen[number] ?? 0
            let answer = larder.ask("GET \(one.target)", fields: Self.lines(one.second))
            larder.world.run(for: .milliseconds(50))
            let found = Outcome(answer, requestsBefore: before, now: seen[number] ?? 0)
            #expect(found == Self.expected(one, wasAsked: before > 0), "\(one.description)\n\(answer.head)")
        }
    }

    private enum Outcome: Equatable {
        case stored
        case storedAndRefreshed
        case fetched
        case refused

        init(_ answer: ScriptedWorld.Answer, requestsBefore: Int, now: Int) {
            switch answer.field("X-Answer") {
            case nil: self = .refused
            case "\(requestsBefore)": self = now == requestsBefore ? .stored : .storedAndRefreshed
            default: self = .fetched
            }
        }
    }

    private static func expected(_ one: Case, wasAsked: Bool) -> Outcome {
        let wishes = PlainWishes(PlainFields(one.second))
        let now = 1_800_000_000_000
        let verdict = PlainCache.storing(
            PlainRequest(target: one.target, fields: PlainFields(one.first)),
            PlainResponse(status: one.status, fields: PlainFields(one.response)),
            PlainTimes(requestSent: now, responseReceived: now))
        guard wasAsked, case .store(let stored) = verdict,
            PlainCache.matches(
                PlainFields(one.response), original: PlainFields(one.first), request: PlainFields(one.second))
        else { return wishes.onlyIfCached ? .refused : .fetched }
        // Between the two requests lies a little more than five seconds.
        switch PlainCache.reuse(stored, wishes, now: now + 5500) {
        case .fresh, .staleAllowed: return .stored
        case .staleWhileRevalidate: return .storedAndRefreshed
        case .validate: return .fetched
        case .unusable: return .refused
        }
    }
}
