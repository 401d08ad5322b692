// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Consecutive bytes of a body, kept alive by holding this value.
package struct BodyRun: Sendable {
    private let segment: BodySegment
    private let range: Range<Int>

    init(segment: BodySegment, range: Range<Int>) {
        self.segment = segment
        self.range = range
    }

    package var count: Int { range.count }

    /// Whether the bytes lie in pages that hold nothing else, and are given back whole: such can be sent without
    /// being copied (`Kernel.sendPages`), once nothing is appended to them.
    package var isPaged: Bool { segment.isPaged }

    package var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { segment.bytes(range) }
    }
}

/// A body while it arrives: one thread appends, any thread reads what is published so far.
///
/// Segments are 4, 16, 64 and then 256 KB each; a body of known length has one of exactly that length. A
/// segment never moves. Its bytes are written outside the lock above everything published, and published
/// under the lock, so that whoever sees the count sees the bytes.
///
/// It is kept from its beginning on, or, once it `passes`, only as far as its readers still need it: then the
/// producer is held while the slowest of them lags too far behind.
package final class GrowingBody: Sendable {
    private struct State {
        var pieces: BodyPieces
        var readers = BodyReaders()
        var passes = false
        /// The producer waits until the slowest reader lags by no more than half of this; nil while it does not.
        var heldAtBytes: Int?

        /// By how much the slowest reader lags behind the producer.
        var lag: Int { pieces.count - (readers.slowest ?? pieces.count) }
    }

    /// What a reader's progress means.
    package enum Progress: Sendable {
        case none
        /// The producer was held and may go on.
        case producerMayGoOn
        /// The reader has been dropped, and gets nothing more.
        case dropped
    }

    private let state: Mutex<State>
    /// nil when what it takes is not counted.
    package let reservation: BodyReservation?

    /// - Parameters:
    ///   - expectedCount: the body's length where the origin told it.
    ///   - reservation: of at least so many bytes.
    package init(expectedCount: Int? = nil, reservation: BodyReservation? = nil) {
        let first = expectedCount.map { min(max($0, 1), Self.maximumFirstCapacity) } ?? Self.capacities[0]
        state = Mutex(State(pieces: BodyPieces(first: BodySegment(capacity: first))))
        self.reservation = reservation
    }

    /// One that is whole already, to be read like one that arrives. Its memory is counted with its entry.
    package init(of response: StoredResponse) {
        if let shared = response.sharedBody {
            state = Mutex(State(pieces: shared.pieces))
        } else {
            var pieces = BodyPieces(first: BodySegment(copying: response.inlineBody))
            pieces.publish(response.bodyCount)
            state = Mutex(State(pieces: pieces))
        }
        reservation = nil
    }

    /// What a body of unknown length takes at the beginning.
    package static var firstCapacity: Int { capacities[0] }

    /// How many bytes have been published.
    package var count: Int { state.withLock { $0.pieces.count } }

    /// What the allocator spent on the segments so far.
    package var allocatedBytes: Int { state.withLock { $0.pieces.allocatedBytes } }

    // MARK: The producer

    /// Called by the one producer only.
    package func append(_ bytes: borrowing Span<UInt8>) {
        var taken = 0
        while taken < bytes.count {
            let (segment, used) = writableSegment()
            let part = min(bytes.count - taken, segment.capacity - used)
            segment.write(bytes.extracting(taken..<taken + part), at: used)
            state.withLock { $0.pieces.publish(part) }
            taken += part
        }
    }

    /// Sees that so many more bytes are counted before they are appended; false when there is no room for them.
    package func reserve(_ additional: Int) -> Bool {
        guard let reservation else { return true }
        let needed = state.withLock { state in
            let last = state.pieces.last
            var (room, needed, number) = (last.segment.capacity - last.count, 0, state.pieces.pieceCount)
            while room < additional {
                room += Self.capacity(ofPiece: number)
                needed += Self.capacity(ofPiece: number)
                number += 1
            }
            return needed
        }
        return reservation.grow(by: needed)
    }

    /// The whole body as it stands, unchanging; the producer appends nothing after this.
    package func sealed() -> StoredBody {
        var pieces = state.withLock { $0.pieces }
        pieces.settle()
        return StoredBody(pieces)
    }

    private func writableSegment() -> (BodySegment, used: Int) {
        let (last, count) = state.withLock { ($0.pieces.last, $0.pieces.pieceCount) }
        if last.count < last.segment.capacity { return (last.segment, last.count) }
        // Only the producer adds segments, so nothing can have changed since the lock was left.
        let added = BodySegment(capacity: Self.capacity(ofPiece: count))
        state.withLock { $0.pieces.add(added) }
        return (added, 0)
    }

    private static func capacity(ofPiece number: Int) -> Int { capacities[min(number, capacities.count - 1)] }
    private static let capacities = [4 << 10, 16 << 10, 64 << 10, 256 << 10]
    /// A longer body arrives in segments, so that memory follows the bytes that really come.
    private static let maximumFirstCapacity = 4 << 20

    // MARK: Readers

    /// The published bytes from `offset` up to the end of their segment; nil when there are none yet, or none any
    /// more.
    package func run(at offset: Int) -> BodyRun? { state.withLock { $0.pieces.run(at: offset) } }

    package var readerCount: Int { state.withLock { $0.readers.count } }

    /// One more, from the beginning on; nil when that is no longer to be had.
    package func addReader() -> Int? {
        state.withLock { state in state.passes ? nil : state.readers.add() }
    }

    package func read(by reader: Int, upTo offset: Int) -> Progress {
        change { state in state.readers.moved(reader, to: offset) ? nil : .dropped }
    }

    /// Whether the producer was held and may go on. What was dropped may be removed again.
    package func removeReader(_ reader: Int) -> Bool {
        change { state in state.readers.remove(reader) ? nil : Progress.none } == .producerMayGoOn
    }

    // MARK: Passing

    package var passes: Bool { state.withLock { $0.passes } }

    /// From here on only what readers still need is kept, and nobody can begin.
    package func beginToPass() {
        _ = change { state in  // nobody is held yet
            state.passes = true
            return nil
        }
    }

    /// Whether the producer has to wait, because a reader lags by more; a later progress says when it may go on.
    package func holds(atBytes limit: Int) -> Bool {
        state.withLock { state in
            let isFull = state.passes && state.lag > limit
            state.heldAtBytes = isFull ? limit : nil
            return isFull
        }
    }

    /// The producer has been told to wait, and not yet to go on.
    package var isHolding: Bool { state.withLock { $0.heldAtBytes != nil } }

    /// Drops the readers for which the producer is held, if others have nothing left to read.
    /// - Returns: whether the producer may go on.
    package func dropLaggards() -> Bool {
        change { state in
            guard let limit = state.heldAtBytes, state.readers.hasReader(at: state.pieces.count) else { return nil }
            state.readers.removeAll(before: state.pieces.count - limit / 2)
            return nil
        } == .producerMayGoOn
    }

    // MARK: The pace of readers

    /// What a reader's client has really taken, of which it has told how far it has read.
    package func taken(by reader: Int, upTo offset: Int) {
        state.withLock { $0.readers.taken(reader, upTo: offset) }
    }

    /// Of the readers that keep the producer waiting the least that one has taken; nil when there is none.
    package var leastTakenByteCount: Int? { state.withLock { $0.readers.leastTaken(of: $0.pieces.count) } }

    /// - Parameter areAwaited: the producer waits for those who have not read all.
    package func lookAtReaders(areAwaited: Bool, atNanoseconds now: Int64, leastPerSecond: Int) {
        state.withLock { state in
            let end = areAwaited ? state.pieces.count : 0
            state.readers.look(end: end, atNanoseconds: now, leastPerSecond: leastPerSecond)
        }
    }

    /// Drops the readers that are too slow, unless all are. Answers whether some are left; `isHolding` tells then
    /// whether they have to read on before the producer does.
    package func dropSlowReaders(atNanoseconds now: Int64) -> Bool {
        var someAreLeft = false
        _ = change { state in  // whoever drops them looks whether it may go on
            someAreLeft = state.readers.removeSlow(atNanoseconds: now)
            return nil
        }
        return someAreLeft
    }

    /// Changes the readers, forgets what they need no more, and frees it after the lock.
    private func change(_ body: (inout State) -> Progress?) -> Progress {
        var forgotten = ContiguousArray<BodyPiece>()
        let progress = state.withLock { state -> Progress in
            if let progress = body(&state) { return progress }
            guard state.passes else { return .none }
            let lag = state.lag
            forgotten = state.pieces.forget(before: state.pieces.count - lag)
            guard let limit = state.heldAtBytes, lag <= limit / 2 else { return .none }
            state.heldAtBytes = nil
            return .producerMayGoOn
        }
        if !forgotten.isEmpty { reservation?.shrink(by: forgotten.reduce(0) { $0 + $1.segment.capacity }) }
        return progress
    }
}
