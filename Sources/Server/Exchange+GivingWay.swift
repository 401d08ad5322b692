// SPDX-License-Identifier: Apache-2.0
import HTTPMessages
import RequestFlow
import Storage

/// A connection to the upstream that waits for its client is given up when others wait for one, and their clients
/// are faster (promise 7).
extension Exchange {
    /// Of its content some has still to come, which goes upstream as it comes.
    var isUnfinished: Bool {
        !requestBody.isComplete && !requestBody.isAtHand && sendsBody && request.content == nil
    }

    /// The bytes that its client has sent and taken, where the connection waits for the client; else nil.
    var awaitedByteCount: Int? {
        guard let upstream else { return nil }
        if let passing, upstream.isPaused, client == nil || passing.body.readerCount > 1 {
            return passing.body.readByteCount
        }
        guard let client else { return nil }
        let awaitsContent = isUnfinished && upstream.pendingByteCount == 0
        guard awaitsContent || upstream.isPaused else { return nil }
        return requestBody.receivedByteCount + client.takenByteCount
    }

    /// Its client is too slow. Nothing is told to have come whole that has not.
    func giveWay() {
        if let passing, passing.body.readerCount > 1, passing.body.dropLaggards() {
            // The others go on without those who lag.
            flight?.wentOn(to: nil)
            pump()
            return followersReadOn()
        }
        worker.gaveWay(delivery.hasBegun ? "answer-begun" : "content-begun")
        upstream?.abandon(mayDrain: false)
        upstream = nil
        switch intake {
        case .store: storingFailed(detail: "too-slow-for-others")
        case .relay: breakOff(detail: "too-slow-for-others")
        case .none, .tunnel: requestBodyFailed(Status(408), detail: "too-slow-for-others")
        }
    }
}
