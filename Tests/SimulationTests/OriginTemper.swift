// SPDX-License-Identifier: Apache-2.0
import TestKit

/// How the simulated origin behaves; probabilities are per response.
struct OriginTemper {
    var noStore = 0.1
    var isPrivate = 0.1
    var setCookie = 0.05
    var noCacheControl = 0.15
    var eTag = 0.5
    var chunked = 0.3
    var untilClose = 0.1
    var slowHead = 0.2
    var slowBody = 0.3
    var closesWhenIdle = 0.05
    var honorsRange = 0.5
    var largeBody = 0.1
    var largestBodyBytes = 60_000
    // What a healthy one never does.
    var serverError = 0.0
    var verySlow = 0.0
    var truncated = 0.0
    var reset = 0.0
    var malformed = 0.0

    static let healthy = OriginTemper()
    static let rough: OriginTemper = {
        var temper = OriginTemper()
        temper.serverError = 0.1
        temper.verySlow = 0.05
        temper.truncated = 0.05
        temper.reset = 0.06
        temper.malformed = 0.04
        return temper
    }()
}

/// One response before it is sent.
struct OriginPlan {
    enum Framing { case length, chunked, untilClose }

    var framing = Framing.length
    var fields = ""
    var headDelayMilliseconds = 0
    /// How many pieces the body leaves in, and what lies between them.
    var pieceCount = 1
    var pieceDelayMilliseconds = 0
    var closesAfterMilliseconds: Int?
}

/// The lifetimes that routes give; a reload may change them, and then the longest counts.
struct RouteLifetimes {
    var ttlMilliseconds: Int64 = 3000
    var forcedMilliseconds: Int64 = 2000
    var staleMilliseconds: Int64 = 0
}

extension OriginTemper {
    /// What changes the fields of something stored names a lifetime, so that the old one does not live on.
    /// Fills `response` in and says how it is to be sent.
    func plan(
        _ response: OriginResponse, lifetimes: RouteLifetimes, random: inout SeededRandom,
        isCurrent: (Int) -> Bool
    ) -> OriginPlan {
        var plan = OriginPlan()
        chooseTime(&plan, &random)
        confirm(response, isCurrent)
        chooseCaching(response, &plan, lifetimes, &random)
        if response.request.isOnItsOwn { response.isShareable = false }
        if response.status != 304 { chooseContent(response, &plan, &random) }
        // A route's lifetime is for successes.
        if response.request.page.route == .force, response.status < 400 {
            response.lifetimeMilliseconds = lifetimes.forcedMilliseconds
            response.livesFromReceipt = true
        } else if response.status >= 400, !plan.fields.contains("Cache-Control") {
            response.lifetimeMilliseconds = 0
        }
        chooseFlaw(response, &random)
        // What ends with its connection cannot be told from what broke off.
        if response.flaw == .truncated || response.status == 206 { plan.framing = .length }
        return plan
    }

    private func chooseTime(_ plan: inout OriginPlan, _ random: inout SeededRandom) {
        if random.chance(verySlow) {
            plan.headDelayMilliseconds = Int.random(in: 3000...6000, using: &random)
        } else if random.chance(slowHead) {
            plan.headDelayMilliseconds = Int.random(in: 50...1500, using: &random)
        } else {
            plan.headDelayMilliseconds = Int.random(in: 0...20, using: &random)
        }
        if random.chance(slowBody) {
            plan.pieceCount = Int.random(in: 2...8, using: &random)
            plan.pieceDelayMilliseconds = Int.random(in: 1...400, using: &random)
            if random.chance(verySlow) { plan.pieceDelayMilliseconds = Int.random(in: 2500...4000, using: &random) }
        }
        if random.chance(closesWhenIdle) { plan.closesAfterMilliseconds = Int.random(in: 0...200, using: &random) }
    }

