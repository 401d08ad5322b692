// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire

/// A request's body on its way from client to upstream: nothing of it is kept here.
struct RequestBodyRelay {
    let framing: BodyFraming
    private var decoder: BodyDecoder
    private(set) var isComplete: Bool
    private(set) var receivedByteCount = 0
    /// Whether any of it has left for the upstream, after which the request cannot be repeated.
    var hasBeenSent = false
    /// The client has been told to go on (RFC 9110 §15.2.1).
    var isContinued = false
    /// Its beginning is to come before a connection to the upstream is taken.
    var isGathering = false
    /// It has come whole, and is to be read yet.
    var isAtHand = false
    /// Nobody reads it any more; what is at hand of it is passed over.
    var isUnwanted = false

    init(framing: BodyFraming, limits: WireLimits) {
        self.framing = framing
        decoder = BodyDecoder(framing, limits: limits)
        isComplete = decoder.isFinished
    }

    enum Step {
        /// `data` is a range of the input.
        case data(Range<Int>, consumed: Int)
        case finished(consumed: Int)
        case needMore
        case failed
    }

    mutating func next(_ input: borrowing Span<UInt8>) -> Step {
        switch decoder.next(input) {
        case .data(let range, let consumed):
            receivedByteCount += range.count
            isComplete = decoder.isFinished
            return .data(range, consumed: consumed)
        case .finished(let consumed):
            isComplete = true
            return .finished(consumed: consumed)
        case .needMore: return .needMore
        case .failed: return .failed
        }
    }

    /// Nil where it comes in chunks.
    var remainingByteCount: Int? { decoder.remainingByteCount }

    /// Trailer fields, once complete.
    var trailers: Fields { decoder.trailers }
}
