// SPDX-License-Identifier: Apache-2.0

/// When a response came, in milliseconds of the same clock and since 1970.
package struct PlainTimes: Sendable {
    package var requestSent: Int
    package var responseReceived: Int

    package init(requestSent: Int, responseReceived: Int) {
        self.requestSent = requestSent
        self.responseReceived = responseReceived
    }

    var nowSeconds: Int { responseReceived / 1000 }
}

/// What is remembered of a stored response. Durations are milliseconds, dates seconds since 1970.
package struct PlainStored: Hashable, Sendable {
    package var status = 0
    package var lifetime = 0
    package var initialAge = 0
    package var receivedAt = 0
    package var staleWhileRevalidate = 0
    package var staleIfError = 0
    package var date = 0
    package var lastModified: Int?
    package var eTag: String?
    package var needsValidation = false
    package var staleIsForbidden = false
    package var lifetimeIsExplicit = false
    package var lifetimeIsHeuristic = false
    package var hasSetCookie = false
    package var varies = false
    package var forbidsTransformation = false

    package init() {}

    package var hasStrongETag: Bool { eTag?.hasPrefix("\"") ?? false }
    package var hasWeakETag: Bool { eTag?.hasPrefix("W/") ?? false }
}

package enum PlainStoring: Equatable {
    case store(PlainStored)
    /// RFC 9111 §3 forbids it.
    case forbidden(String)
    /// It may be stored, but could never be used.
    case useless(PlainStored)
}