    private func chooseCaching(
        _ response: OriginResponse, _ plan: inout OriginPlan, _ lifetimes: RouteLifetimes,
        _ random: inout SeededRandom
    ) {
        let request = response.request
        let route = request.page.route
        let seconds = Int.random(in: 1...(random.chance(0.5) ? 5 : 60), using: &random)
        var isPublic = false
        response.staleMilliseconds = lifetimes.staleMilliseconds
        if random.chance(noStore) {
            plan.fields += "Cache-Control: no-store\r\n"
            response.isShareable = false
        } else if random.chance(isPrivate) {
            plan.fields += "Cache-Control: private, max-age=\(seconds)\r\n"
            response.isShareable = false
        } else if response.status != 304, response.represents == nil, request.method == "GET",
            random.chance(noCacheControl)
        {
            response.lifetimeMilliseconds = route == .ttl ? lifetimes.ttlMilliseconds : 0
            response.livesFromReceipt = true
        } else {
            isPublic = request.page.audience != .personal && random.chance(0.5)
            var directives = "\(isPublic ? "public, " : "")max-age=\(seconds)"
            response.lifetimeMilliseconds = Int64(seconds) * 1000
            let stale = Int.random(in: 1...20, using: &random)
            if random.chance(0.4) {
                directives += random.chance(0.5) ? ", stale-while-revalidate=\(stale)" : ", stale-if-error=\(stale)"
                response.staleMilliseconds = max(response.staleMilliseconds, Int64(stale) * 1000)
            }
            plan.fields += "Cache-Control: \(directives)\r\n"
        }
        if request.isAuthorized, !isPublic { response.isShareable = false }
        if random.chance(setCookie) {
            plan.fields += "Set-Cookie: id=\(response.serial)\r\n"
            response.isShareable = false
        }
        plan.fields += "Surrogate-Key: all n\(request.page.number)\r\n"
        if request.page.audience == .varied { plan.fields += "Vary: x-user\r\n" }
        // The answer to HEAD may bring up to date what is stored for GET (RFC 9111 §4.3.5).
        if route == .pass || request.method == "POST" { response.isShareable = false }
    }

    private func confirm(_ response: OriginResponse, _ isCurrent: (Int) -> Bool) {
        guard let tag = response.request.ifNoneMatch, let confirmed = Int(tag.filter(\.isNumber)), isCurrent(confirmed)
        else { return }
        response.status = 304
        response.confirms = confirmed
        response.eTag = "\"s\(confirmed)\""
    }

    private func chooseContent(_ response: OriginResponse, _ plan: inout OriginPlan, _ random: inout SeededRandom) {
        let request = response.request
        if random.chance(serverError) { response.status = [500, 502, 503].randomElement(using: &random) ?? 500 }
        if random.chance(eTag) { response.eTag = "\"s\(response.serial)\"" }
        let limit = random.chance(largeBody) ? largestBodyBytes : random.chance(0.3) ? 120 : 1500
        response.makeBody(byteCount: Int.random(in: 60...limit, using: &random))
        if response.status == 200, let old = response.represents {
            response.eTag = old.eTag
            response.body = old.body
        }
        let mayHonorRange = request.ifRange == nil || response.represents != nil
        if request.range != nil, response.status == 200, mayHonorRange, random.chance(honorsRange) {
            response.status = 206
        }
        if random.chance(chunked) {
            plan.framing = .chunked
        } else if random.chance(untilClose) {
            plan.framing = .untilClose
        }
    }

    private func chooseFlaw(_ response: OriginResponse, _ random: inout SeededRandom) {
        let hasBody = OriginHead.hasBody(response)
        if response.request.isPoisonous {
            response.flaw = random.chance(0.5) ? .malformedHead : .resetInHead
        } else if random.chance(malformed) {
            response.flaw = .malformedHead
        } else if random.chance(reset) {
            response.flaw = hasBody && random.chance(0.5) ? .resetInBody : .resetInHead
        } else if random.chance(truncated), hasBody {
            response.flaw = .truncated
        }
    }
}
