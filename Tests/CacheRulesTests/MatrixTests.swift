// SPDX-License-Identifier: Apache-2.0
import PlainCache
import Testing

@testable import CacheRules

/// Promise 1: whatever is combined, the rules decide as RFC 9111 does when it is read plainly.
struct MatrixTests {
    private static let directives = [
        "max-age=60", "max-age=0", "s-maxage=60", "s-maxage=0", "public", "private", "private=\"x-a\"", "no-store",
        "no-cache", "no-cache=\"x-a\"", "must-revalidate", "proxy-revalidate", "must-understand",
        "stale-while-revalidate=30", "stale-if-error=30", "immutable", "no-transform",
    ]
    private static let validators: [[(String, String)]] = [
        [], [("ETag", "\"a\"")], [("ETag", "W/\"a\""), ("Last-Modified", Exchange.date(-1000))], [("ETag", "a")],
    ]

    /// All selections of `count` of them, joined to one value.
    private static func selections(_ count: Int, of values: ArraySlice<String>) -> [[String]] {
        guard count > 0 else { return [[]] }
        return values.indices.flatMap { index in
            selections(count - 1, of: values[(index + 1)...]).map { [values[index]] + $0 }
        }
    }

    private static func cacheControl(_ members: [String]) -> [(String, String)] {
        members.isEmpty ? [] : [("Cache-Control", members.joined(separator: ", "))]
    }

    private static func compare(_ exchange: Exchange) {
        guard let difference = MatrixVerdicts(exchange).difference else { return }
        Issue.record("\(difference): \(exchange.requestFields) \(exchange.status) \(exchange.responseFields)")
    }

    @Test(
        "What may be stored: two directives, validators, Authorization, Set-Cookie, Vary",
        arguments: [200, 204, 299, 302, 304, 404, 500, 501, 503, 599] as [UInt16])
    func storing(_ status: UInt16) {
        let pairs = (0...2).flatMap { Self.selections($0, of: Self.directives[...]) }
        let requests: [[(String, String)]] = [[], [("Authorization", "Basic eDp5")], [("Cache-Control", "no-store")]]
        let extras: [[(String, String)]] = [
            [], [("Set-Cookie", "a=b")], [("Vary", "*")], [("Vary", "Accept"), ("Set-Cookie", "a=b")],
            [("Expires", Exchange.date(30)), ("Set-Cookie", "a=b")],
        ]
        for pair in pairs {
            for validator in Self.validators {
                for (extra, request) in extras.flatMap({ extra in requests.map { (extra, $0) } }) {
                    Self.compare(
                        Exchange(
                            requestFields: [("Host", "shop.example")] + request, status: status,
                            responseFields: [("Date", Exchange.date(0))] + Self.cacheControl(pair) + validator + extra))
                }
            }
        }
    }

    @Test("What may be stored: three directives", arguments: [200, 302, 599] as [UInt16], [false, true])
    func threeDirectives(_ status: UInt16, _ isAuthorized: Bool) {
        let request = [("Host", "shop.example")] + (isAuthorized ? [("Authorization", "Basic eDp5")] : [])
        let extras: [[(String, String)]] = [[], [("ETag", "\"a\"")], [("ETag", "\"a\""), ("Set-Cookie", "a=b")]]
        for members in Self.selections(3, of: Self.directives[...]) {
            for extra in extras {
                let fields = extra + Self.cacheControl(members)
                Self.compare(Exchange(requestFields: request, status: status, responseFields: fields))
            }
        }
    }

    @Test("What may be stored: methods", arguments: ["GET", "HEAD", "POST", "PUT", "OPTIONS", "get"])
    func methods(_ method: String) {
        for status in [200, 201, 302, 404] as [UInt16] {
            for location in ["", "/a", "/b"] {
                for members in Self.selections(1, of: Self.directives[...]) {
                    let fields = [("ETag", "\"a\"")] + (location.isEmpty ? [] : [("Content-Location", location)])
                    Self.compare(
                        Exchange(method: method, status: status, responseFields: fields + Self.cacheControl(members)))
                }
            }
        }
    }

