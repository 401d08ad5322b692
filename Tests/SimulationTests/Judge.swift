// SPDX-License-Identifier: Apache-2.0
import HTTPMessages
import RequestFlow
import TestKit

/// Hears of all that is asked, fetched and answered, and says when a promise has been broken.
final class Judge {
    /// What may be expected of the world.
    struct Circumstances {
        /// Neither network nor origin gives a reason not to answer.
        var mustSucceed = false
        /// Resets and stalls blur what happened when.
        var isHostile = false
        var answerLimitNanoseconds: Int64 = 200_000_000_000
        var memoryLimitBytes = 0
        /// The origin's answers that a client may find in memory only.
        var maximumObjectBytes = Int.max
        /// What surely finds room in memory.
        var storableBytes: Int { min(maximumObjectBytes, memoryLimitBytes / 64) }
    }

    struct Invalidation {
        let text: String
        let isSoft: Bool
        /// Nothing that began to be fetched before this may be served...
        let issuedAt: Int64
        /// ...to those who ask after this.
        var acknowledgedAt: Int64?
        let matches: (Page) -> Bool
    }

    let circumstances: Circumstances
    unowned let world: VirtualKernel
    unowned let origin: SimulatedOrigin
    private(set) var failure: String?
    /// Nil while nobody reads it.
    var lines: [String]?
    private(set) var answerCount = 0
    private(set) var hitCount = 0
    private(set) var collapsedCount = 0
    private var open: [Int: SimulatedRequest] = [:]
    private var sentTimes: [Int: Int64] = [:]
    var invalidations: [Invalidation] = []
    var flights = FlightWatch()
    /// By serial number of what may not be shared: the request that was answered with it.
    private var servedAlone: [Int: Int] = [:]
    var drainsSince: Int64?

    init(_ circumstances: Circumstances, world: VirtualKernel, origin: SimulatedOrigin) {
        self.circumstances = circumstances
        self.world = world
        self.origin = origin
    }

    func trace(_ line: @autoclosure () -> String) {
        guard lines != nil else { return }
        let micros = (world.time - 1_000_000_000) / 1000
        lines?.append("\(micros / 1_000_000).\(String(micros % 1_000_000 + 1_000_000).dropFirst()) \(line())")
    }

    /// The first failure counts.
    func fail(_ text: String) {
        trace("FAILURE: \(text)")
        if failure == nil { failure = "\(text), at \(Double(world.time - 1_000_000_000) / 1e9) s" }
    }

    func check(_ holds: Bool, _ text: @autoclosure () -> String) {
        if !holds { fail(text()) }
    }

    // MARK: Clients

    func sent(_ request: SimulatedRequest, by client: Int) {
        open[request.number] = request
        sentTimes[request.number] = request.sentAt
        trace(
            "client \(client): request \(request.number) \(request.kind) \(request.method) \(request.spelling)"
                + " user=\(request.user) \(request.isAuthorized ? "authorized " : "")\(request.ifNoneMatch ?? "")"
                + "\(request.range.map { " range=\($0)" } ?? "")\(request.parts.isEmpty ? "" : " parts=\(request.parts)")"
        )
    }

    func headArrived(_ request: SimulatedRequest, _ answer: SimulatedAnswer) {
        trace(
            "answer to \(request.number): \(answer.status) #\(answer.serial.map { "\($0)" } ?? "-")"
                + " [\(answer.cacheStatus)]\(answer.ends ? " close" : "")")
        guard let serial = answer.serial else { return judgeLocal(request, answer) }
        guard origin.responses.indices.contains(serial) else { return fail("serial \(serial) was never sent") }
        origin.responses[serial].reached(at: world.time)
        judgeHead(request, answer, origin.responses[serial])
    }

