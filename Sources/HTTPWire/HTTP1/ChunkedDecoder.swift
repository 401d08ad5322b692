// SPDX-License-Identifier: Apache-2.0
import Bytes
package import HTTPMessages

/// Why a chunked body cannot be understood.
package enum ChunkError: Error, Equatable, Sendable {
    case malformedSize, sizeTooLarge, lineTooLong, extensionsTooLong, malformedExtension
    case bareLineFeed, bareCarriageReturn, missingLineEnd
    case trailersTooLarge
    case trailer(FieldLineError)

    /// For logs; constant.
    package var reason: StaticString {
        switch self {
        case .malformedSize: "malformed chunk size"
        case .sizeTooLarge: "chunk size too large"
        case .lineTooLong: "chunk line too long"
        case .extensionsTooLong: "chunk extensions too long"
        case .malformedExtension: "malformed chunk extension"
        case .bareLineFeed: "line feed without carriage return in chunked body"
        case .bareCarriageReturn: "carriage return without line feed in chunked body"
        case .missingLineEnd: "chunk longer than its size"
        case .trailersTooLarge: "trailers too large"
        case .trailer(let error): error.reason
        }
    }
}

/// What a body decoder made of its input.
package enum BodyStep<Failure: Error>: Sendable {
    /// `range` of the input is content. Call again with what follows the first `consumed` bytes.
    case data(range: Range<Int>, consumed: Int)
    /// All of the input is consumed, and the body goes on.
    case needMore
    /// The body ended; what follows the first `consumed` bytes belongs to the next message.
    case finished(consumed: Int)
    case failed(Failure)
}

extension BodyStep: Equatable where Failure: Equatable {}

/// Takes the chunked coding apart (RFC 9112 §7.1), copying nothing but trailers.
package struct ChunkedDecoder: Sendable {
    private enum State: Sendable {
        case sizeStart, size, blankAfterSize, chunkExtension, sizeLineFeed
        case data(remaining: Int), dataReturn, dataLineFeed
        case trailers, finished
    }

    private var state = State.sizeStart
    private var size = 0
    private var lineBytes = 0
    private var extensionBytes = 0
    private var trailerText = ContiguousArray<UInt8>()
    private var trailerLineStart = 0
    private let limits: WireLimits

    /// Complete once the body is finished; empty when none came.
    package private(set) var trailers = Fields()

    package init(limits: WireLimits = WireLimits()) {
        self.limits = limits
    }

    package var isFinished: Bool {
        if case .finished = state { true } else { false }
    }

    /// After `.failed` the decoder must not be used again.
    package mutating func decode(_ input: borrowing Span<UInt8>) -> BodyStep<ChunkError> {
        var index = 0
        while true {
            if case .finished = state { return .finished(consumed: index) }
            guard index < input.count else { return .needMore }
            if case .data(let remaining) = state {
                let end = index + min(remaining, input.count - index)
                state = end - index == remaining ? .dataReturn : .data(remaining: remaining - (end - index))
                return .data(range: index..<end, consumed: end)
            }
            if let error = take(input[index]) { return .failed(error) }
            index += 1
        }
    }

    /// One byte outside of content.
    private mutating func take(_ byte: UInt8) -> ChunkError? {
        switch state {
        case .sizeStart, .size, .blankAfterSize, .chunkExtension: return takeSizeLine(byte)
        case .sizeLineFeed:
            guard byte == ASCII.lineFeed else { return .bareCarriageReturn }
            state = size == 0 ? .trailers : .data(remaining: size)
            size = 0
            lineBytes = 0
        case .dataReturn:
            guard byte == ASCII.carriageReturn else { return byte == ASCII.lineFeed ? .bareLineFeed : .missingLineEnd }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == ASCII.lineFeed else { return .bareCarriageReturn }
            state = .sizeStart
        case .trailers: return takeTrailer(byte)
        case .data, .finished: break
        }
        return nil
    }

    // MARK: Size and extensions

    private mutating func takeSizeLine(_ byte: UInt8) -> ChunkError? {
        if byte == ASCII.carriageReturn {
            // Blanks may stand before an extension's semicolon, not before the line's end.
            switch state {
            case .size, .chunkExtension: state = .sizeLineFeed
            default: return .malformedSize
            }
            return nil
        }
        if byte == ASCII.lineFeed { return .bareLineFeed }
        lineBytes += 1
        guard lineBytes <= limits.chunkLineBytes else { return .lineTooLong }
        switch state {
        case .sizeStart, .size: return takeSizeDigit(byte)
        case .blankAfterSize where byte == ASCII.semicolon: state = .chunkExtension
        case .blankAfterSize where !ASCII.isBlank(byte): return .malformedSize
        case .chunkExtension where byte < ASCII.space && byte != ASCII.tab || byte == 0x7F: return .malformedExtension
        default: break
        }
        extensionBytes += 1
        return extensionBytes <= limits.chunkExtensionBytes ? nil : .extensionsTooLong
    }

    private mutating func takeSizeDigit(_ byte: UInt8) -> ChunkError? {
        if let digit = ASCII.hexValue(byte) {
            guard size <= Int.max >> 4 else { return .sizeTooLarge }
            size = size << 4 | Int(digit)
            state = .size
            return nil
        }
        guard case .size = state else { return .malformedSize }
        if byte == ASCII.semicolon {
            state = .chunkExtension
        } else if ASCII.isBlank(byte) {
            state = .blankAfterSize
        } else {
            return .malformedSize
        }
        return nil
    }

    // MARK: Trailers

    private mutating func takeTrailer(_ byte: UInt8) -> ChunkError? {
        guard trailerText.count < limits.trailerBytes + 2 else { return .trailersTooLarge }
        trailerText.append(byte)
        guard byte == ASCII.lineFeed else { return nil }
        let count = trailerText.count
        guard count > 1, trailerText[count - 2] == ASCII.carriageReturn else { return .trailer(.bareLineFeed) }
        let isBlankLine = count == trailerLineStart + 2
        trailerLineStart = count
        return isBlankLine ? finishTrailers() : nil
    }

    private mutating func finishTrailers() -> ChunkError? {
        state = .finished
        guard trailerText.count > 2 else { return nil }
        let lines = FieldLineReader(
            lineBytes: limits.trailerBytes, headBytes: trailerText.count, count: limits.trailerCount,
            acceptsBlankBeforeColon: false)
        let text = trailerText
        switch lines.read(text.span, from: 0, into: &trailers) {
        case .end: trailers.setBytes(text.span)
        case .incomplete: return .trailer(.bareCarriageReturn)
        case .failed(let error): return .trailer(error)
        }
        return nil
    }
}