    @Test(
        "Lifetime and age: Cache-Control, Expires, Date, Age, Last-Modified",
        arguments: ["", "max-age=60", "s-maxage=x, max-age=60", "public", "max-age=3600, stale-if-error=60"])
    func lifetimes(_ control: String) {
        let times: [(String, [String?])] = [
            ("Expires", [nil, Exchange.date(30), Exchange.date(-30), "0", "Fri, 31 Dec 9999 23:59:59 GMT"]),
            ("Date", [nil, Exchange.date(0), Exchange.date(-20), Exchange.date(20), "yesterday"]),
            ("Age", [nil, "0", "10", "10, 20", "-1", "99999999999"]),
            ("Last-Modified", [nil, Exchange.date(-1000), Exchange.date(1000), Exchange.date(-100_000_000), "x"]),
        ]
        var lines: [[(String, String)]] = [control.isEmpty ? [] : [("Cache-Control", control)]]
        for (name, values) in times {
            lines = lines.flatMap { line in values.map { value in line + (value.map { [(name, $0)] } ?? []) } }
        }
        for (index, fields) in lines.enumerated() {
            Self.compare(
                Exchange(
                    status: index % 3 == 0 ? 302 : 200, responseFields: fields,
                    delayMilliseconds: index % 2 == 0 ? 0 : 1500))
        }
    }

    // MARK: Reuse

    private static let wishes = [
        "no-cache", "no-store", "max-age=0", "max-age=10", "max-age=50", "min-fresh=5", "min-fresh=3600", "max-stale",
        "max-stale=5", "max-stale=x", "only-if-cached", "stale-if-error=30", "max-age=x",
    ]

    @Test("What may be reused: two wishes, at every age", arguments: ["", "7"])
    func reuse(age: String) {
        let moments: [Int] = [0, 3000, 9999, 10_000, 10_001, 59_999, 60_000, 65_000, 90_000, 91_000, 4_000_000]
        let asked = (0...2).flatMap { Self.selections($0, of: Self.wishes[...]) }.map { members in
            let lines = Self.cacheControl(members)
            return (RequestDirectives.parse(Exchange.fields(lines)), PlainWishes(PlainFields(lines)), members)
        }
        var seen: Set<PlainStored> = []
        for members in (0...3).flatMap({ Self.selections($0, of: Self.directives[...]) }) {
            let lines = Self.cacheControl(members) + [("ETag", "\"a\""), ("Last-Modified", Exchange.date(-300))]
            let verdicts = MatrixVerdicts(Exchange.dated(age.isEmpty ? lines : lines + [("Age", age)]))
            guard let (metadata, stored) = verdicts.stored, seen.insert(stored).inserted else { continue }
            for (directives, wishes, names) in asked {
                for moment in moments {
                    let found = Self.reuse(metadata, directives, at: moment)
                    let wanted = Self.reuse(stored, wishes, at: moment)
                    if found != wanted {
                        Issue.record("\(found), not \(wanted): \(members) asked with \(names) after \(moment) ms")
                    }
                }
            }
        }
        #expect(seen.count > 30)
    }

    private static func reuse(
        _ metadata: CachedMetadata, _ directives: RequestDirectives, at milliseconds: Int
    ) -> String {
        let now = Exchange.moment(Int64(milliseconds))
        let decision = Reuse.decide(metadata, request: directives, policy: policy, now: now)
        let saves = StalePolicy.mayServeStaleOnError(
            metadata, failure: .unreachable, request: directives, policy: policy, now: now)
        return "\(decision), \(saves)"
    }

    private static let policy = CachePolicy()

    private static func reuse(_ stored: PlainStored, _ wishes: PlainWishes, at milliseconds: Int) -> String {
        let now = stored.receivedAt + milliseconds
        let decision = PlainCache.reuse(stored, wishes, now: now).decision
        return "\(decision), \(PlainCache.mayAnswerForFailedOrigin(stored, wishes, now: now))"
    }
}
