// SPDX-License-Identifier: Apache-2.0
import Bytes
import Compression
import EventIO
import HTTPMessages
import Storage

/// Looks whether a coded body can be decoded, so that no damaged one is stored.
final class BodyCheck {
    private let transform: BodyTransform?
    private var output = ByteBuffer()
    /// How far it has come in the body.
    private var cursor = 0
    private(set) var failure: CodingError?
    /// Its next step is due in the loop's next turn.
    var awaitsTurn = false
    /// The body has come to its end, which waits for this.
    var isLast = false

    init(_ coding: ContentCoding, limit: DecodingLimit, store: MemoryStore) {
        do throws(CodingError) {
            transform = try BodyTransform(from: coding, to: .identity, level: .fast, limit: limit, store: store)
        } catch {
            transform = nil
            failure = error
        }
    }

    /// Looks at a whole body, of `Worker.maximumDecodedAtOnceBytes` at most.
    func write(_ data: borrowing Span<UInt8>) {
        while failure == nil, cursor < data.count || transform?.hasMore == true {
            step(data.extracting(cursor..<data.count))
        }
    }

    /// Goes on in `body`, for as long as one turn of a loop may take.
    func advance(_ body: GrowingBody) {
        var produced = 0
        while produced < Self.producedByteBudget, isBehind(body) {
            if let run = body.run(at: cursor) { produced += step(run.bytes) } else { produced += step(Span()) }
        }
    }

    /// Whether there is more to look at.
    func isBehind(_ body: GrowingBody) -> Bool {
        failure == nil && (cursor < body.count || transform?.hasMore == true)
    }

    /// Answers how much came out.
    @discardableResult
    private func step(_ data: borrowing Span<UInt8>) -> Int {
        guard let transform else { return 0 }
        do throws(CodingError) {
            cursor += try transform.write(data, into: &output)
        } catch {
            failure = error
        }
        defer { output.clear() }
        return output.count
    }

    /// All has come and was looked at; answers whether it was right.
    func finish() -> Bool {
        guard failure == nil, let transform else { return false }
        do throws(CodingError) {
            try transform.finish(into: &output)
        } catch {
            failure = error
        }
        return failure == nil
    }

    private static var producedByteBudget: Int { 256 << 10 }
}

extension Exchange {
    /// Looks at what has come of a coded body that is to be stored; the origin waits while that lags behind.
    func checkOn(_ response: StreamedResponse) {
        guard let check else { return }
        check.advance(response.body)
        guard check.isBehind(response.body), !check.awaitsTurn else { return }
        upstream?.pause()
        check.awaitsTurn = true
        worker.loop.later { [self] in
            check.awaitsTurn = false
            checkFurther(check)
        }
    }

    private func checkFurther(_ check: BodyCheck) {
        guard !isOver, case .store(let response) = intake else { return }
        // Nothing is stored of what passes.
        if passing != nil { return followersReadOn() }
        checkOn(response)
        guard !check.awaitsTurn else { return }
        if check.isLast { storingEnded(response) } else { upstream?.resume() }
    }

    /// The body has come to its end: whether that has to wait until it has been looked at.
    func waitsForCheck(_ response: StreamedResponse) -> Bool {
        guard let check, passing == nil, check.isBehind(response.body) else { return false }
        check.isLast = true
        return true
    }
}
