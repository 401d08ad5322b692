// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import HTTPWire
import Testing

/// RFC 9112 §7.1 and §8; promise 6: whole or not at all.
@Suite struct BodyDecoderTests {
    struct Outcome: Equatable {
        var content: [UInt8] = []
        /// Bytes of the input that belong to the body; nil when it did not end.
        var length: Int?
        var error: BodyError?
        var trailers: [String] = []
    }

    /// What comes out when the input arrives in pieces of `size` bytes.
    static func decode(
        _ text: String, _ framing: BodyFraming = .chunked, pieces size: Int, limits: WireLimits = WireLimits()
    ) -> Outcome {
        let input = latin(text)
        var decoder = BodyDecoder(framing, limits: limits)
        var outcome = Outcome()
        var start = 0
        var end = min(size, input.count)
        while true {
            let piece = input.span.extracting(start..<end)
            switch decoder.next(piece) {
            case .data(let range, let consumed):
                #expect(!range.isEmpty && range.upperBound <= piece.count && consumed <= piece.count)
                for index in range { outcome.content.append(piece[index]) }
                start += consumed
            case .needMore:
                start = end
                if end == input.count { return outcome }
                end = min(end + size, input.count)
            case .finished(let consumed):
                outcome.length = start + consumed
                let trailers = decoder.trailers
                for index in trailers.slots.indices {
                    outcome.trailers.append(trailers.name(at: index).text() + "=" + trailers.value(at: index).text())
                }
                return outcome
            case .failed(let error):
                outcome.error = error
                return outcome
            }
        }
    }

    private func everyWay(
        _ text: String, _ framing: BodyFraming = .chunked, limits: WireLimits = WireLimits()
    ) -> Outcome {
        let whole = BodyDecoderTests.decode(text, framing, pieces: max(text.count, 1), limits: limits)
        for size in [1, 2, 3, 5, 7] {
            #expect(BodyDecoderTests.decode(text, framing, pieces: size, limits: limits) == whole)
        }
        return whole
    }

    @Test(arguments: [
        ("0\r\n\r\n", "", []), ("5\r\nhello\r\n0\r\n\r\n", "hello", []),
        ("000a\r\n0123456789\r\n00\r\n\r\n", "0123456789", []),
        ("A\r\n0123456789\r\n1\r\n!\r\n0\r\n\r\n", "0123456789!", []), ("2;a=b;c\r\nhi\r\n0;x=\"y\"\r\n\r\n", "hi", []),
        ("2 ;a\r\nhi\r\n0\t ; b\r\n\r\n", "hi", []), ("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", "x", ["A=b", "C="]),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", []),
    ])
    func decodes(text: String, content: String, trailers: [String]) {
        let next = "GET /next"
        let outcome = everyWay(text + next)
        #expect(outcome.content == latin(content))
        #expect(outcome.length == latin(text).count)
        #expect(outcome.trailers == trailers)
    }

    @Test(arguments: [
        ("\r\n", ChunkError.malformedSize), ("x\r\n", .malformedSize), ("0x5\r\n", .malformedSize),
        ("-5\r\n", .malformedSize), ("+5\r\n", .malformedSize), (" 5\r\n", .malformedSize), ("5 \r\n", .malformedSize),
        ("5 5\r\n", .malformedSize), (";a\r\n", .malformedSize), ("5_0\r\n", .malformedSize),
        ("8000000000000000\r\n", .sizeTooLarge), ("ffffffffffffffff1\r\n", .sizeTooLarge),
        ("10000000000000005\r\n", .sizeTooLarge), ("5\nhello", .bareLineFeed), ("5;a\nhello", .bareLineFeed),
        ("5\rhello", .bareCarriageReturn), ("5;\rx\r\nhello", .bareCarriageReturn),
        ("5;\u{0}\r\n", .malformedExtension),
        ("5;\u{7F}\r\n", .malformedExtension), ("2\r\nhiX\r\n", .missingLineEnd), ("2\r\nhi\n", .bareLineFeed),
        ("2\r\nhi\rX", .bareCarriageReturn), ("2\r\nhi0\r\n\r\n", .missingLineEnd),
        ("0\r\nA: b\n\r\n", .trailer(.bareLineFeed)),
        ("0\r\n\n", .trailer(.bareLineFeed)), ("0\r\nA : b\r\n\r\n", .trailer(.blankBeforeColon)),
        ("0\r\n x\r\n\r\n", .trailer(.folded)), ("0\r\nA\r\n\r\n", .trailer(.malformedName)),
        ("0\r\nA: b\rc\r\n\r\n", .trailer(.bareCarriageReturn)),
    ])
    func refuses(text: String, error: ChunkError) {
        #expect(everyWay(text + "\r\n\r\n").error == .chunk(error))
        #expect(error.reason.utf8CodeUnitCount > 0)
    }

    @Test func theLargestSizeIsUnderstood() {
        var decoder = ChunkedDecoder()
        #expect(decoder.decode(Array("7fffffffffffffff\r\nab".utf8).span) == .data(range: 18..<20, consumed: 20))
    }

    @Test func limitsLinesExtensionsAndTrailers() {
        var limits = WireLimits()
        limits.chunkLineBytes = 10
        limits.chunkExtensionBytes = 20
        limits.trailerBytes = 12
        limits.trailerCount = 2
        #expect(everyWay("2;23456789\r\nhi\r\n0\r\n\r\n", limits: limits).length != nil)
        #expect(everyWay("2;234567890\r\nhi\r\n", limits: limits).error == .chunk(.lineTooLong))
        #expect(everyWay("0000000000002\r\nhi\r\n", limits: limits).error == .chunk(.lineTooLong))
        let chunk = "1;2345678\r\nx\r\n"
        #expect(everyWay(chunk + chunk + chunk, limits: limits).error == .chunk(.extensionsTooLong))
        #expect(everyWay("0\r\nA: 3456789\r\n\r\n", limits: limits).length != nil)
        #expect(everyWay("0\r\nA: 3456789abc\r\n\r\n", limits: limits).error == .chunk(.trailersTooLarge))
        #expect(everyWay("0\r\nA:\r\nB:\r\nC:\r\n\r\n", limits: limits).error == .chunk(.trailer(.tooManyLines)))
    }

    @Test func aLengthTakesItsBytesAndNoMore() {
        #expect(everyWay("hello world", .length(5)) == Outcome(content: latin("hello"), length: 5))
        #expect(everyWay("next", .length(0)) == Outcome(length: 0))
        #expect(everyWay("next", BodyFraming.none) == Outcome(length: 0))
        #expect(everyWay("hel", .length(5)) == Outcome(content: latin("hel")))
        #expect(everyWay("all of it", .untilClose) == Outcome(content: latin("all of it")))
    }

    @Test func onlyABodyThatMayEndWithItsConnectionIsWholeThen() throws {
        var decoder = BodyDecoder(.untilClose)
        #expect(decoder.next(latin("abc").span) == .data(range: 0..<3, consumed: 3))
        try decoder.inputEnded()
        #expect(decoder.isFinished)

        for framing in [BodyFraming.length(5), .chunked] {
            var decoder = BodyDecoder(framing)
            #expect(decoder.next(latin("3\r").span) != .failed(.truncated))
            #expect(!decoder.isFinished)
            #expect(throws: BodyError.truncated) { try decoder.inputEnded() }
        }
        var done = BodyDecoder(.length(2))
        #expect(done.next(latin("ab").span) == .data(range: 0..<2, consumed: 2))
        #expect(done.isFinished)
        try done.inputEnded()
    }
}