    /// The answer is over, whole or not.
    func answered(_ request: SimulatedRequest, _ answer: SimulatedAnswer) {
        open[request.number] = nil
        answerCount += 1
        if answer.isHit { hitCount += 1 }
        if answer.isCollapsed { collapsedCount += 1 }
        trace("request \(request.number) has \(answer.body.count) bytes\(answer.isWhole ? "" : ", broken off")")
        if !answer.isWhole, circumstances.mustSucceed, !request.isGivenUp, !isLaggard(request, answer) {
            fail("the answer to request \(request.number) broke off without a reason")
        }
        if answer.isWhole { judgeBody(request, answer) }
    }

    /// What is too long for memory passes through it, and who keeps others waiting for it may be cut off.
    func isLaggard(_ request: SimulatedRequest, _ answer: SimulatedAnswer) -> Bool {
        guard request.isReadSlowly, let serial = answer.serial else { return false }
        return origin.responses[serial].body.count > circumstances.storableBytes
    }

    func unanswered(_ request: SimulatedRequest) {
        open[request.number] = nil
        trace("request \(request.number) is left unanswered")
        guard circumstances.mustSucceed, !request.isGivenUp, request.kind == .whole else { return }
        // What arrives while the end is near may meet a closed door.
        if let drainsSince, request.sentAt > drainsSince - 200_000_000 { return }
        fail("request \(request.number) was never answered, without a reason")
    }

    /// Whether it was asked for a part, which the origin may not see when something stored is confirmed.
    func wantsPart(_ response: OriginResponse) -> Bool {
        guard let request = open[response.request.asked] else { return false }
        return request.range != nil || !request.parts.isEmpty
    }

    /// How long ago the request was sent that caused this one to the origin.
    func waited(for response: OriginResponse) -> Int64 { world.time - (sentTimes[response.request.asked] ?? 0) }

    /// Nobody hangs for ever (promise 7).
    func checkWaits() {
        for request in open.values
        where world.time - request.sentAt > circumstances.answerLimitNanoseconds && !request.isGivenUp {
            return fail("request \(request.number) waits for too long")
        }
    }

    private func judgeLocal(_ request: SimulatedRequest, _ answer: SimulatedAnswer) {
        if answer.status == 304 {
            return check(
                answer.eTag != nil && answer.eTag == request.ifNoneMatch,
                "request \(request.number) got a 304 for \(answer.eTag ?? "nothing")")
        }
        check(answer.status >= 400, "request \(request.number) got \(answer.status) from nowhere")
        if request.kind != .whole {
            return check(answer.status < 500, "request \(request.number) is bad and got \(answer.status)")
        }
        let isFull = request.page.route == .wait && answer.status == 503
        // Nobody knows whether a server that closes has begun to work on it.
        let isUnsure = request.method == "POST" && answer.cacheStatus.contains("upstream-closed")
        check(
            !circumstances.mustSucceed || isFull || isUnsure || isPoisoned(request),
            "request \(request.number) got \(answer.status) without a reason: \(answer.cacheStatus)")
    }

    /// It breaks the origin, or has waited for as many that do as may lead in turn.
    private func isPoisoned(_ request: SimulatedRequest) -> Bool {
        if request.isPoisonous { return true }
        let leaders = origin.responses.filter {
            $0.request.isPoisonous && $0.request.page == request.page && $0.endedAt ?? .max >= request.sentAt
        }
        return leaders.count >= RequestMachine.maximumLeaders
    }

    // MARK: Heads

    private func judgeHead(_ request: SimulatedRequest, _ answer: SimulatedAnswer, _ head: OriginResponse) {
        let name = "request \(request.number)"
        check(request.kind == .whole, "\(name) is broken and was answered with #\(head.serial)")
        check(head.request.page == request.page, "\(name) for \(request.page.path) got that of \(head.request.target)")
        check(head.request.user == request.user, "\(name) of \(request.user) got that of \(head.request.user)")
        let isOwn = head.request.asked == request.number
        if request.method == "POST" {
            check(isOwn, "\(name) is a POST and got the answer of another")
            check(head.request.bodyByteCount == request.body.count, "\(name) lost some of its body")
            postAnswered(request, head)
        }
        if request.method == "GET", request.page.route != .pass {
            check(head.request.bodyByteCount == 0, "the content of \(name) reached the origin")
        }
        if !isOwn { check(answer.isShared, "\(name) got #\(head.serial) of another and says [\(answer.cacheStatus)]") }
        judgeShareability(request, head, isOwn: isOwn)
        judgeFreshness(request, answer, head, isOwn: isOwn)
        judgeInvalidation(request, answer, head)
        if head.status != 304 {
            let fits =
                answer.status == head.status
                || ([200, 206].contains(head.status) && [200, 206, 304].contains(answer.status))
            check(fits, "\(name) got \(answer.status) of a \(head.status)")
        }
        check(answer.status != 206 || request.range != nil || !request.parts.isEmpty, "\(name) asked for no part")
    }

