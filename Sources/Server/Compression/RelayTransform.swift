// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import HTTPMessages

/// The transform of a body that goes straight to one client. What comes from the origin at once may be decoded to very
/// much: it waits here, and is decoded in steps.
final class RelayTransform {
    private let transform: BodyTransform
    /// What came and was not used yet: a read's worth at most, as the origin is not read from meanwhile.
    private var input = ByteBuffer()
    /// What follows the body, when all of it has come.
    private var ending: ByteBuffer?
    /// Its next step is due in the loop's next turn.
    var awaitsTurn = false

    init(_ transform: BodyTransform) { self.transform = transform }

    var target: ContentCoding { transform.target }

    /// More can be had of what has come.
    var isBehind: Bool { transform.hasMore || !input.isEmpty }

    func write(_ data: borrowing Span<UInt8>, into output: inout ByteBuffer) throws(CodingError) {
        // What waits comes first, and in a turn of its own.
        let used = isBehind ? 0 : try transform.write(data, atMost: Self.producedByteLimit, into: &output)
        if used < data.count { input.append(data.extracting(used..<data.count)) }
    }

    /// The next step.
    func goOn(into output: inout ByteBuffer) throws(CodingError) {
        // Taken out while it is lent.
        var waiting = ByteBuffer()
        swap(&waiting, &input)
        defer { swap(&waiting, &input) }
        waiting.consume(try transform.write(waiting.span, atMost: Self.producedByteLimit, into: &output))
    }

    func flush(into output: inout ByteBuffer) throws(CodingError) { try transform.flush(into: &output) }

    func finish(into output: inout ByteBuffer) throws(CodingError) { try transform.finish(into: &output) }

    func end(with ending: consuming ByteBuffer) { self.ending = consume ending }

    func takeEnding() -> ByteBuffer? { ending.take() }

    private static var producedByteLimit: Int { 256 << 10 }
}
