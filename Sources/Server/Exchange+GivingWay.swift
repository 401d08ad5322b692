// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
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
        if let shared { return upstream.isPaused ? shared.body.leastTakenByteCount : nil }
        guard let client else { return nil }
        let awaitsContent = isUnfinished && upstream.pendingByteCount == 0
        guard awaitsContent || upstream.isPaused else { return nil }
        return requestBody.receivedByteCount + client.takenByteCount
    }

    /// What it passes on, where others than its own client read that.
    private var shared: StreamedResponse? {
        guard let passing, client == nil || passing.body.readerCount > 1 else { return nil }
        return passing
    }

    /// Each who reads what it passes on has a pace of its own. Those elsewhere tell theirs before the next look.
    func lookAtReaders(leastPerSecond: Int) {
        guard let upstream, let shared else { return }
        tellTaken()
        shared.body.lookAtReaders(
            areAwaited: upstream.isPaused, atNanoseconds: worker.loop.now.monotonicNanoseconds,
            leastPerSecond: leastPerSecond)
        if upstream.isPaused { flight?.wentOn(to: nil) }
    }

    /// What its client has really taken of a body that waits for its readers.
    func tellTaken() {
        guard let reader, let client, let passing, passing.body.isHolding else { return }
        passing.body.taken(by: reader, upTo: sourceCursor - client.untakenByteCount)
    }

    /// Whether those who read the same answer fast enough go on without the others; false when there is none.
    func goesOnWithoutSlowReaders() -> Bool {
        guard let shared, shared.body.dropSlowReaders(atNanoseconds: worker.loop.now.monotonicNanoseconds)
        else { return false }
        flight?.wentOn(to: nil)
        pump()
        followersReadOn()
        return true
    }

    /// Its client is too slow. Nothing is told to have come whole that has not.
    func giveWay() {
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