/// RFC 9111 §3, §4.2 and §5.2.2 for a shared cache whose route says nothing.
package enum PlainCache {
    package static func storing(_ request: PlainRequest, _ response: PlainResponse, _ times: PlainTimes) -> PlainStoring
    {
        let (directives, isTargeted) = PlainDirectives.inEffect(response.fields)
        var response = response
        // RFC 9213 §2.1: a targeted field silences Expires.
        if isTargeted { response.fields.lines.removeAll { $0.name == "expires" } }
        if let reason = prohibition(request, response, directives, times) { return .forbidden(reason) }
        let stored = remembered(response, directives, times)
        let canValidate = stored.eTag != nil || stored.lastModified != nil
        let canBeUsed = !stored.needsValidation && (stored.lifetime > 0 || stored.staleWhileRevalidate > 0)
        return canValidate || canBeUsed ? .store(stored) : .useless(stored)
    }

    // MARK: §3

    private static func prohibition(
        _ request: PlainRequest, _ response: PlainResponse, _ directives: PlainDirectives, _ times: PlainTimes
    ) -> String? {
        let wishes = PlainDirectives(lines: request.fields.values("cache-control"))
        let isUnderstood = understoodStatuses.contains(response.status)
        if response.status < 200 { return "not final" }
        if response.status == 206 || response.status == 304 { return "not handled" }
        if requestStatuses.contains(response.status) { return "about the request" }
        if directives.has("must-understand"), !isUnderstood { return "must-understand" }
        if wishes.has("no-store") { return "no-store of the request" }
        if directives.has("no-store"), !(directives.allows("must-understand") && isUnderstood) { return "no-store" }
        if directives.hasUnqualified("private") { return "private" }
        if request.fields.has("authorization"), !mayStoreAuthorized(directives) { return "authorization" }
        let named = namedLifetime(response, directives, times)
        let isCacheableByItself = heuristicStatuses.contains(response.status) || directives.allows("public")
        if named == nil, !isCacheableByItself { return "nothing allows it" }
        if varyNames(response.fields) == nil { return "vary" }
        // Not the RFC's: what sets cookies is stored only if its origin said for how long.
        if response.fields.has("set-cookie"), named == nil { return "set-cookie" }
        if request.method == "GET" { return nil }
        // RFC 9110 §9.3.3.
        let isStoredPost =
            request.method == "POST" && (200..<300).contains(response.status) && named != nil
            && response.fields.values("content-location") == [request.target]
        return isStoredPost ? nil : "method"
    }

    /// RFC 9110 §15.1, of what a cache without partial responses may take.
    private static let heuristicStatuses: Set<Int> = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]

    /// Those that judge a condition, or the form of the request, or who sent it: no answer for others.
    private static let requestStatuses: Set<Int> = [
        400, 407, 408, 411, 412, 413, 414, 415, 416, 417, 421, 425, 426, 428, 429, 431, 501, 505, 511,
    ]

    /// Those whose meaning is known; the RFC leaves it to the cache.
    private static let understoodStatuses = Set(
        [200...205, 300...303, 307...308, 400...401, 403...406, 408...417, 421...422, 426...426, 429...429]
            .joined()
    ).union([431, 500, 501, 502, 503, 504, 505])

    /// §3.5
    private static func mayStoreAuthorized(_ directives: PlainDirectives) -> Bool {
        directives.allows("public") || directives.allows("must-revalidate") || directives.isWellWritten("s-maxage")
    }

    // MARK: §4.2.1 and §4.2.2

    private static func namedLifetime(
        _ response: PlainResponse, _ directives: PlainDirectives, _ times: PlainTimes
    ) -> Int? {
        if let shared = directives.lifetime("s-maxage") { return shared }
        if let own = directives.lifetime("max-age") { return own }
        guard let expires = response.fields.first("expires") else { return nil }
        // §5.3: what is no date is in the past.
        guard let end = PlainDate.parse(expires, now: date(response, times)) else { return 0 }
        return min(max(end - date(response, times), 0), 2_147_483_648)
    }

    /// RFC 9110 §6.6.1: whoever gets no Date notes when the response came.
    private static func date(_ response: PlainResponse, _ times: PlainTimes) -> Int {
        response.fields.first("date").flatMap { PlainDate.parse($0, now: times.nowSeconds) } ?? times.nowSeconds
    }

    private static func heuristicLifetime(
        _ response: PlainResponse, _ directives: PlainDirectives, _ lastModified: Int?, _ times: PlainTimes
    ) -> Int? {
        guard heuristicStatuses.contains(response.status) || directives.allows("public"), let lastModified,
            lastModified < date(response, times)
        else { return nil }
        // A tenth, in milliseconds, and a day at most.
        return min((date(response, times) - lastModified) * 100, 86_400_000)
    }

    // MARK: What is remembered

    private static func remembered(
        _ response: PlainResponse, _ directives: PlainDirectives, _ times: PlainTimes
    ) -> PlainStored {
        var stored = PlainStored()
        stored.status = response.status
        stored.receivedAt = times.responseReceived
        stored.date = date(response, times)
        stored.lastModified = response.fields.first("last-modified")
            .flatMap { PlainDate.parse($0, now: times.nowSeconds) }
        stored.eTag = response.fields.first("etag").flatMap { isEntityTag($0) ? $0 : nil }
        if let named = namedLifetime(response, directives, times) {
            stored.lifetime = named * 1000
            stored.lifetimeIsExplicit = true
        } else if let guess = heuristicLifetime(response, directives, stored.lastModified, times) {
            stored.lifetime = guess
            stored.lifetimeIsHeuristic = true
        }
        stored.initialAge = initialAge(response, times)
        stored.needsValidation = directives.hasUnqualified("no-cache")
        // §5.2.2.2, §5.2.2.8 and §5.2.2.10.
        stored.staleIsForbidden = ["must-revalidate", "proxy-revalidate", "s-maxage"].contains { directives.has($0) }
        if !stored.needsValidation, !stored.staleIsForbidden {
            stored.staleWhileRevalidate = (directives.seconds("stale-while-revalidate") ?? 0) * 1000
            stored.staleIfError = (directives.seconds("stale-if-error") ?? 0) * 1000
        }
        stored.hasSetCookie = response.fields.has("set-cookie")
        stored.varies = response.fields.has("vary")
        stored.forbidsTransformation = directives.has("no-transform")
        return stored
    }

    /// §4.2.3
    private static func initialAge(_ response: PlainResponse, _ times: PlainTimes) -> Int {
        let apparent = max(0, times.nowSeconds - date(response, times)) * 1000
        // §5.1: of a list the first counts, and what is no number is ignored.
        let named = response.fields.values("age").flatMap(listMembers).first.flatMap(deltaSeconds) ?? 0
        let corrected = named * 1000 + times.responseReceived - times.requestSent
        return max(min(apparent, 2_147_483_648_000), corrected)
    }

    /// RFC 9110 §8.8.3
    private static func isEntityTag(_ text: String) -> Bool {
        var scalars = Array(text.unicodeScalars)
        if scalars.starts(with: ["W", "/"]) { scalars.removeFirst(2) }
        guard scalars.count >= 2, scalars.first == "\"", scalars.last == "\"" else { return false }
        return scalars.dropFirst().dropLast().allSatisfy { $0.value > 0x20 && $0.value != 0x22 && $0.value != 0x7F }
    }
}
