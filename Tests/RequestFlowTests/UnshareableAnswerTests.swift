// SPDX-License-Identifier: Apache-2.0
import CacheRules
import HTTPMessages
import Testing

@testable import RequestFlow

/// What cannot be shared is remembered, so that nobody queues for it (promise 4).
@Suite struct UnshareableAnswerTests {
    @Test(
        "What the origin says of a resource holds for minutes",
        arguments: [NotStoredReason.noStore, .private, .setCookie])
    func resources(reason: NotStoredReason) {
        let answer = UnshareableAnswer(reason, Status(200))
        #expect(answer.rememberedMilliseconds == 120_000)
        #expect(answer.fetchEnd == .uncacheable)
    }

    @Test("An error holds for seconds, and nodes do not remember it", arguments: [404, 403, 500, 502, 503, 504])
    func errors(status: UInt16) {
        for reason in [NotStoredReason.noLifetime, .noStore, .setCookie, .expired] {
            let answer = UnshareableAnswer(reason, Status(status))
            #expect(answer.rememberedMilliseconds == 2_000)
            #expect(answer.fetchEnd == .nothingToShare)
        }
    }

    @Test(
        "What is about one request or one moment is not remembered",
        arguments: [
            NotStoredReason.requestSpecific, .requestForm, .authorization, .requestNoStore, .incomplete, .invalidated,
            .storeFull, .superseded,
        ], [200, 503])
    func moments(reason: NotStoredReason, status: UInt16) {
        let answer = UnshareableAnswer(reason, Status(status))
        #expect(answer.rememberedMilliseconds == 0)
        #expect(answer.fetchEnd == .nothingToShare)
    }
}