    /// Promise 1.
    private func judgeShareability(_ request: SimulatedRequest, _ response: OriginResponse, isOwn: Bool) {
        guard !response.isShareable else { return }
        check(isOwn, "request \(request.number) got #\(response.serial), which is not for it alone")
        if let other = servedAlone[response.serial], other != request.number {
            fail("#\(response.serial) was served to requests \(other) and \(request.number)")
        }
        servedAlone[response.serial] = request.number
    }

    private func judgeFreshness(
        _ request: SimulatedRequest, _ answer: SimulatedAnswer, _ response: OriginResponse, isOwn: Bool
    ) {
        guard !isOwn, answer.isShared, !wasConfirmed(request, response) else { return }
        let age = request.sentAt - response.livesSince(isHostile: circumstances.isHostile)
        let limit = (response.lifetimeMilliseconds + response.staleMilliseconds) * 1_000_000
        if age <= limit || isKeptFresh(response, at: request.sentAt) { return }
        // Who joins a fetch under way takes what it brings.
        let slack: Int64 = circumstances.isHostile ? 20_000_000_000 : 200_000_000
        if answer.isCollapsed, request.sentAt - slack <= response.endedAt ?? .max { return }
        fail(
            "request \(request.number) got #\(response.serial) \(age / 1_000_000) ms after it was fetched, which"
                + " may live \(limit / 1_000_000) ms")
    }

    /// Parts of one representation are put together, and live as long as the freshest of them.
    private func isKeptFresh(_ part: OriginResponse, at time: Int64) -> Bool {
        guard part.status == 206, let eTag = part.eTag else { return false }
        return origin.responses.contains { other in
            let limit = (other.lifetimeMilliseconds + other.staleMilliseconds) * 1_000_000
            return other.eTag == eTag && other.isShareable && other.request.page == part.request.page
                && other.request.user == part.request.user
                && time - other.livesSince(isHostile: circumstances.isHostile) <= limit
        }
    }

    /// The origin said to this very request that what is stored still holds, and that nobody else may be told.
    private func wasConfirmed(_ request: SimulatedRequest, _ response: OriginResponse) -> Bool {
        origin.responses.suffix(from: response.serial).contains {
            $0.request.asked == request.number && $0.confirms != nil
                && $0.confirms == response.confirms ?? response.serial
        }
    }

    /// Promise 3.
    private func judgeInvalidation(
        _ request: SimulatedRequest, _ answer: SimulatedAnswer, _ response: OriginResponse
    ) {
        if wasConfirmed(request, response) { return }
        for invalidation in invalidations where response.beganAt < invalidation.issuedAt {
            guard let end = invalidation.acknowledgedAt, invalidation.matches(request.page) else { continue }
            if invalidation.isSoft, response.staleMilliseconds > 0 { continue }
            let isLate = request.sentAt > end
            // Who asked before is served by what was shared after.
            let isSharedLate =
                answer.isShared && response.request.asked != request.number && response.headSentAt ?? 0 > end
            if isLate || isSharedLate {
                return fail(
                    "request \(request.number) got #\(response.serial), fetched before \(invalidation.text) was"
                        + " acknowledged")
            }
        }
    }

