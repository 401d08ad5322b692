// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings

/// A request body that is known to be short is gathered before a connection to the upstream is taken, and any other's
/// beginning: who sends slowly keeps nobody from a connection (promise 7).
extension Exchange {
    /// Of one that is longer, or of unknown length.
    static var gatheredByteLimit: Int { 32 << 10 }
    /// As much is held for a client that takes its answer slowly.
    private static var gatheredWholeLimit: Int { 256 << 10 }

    /// How much is gathered where there is room for it.
    private var gatheringLimit: Int {
        if case .length(let count) = request.framing, count <= Self.gatheredWholeLimit { return count }
        return Self.gatheredByteLimit
    }

    func forward() {
        // RFC 9110 §10.1.1: who waits for a 100 gets the origin's, before anything can be gathered.
        guard client != nil, !requestBody.isComplete, !request.expectsContinue,
            collected.count < Self.gatheredByteLimit
        else { return fetch(conditional: false) }
        requestBody.isGathering = true
    }

    /// Answers how many bytes were used.
    func gather(_ bytes: borrowing Span<UInt8>) -> Int {
        // What has come whole need not be copied.
        if case .length(let count) = request.framing, collected.isEmpty, requestBody.receivedByteCount == 0,
            bytes.count >= min(count, gatheringLimit)
        {
            requestBody.isAtHand = bytes.count >= count
            endGathering()
            return 0
        }
        var used = 0
        let limit = gatheringLimit
        while used < bytes.count, requestBody.isGathering {
            guard makeRoomToGather(bytes.count - used, limit) else {
                endGathering()
                break
            }
            let rest = bytes.extracting(used..<min(bytes.count, used + limit - collected.count))
            switch requestBody.next(rest) {
            case .data(let range, let consumed):
                used += consumed
                if exceedsBodyLimit { return failGathering(Status(413), "body-too-large", bytes.count) }
                collected.append(rest.extracting(range))
                if requestBody.isComplete || collected.count >= limit { endGathering() }
            case .finished(let consumed):
                used += consumed
                endGathering()
            case .needMore: used += rest.count
            case .failed: return failGathering(Status(400), "malformed-chunk", bytes.count)
            }
        }
        return used
    }

    /// Without room for it the body goes on as it comes.
    private func makeRoomToGather(_ more: Int, _ limit: Int) -> Bool {
        let needed = min(collected.count + more, limit)
        let wanted = needed <= Self.gatheredByteLimit ? min(limit, Self.gatheredByteLimit) : limit
        guard held.grow(to: wanted, of: worker.shared.heldForClients) else { return false }
        if needed > collected.capacity { collected.grow(to: min(limit, max(needed, 2 * collected.capacity))) }
        return true
    }

    private func failGathering(_ status: Status, _ detail: StaticString, _ used: Int) -> Int {
        requestBody.isGathering = false
        requestBodyFailed(status, detail: detail)
        return used
    }

    private func endGathering() {
        requestBody.isGathering = false
        fetch(conditional: false)
    }
}
