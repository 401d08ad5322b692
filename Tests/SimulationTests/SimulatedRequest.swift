// SPDX-License-Identifier: Apache-2.0
import HTTPMessages

/// One request of a simulated client, and what came of it.
final class SimulatedRequest {
    enum Kind { case whole, garbage, half }

    let number: Int
    let kind: Kind
    let page: Page
    var method = "GET"
    var spelling = ""
    var user = "*"
    var isAuthorized = false
    var range: ClosedRange<Int>?
    /// Several parts, in order and apart, within the shortest body.
    var parts: [ClosedRange<Int>] = []
    var ifNoneMatch: String?
    /// A line that makes its answer nobody else's.
    var ownLine: String?
    var isHTTP10 = false
    var asksToClose = false
    var body: [UInt8] = []
    var isChunked = false
    /// Whatever answers it, the origin breaks.
    var isPoisonous = false
    /// Its client pauses before it reads all of the answer.
    var isReadSlowly = false
    /// Its client leaves on purpose before it has been answered.
    var isGivenUp = false
    var sentAt: Int64 = 0

    init(number: Int, kind: Kind, page: Page) {
        self.number = number
        self.kind = kind
        self.page = page
    }

    /// As far as it can be told from what is sent.
    var wireMethod: Method { kind != .garbage ? Method(Array(method.utf8).span) : .get }

    var bytes: [UInt8] {
        if kind == .garbage { return Array("GET\u{1} /\(number) HTTP/9.9\r\n: x\r\n\r\n".utf8) }
        var head = "\(method) \(spelling) HTTP/1.\(isHTTP10 ? 0 : 1)\r\nHost: shop.example\r\nX-Asked: \(number)\r\n"
        switch page.audience {
        case .everyone where isAuthorized: head += "Authorization: Bearer anybody\r\n"
        case .everyone: break
        case .varied: head += "X-User: \(user)\r\n"
        case .personal: head += "Authorization: Bearer \(user)\r\n"
        }
        if let range { head += "Range: bytes=\(range.lowerBound)-\(range.upperBound)\r\n" }
        if !parts.isEmpty {
            head += "Range: bytes=\(parts.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ","))\r\n"
        }
        if isPoisonous { head += "X-Poison: yes\r\n" }
        if let ifNoneMatch { head += "If-None-Match: \(ifNoneMatch)\r\n" }
        if let ownLine { head += ownLine + "\r\n" }
        if asksToClose { head += "Connection: close\r\n" } else if isHTTP10 { head += "Connection: keep-alive\r\n" }
        if kind == .half { return Array(head.utf8) }
        guard method == "POST" || !body.isEmpty else { return Array((head + "\r\n").utf8) }
        if isChunked {
            let size = String(body.count, radix: 16)
            return Array((head + "Transfer-Encoding: chunked\r\n\r\n\(size)\r\n").utf8) + body
                + Array("\r\n0\r\n\r\n".utf8)
        }
        return Array((head + "Content-Length: \(body.count)\r\n\r\n").utf8) + body
    }
}

/// What a client got for a request, as far as it got.
struct SimulatedAnswer {
    var status = 0
    /// Of the response whose fields these are.
    var serial: Int?
    var eTag: String?
    var cacheStatus = ""
    var contentRange: String?
    var ends = false
    var body: [UInt8] = []
    /// The message came to its end as its framing has it.
    var isWhole = false
    var headAt: Int64 = 0

    /// The proxy said it itself.
    var isLocal: Bool { serial == nil && status != 304 && status != 416 }
    var isCollapsed: Bool { cacheStatus.contains("collapsed") }
    var isHit: Bool { cacheStatus.contains("; hit") }
    /// Stored, and served after the origin was asked: it failed, or it confirmed what is stored.
    var isStale: Bool { cacheStatus.contains("fwd=stale") }
    var isShared: Bool { isCollapsed || isHit || isStale }
}
