// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import RequestFlow
import Settings

/// A short request body is gathered before a connection to the upstream is taken, and a long one's beginning: who
/// sends slowly keeps nobody from a connection (promise 7).
extension Exchange {
    static var gatheredByteLimit: Int { 32 << 10 }

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
            bytes.count >= min(count, Self.gatheredByteLimit)
        {
            endGathering()
            return 0
        }
        var used = 0
        while used < bytes.count, requestBody.isGathering {
            let room = Self.gatheredByteLimit - collected.count
            let rest = bytes.extracting(used..<min(bytes.count, used + room))
            switch requestBody.next(rest) {
            case .data(let range, let consumed):
                used += consumed
                if exceedsBodyLimit { return failGathering(Status(413), "body-too-large", bytes.count) }
                collected.append(rest.extracting(range))
                if requestBody.isComplete || collected.count >= Self.gatheredByteLimit { endGathering() }
            case .finished(let consumed):
                used += consumed
                endGathering()
            case .needMore: used += rest.count
            case .failed: return failGathering(Status(400), "malformed-chunk", bytes.count)
            }
        }
        // Without room for it the body goes on as it comes.
        if requestBody.isGathering, !held.grow(to: Self.gatheredByteLimit, of: worker.shared.heldForClients) {
            endGathering()
        }
        return used
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