    /// RFC 9111 §4.4.
    private func postAnswered(_ request: SimulatedRequest, _ response: OriginResponse) {
        guard response.status < 400, let sentAt = response.headSentAt else { return }
        let page = request.page
        invalidations.append(
            Invalidation(
                text: "POST \(request.number)", isSoft: false, issuedAt: sentAt, acknowledgedAt: world.time
            ) { $0 == page })
    }

    // MARK: Bodies

    private func judgeBody(_ request: SimulatedRequest, _ answer: SimulatedAnswer) {
        guard let serial = answer.serial, request.method != "HEAD", answer.status != 304 else { return }
        let head = origin.responses[serial]
        // Whose body it is cannot be told from its parts where HEAD has brought the fields up to date.
        if answer.status == 206, head.request.method == "HEAD" { return }
        if answer.status == 206, !request.parts.isEmpty { return judgeParts(request, answer, head) }
        guard let response = bodyOwner(answer, head) else {
            return fail("request \(request.number) got a body of nobody's")
        }
        let name = "request \(request.number)"
        check(response.request.page == request.page, "\(name) got the body of \(response.request.target)")
        check(response.request.user == request.user, "\(name) got the body of user \(response.request.user)")
        judgeShareability(request, response, isOwn: response.request.asked == request.number)
        let isFlawed = response.flaw == .truncated || response.flaw == .resetInBody
        check(!isFlawed, "\(name) got a whole body of #\(response.serial), which was \(response.flaw)")
        if answer.status == 206 {
            judgePart(request, answer, response)
        } else if answer.body != response.body {
            let place = zip(answer.body, response.body).prefix { $0 == $1 }.count
            fail(
                "\(name) got \(answer.body.count) bytes, of the \(response.body.count) of #\(response.serial) those"
                    + " before \(place) are right")
            trace(String(decoding: answer.body, as: UTF8.self))
        }
    }

    /// A response that was confirmed has the fields of its confirmation.
    private func bodyOwner(_ answer: SimulatedAnswer, _ head: OriginResponse) -> OriginResponse? {
        if let confirmed = head.confirms { return origin.responses[confirmed] }
        guard head.request.method == "HEAD" else { return head }
        let number = String(decoding: answer.body.prefix(20), as: UTF8.self).split { !$0.isNumber }.first
        guard let serial = number.flatMap({ Int($0) }), origin.responses.indices.contains(serial) else { return nil }
        return origin.responses[serial]
    }

    /// multipart/byteranges: each part asked for, at its place, in order.
    private func judgeParts(_ request: SimulatedRequest, _ answer: SimulatedAnswer, _ head: OriginResponse) {
        let response = head.confirms.map { origin.responses[$0] } ?? head
        var rest = answer.body[...]
        for part in request.parts {
            let place = "Content-Range: bytes \(part.lowerBound)-\(part.upperBound)/\(response.body.count)\r\n\r\n"
            guard let found = rest.ranges(of: place.utf8 + response.body[part] + "\r\n--".utf8).first else {
                trace(String(decoding: answer.body, as: UTF8.self))
                return fail("request \(request.number) got no part \(part) of #\(response.serial)")
            }
            rest = rest[found.upperBound...]
        }
        check(rest.suffix(4).elementsEqual("--\r\n".utf8), "request \(request.number) got parts without an end")
    }

    private func judgePart(_ request: SimulatedRequest, _ answer: SimulatedAnswer, _ response: OriginResponse) {
        let numbers = (answer.contentRange ?? "").split { !$0.isNumber }.compactMap { Int($0) }
        guard numbers.count == 3, let range = request.range, numbers[0] <= numbers[1] else {
            return fail("request \(request.number) got a part without a place")
        }
        let end = min(range.upperBound, response.body.count - 1)
        check(numbers == [range.lowerBound, end, response.body.count], "request \(request.number) got another part")
        guard end < response.body.count, range.lowerBound <= end else { return }
        check(
            answer.body == Array(response.body[range.lowerBound...end]),
            "request \(request.number) got other bytes than those of its part")
    }
}
