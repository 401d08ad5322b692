// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPWire

/// Answers that do not wait for the whole of a request's body.
extension Exchange {
    /// To be called before the head of an answer is written: it says whether the connection goes on.
    func judgeRestOfBody() {
        guard request.keepsOpen, !requestBody.isComplete else { return }
        if !restOfBodyIsShort { request.keepsOpen = false }
    }

    var restOfBodyIsShort: Bool {
        // RFC 9110 §10.1.1: in its place may come the next request.
        if request.expectsContinue, !requestBody.isContinued, requestBody.receivedByteCount == 0 { return false }
        return requestBody.remainingByteCount ?? .max <= UnwantedBody.byteLimit
    }

    /// Nobody will have the body: of one in chunks it is known then whether it has come whole.
    func passOverBodyAtHand() {
        guard request.keepsOpen, !requestBody.isComplete, requestBody.framing.isChunked else { return }
        guard !request.expectsContinue || requestBody.isContinued else { return }
        requestBody.isUnwanted = true
        client?.advance()
    }

    /// Answers how many bytes were used.
    func passOver(_ bytes: borrowing Span<UInt8>) -> Int {
        var used = 0
        while used < bytes.count, !requestBody.isComplete {
            switch requestBody.next(bytes.extracting(used..<bytes.count)) {
            case .data(_, let consumed), .finished(let consumed): used += consumed
            case .needMore: return bytes.count
            case .failed:
                request.keepsOpen = false
                return bytes.count
            }
        }
        return used
    }
}
