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
    private enum State: Sendable { case remaining(Int), chunked, untilClose, finished }

    private var state: State
    /// Of the last body that came in chunks, at most one: on the heap, so that other bodies cost none of its size.
    private var chunks: ContiguousArray<ChunkedDecoder> = []

    package init(_ framing: BodyFraming, limits: WireLimits = WireLimits()) {
        state = .finished
        begin(framing, limits: limits)
    }

    /// The next body of the connection.
    package mutating func begin(_ framing: BodyFraming, limits: WireLimits) {
        if !chunks.isEmpty { chunks = [] }
        switch framing {
        case .none, .length(0): state = .finished
        case .length(let length): state = .remaining(length)
        case .untilClose: state = .untilClose
        case .chunked:
            state = .chunked
            chunks = [ChunkedDecoder(limits: limits)]
        }
    }

    /// Whether the body has ended; true at once when there is none.
    package var isFinished: Bool {
        if case .finished = state { true } else { false }
    }

    /// How much content is still to come, where that is known.
    package var remainingByteCount: Int? {
        switch state {
        case .finished: 0
        case .remaining(let count): count
        case .chunked, .untilClose: nil
        }
    }

    /// The trailers of a chunked body, once it is finished.
    package var trailers: Fields { chunks.first?.trailers ?? Fields() }

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
        case .chunked: return nextChunk(input)
        }
    }

    private mutating func nextChunk(_ input: borrowing Span<UInt8>) -> BodyStep<BodyError> {
        switch chunks[0].decode(input) {
        case .finished(let consumed):
            state = .finished
            return .finished(consumed: consumed)
        case .failed(let error): return .failed(.chunk(error))
        case .needMore: return .needMore
        case .data(let range, let consumed): return .data(range: range, consumed: consumed)
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
