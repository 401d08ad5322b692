// SPDX-License-Identifier: Apache-2.0

/// One answer of the simulated origin, as the judge needs to know it. Its serial number is in its fields and at
/// the beginning of its body, so that whatever a client gets can be traced to the request that fetched it.
final class OriginResponse {
    /// How it ends before it is whole, if it does.
    enum Flaw { case none, truncated, resetInHead, resetInBody, malformedHead }

    let serial: Int
    let request: OriginRequest
    let version: Int
    /// When the origin had read its request; the proxy began it before that.
    let beganAt: Int64
    var status = 200
    /// Whether others than the client whose request fetched it may have it.
    var isShareable = true
    var lifetimeMilliseconds: Int64 = 0
    /// The route gives the lifetime, which begins when the head has come.
    var livesFromReceipt = false
    /// The longer of the two windows of RFC 5861.
    var staleMilliseconds: Int64 = 0
    /// The serial number of the response that a 304 confirms.
    var confirms: Int?
    var eTag: String?
    /// An earlier answer with the same tag and bytes.
    var represents: OriginResponse?
    var body: [UInt8] = []
    var flaw = Flaw.none
    private(set) var headSentAt: Int64?
    /// When the last byte left, or the connection ended before that.
    private(set) var endedAt: Int64?

    init(serial: Int, request: OriginRequest, version: Int, beganAt: Int64) {
        self.serial = serial
        self.request = request
        self.version = version
        self.beganAt = beganAt
    }

    /// When its head first reached a client.
    private(set) var reachedAt: Int64?

    /// When its lifetime begins at the latest. `isHostile`: a head may be under way for long.
    func livesSince(isHostile: Bool) -> Int64 {
        guard livesFromReceipt else { return beganAt }
        let usual = (headSentAt ?? beganAt) + 300_000_000
        return isHostile ? max(usual, reachedAt ?? usual) : usual
    }

    var isOver: Bool { endedAt != nil }

    func headSent(at time: Int64) { headSentAt = headSentAt ?? time }
    func reached(at time: Int64) { reachedAt = reachedAt ?? time }
    func ended(at time: Int64) { endedAt = endedAt ?? time }

    /// `count` bytes or more: what must be checked, then a pattern.
    func makeBody(byteCount count: Int) {
        var bytes = Array("serial=\(serial) for=\(request.target) user=\(request.user) version=\(version)\n".utf8)
        let line = Array("\(serial):abcdefghijklmnopqrstuvwxyz-0123456789-\(serial &* 7919)\n".utf8)
        while bytes.count < count { bytes += line }
        body = bytes
    }
}

/// What the origin read of one request.
struct OriginRequest {
    var method = "GET"
    /// Path and query as they arrived.
    var target = "/"
    /// Whose answer is asked for: `*` when it is the same for all.
    var user = "*"
    /// The number that the client gave its request.
    var asked = -1
    var isAuthorized = false
    var ifNoneMatch: String?
    var ifRange: String?
    var range: ClosedRange<Int>?
    /// Several parts were asked for; the origin answers with the whole.
    var wantsParts = false
    var bodyByteCount = 0
    var isPoisonous = false
    /// It says something beside its key that chooses the answer.
    var isOnItsOwn = false

    var page: Page { Page(target: target) }
    /// What clients may wait for together.
    var coalesces: Bool { method == "GET" && range == nil && !wantsParts && !isOnItsOwn && page.route.coalesces }
}
