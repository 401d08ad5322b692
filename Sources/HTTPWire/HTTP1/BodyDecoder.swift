// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// Why a body is not whole.
package enum BodyError: Error, Equatable, Sendable {
    case chunk(ChunkError)
    /// The connection ended before the body did.
    case truncated

    /// For logs; constant.
    package var reason: StaticString {
        switch self {
        case .chunk(let error): error.reason
        case .truncated: "body ended early"
        }
    }
}

/// Finds the content of one body in what its connection delivers, however the body is framed.
package struct BodyDecoder: Sendable {
    private enum State: Sendable {
        case remaining(Int)
        case chunked(ChunkedDecoder)
        case untilClose
        case finished
    }

    private var state: State
    /// The trailers of a chunked body, once it is finished.
    package private(set) var trailers = Fields()

    package init(_ framing: BodyFraming, limits: WireLimits = WireLimits()) {
        state = Self.start(framing, limits)
    }

    /// The next body of the connection.
    package mutating func begin(_ framing: BodyFraming, limits: WireLimits) {
        state = Self.start(framing, limits)
        if !trailers.isEmpty { trailers = Fields() }
    }

    private static func start(_ framing: BodyFraming, _ limits: WireLimits) -> State {
        switch framing {
        case .none, .length(0): .finished
        case .length(let length): .remaining(length)
        case .chunked: .chunked(ChunkedDecoder(limits: limits))
        case .untilClose: .untilClose
        }
    }

    /// Whether the body has ended; true at once when there is none.
    package var isFinished: Bool {
        if case .finished = state { true } else { false }
    }

    /// After `.failed` the decoder must not be used again.
    package mutating func next(_ input: borrowing Span<UInt8>) -> BodyStep<BodyError> {
        switch state {
        case .finished: return .finished(consumed: 0)
        case .untilClose: return input.isEmpty ? .needMore : .data(range: 0..<input.count, consumed: input.count)
        case .remaining(let remaining):
            guard !input.isEmpty else { return .needMore }
            let count = min(remaining, input.count)
            state = count == remaining ? .finished : .remaining(remaining - count)
            return .data(range: 0..<count, consumed: count)
        case .chunked(var decoder):
            state = .finished  // Leaves `decoder` the only owner of its memory.
            let step = decoder.decode(input)
            return keep(decoder, step)
        }
    }

    private mutating func keep(_ decoder: ChunkedDecoder, _ step: BodyStep<ChunkError>) -> BodyStep<BodyError> {
        switch step {
        case .finished(let consumed):
            trailers = decoder.trailers
            return .finished(consumed: consumed)
        case .failed(let error): return .failed(.chunk(error))
        case .needMore:
            state = .chunked(decoder)
            return .needMore
        case .data(let range, let consumed):
            state = .chunked(decoder)
            return .data(range: range, consumed: consumed)
        }
    }

    /// The connection delivers no more. Only a body that ends with it is whole then, or one that ended before.
    package mutating func inputEnded() throws(BodyError) {
        switch state {
        case .finished: return
        case .untilClose: state = .finished
        case .remaining, .chunked: throw .truncated
        }
    }
}
