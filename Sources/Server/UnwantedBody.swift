// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPWire

/// What is left of a request's body that was answered without it. Where it is short it is read and thrown away, and
/// the connection serves the next request; else the answer says that the connection ends (RFC 9112 §9.3, §9.6).
final class UnwantedBody {
    private var relay: RequestBodyRelay
    private var takenByteCount = 0

    init(_ relay: RequestBodyRelay) { self.relay = relay }

    static var byteLimit: Int { 64 << 10 }
    /// How long its next piece is waited for.
    static var patienceMilliseconds: Int { 5000 }

    enum Step: Equatable {
        case ended(consumed: Int)
        case needMore
        /// Too long, or malformed: where the next request begins is not known.
        case lost
    }

    func pass(over bytes: borrowing Span<UInt8>) -> Step {
        var used = 0
        while true {
            if relay.isComplete { return .ended(consumed: used) }
            switch relay.next(bytes.extracting(used..<bytes.count)) {
            case .data(_, let consumed): used += consumed
            case .finished(let consumed): return .ended(consumed: used + consumed)
            case .needMore:
                takenByteCount += bytes.count
                return takenByteCount > Self.byteLimit ? .lost : .needMore
            case .failed: return .lost
            }
            if takenByteCount + used > Self.byteLimit { return .lost }
        }
    }

    /// Whether the body will be passed over, as far as can be told before it has come: one in chunks must be at hand
    /// whole. Who waits for a 100 may send the next request in place of the body (RFC 9110 §10.1.1).
    /// - Parameter bytes: what has come, with the body from `start` on.
    static func isShort(
        _ framing: BodyFraming, expectsContinue: Bool, in bytes: borrowing Span<UInt8>, from start: Int,
        limits: WireLimits
    ) -> Bool {
        switch framing {
        case .none, .length(0): return true
        case .length(let count): return !expectsContinue && count <= byteLimit
        case .chunked, .untilClose:
            guard !expectsContinue else { return false }
            let body = UnwantedBody(RequestBodyRelay(framing: framing, limits: limits))
            if case .ended = body.pass(over: bytes.extracting(start..<bytes.count)) { return true }
            return false
        }
    }
}
