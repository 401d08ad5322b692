// SPDX-License-Identifier: Apache-2.0

/// One segment and how much of it is filled.
struct BodyPiece: Sendable {
    let segment: BodySegment
    /// Where in the body the segment begins.
    let start: Int
    var count: Int
}

/// The segments of one body in order.
struct BodyPieces: Sendable {
    private var pieces: ContiguousArray<BodyPiece>
    private(set) var count = 0
    private var forgottenPieces = 0

    init(first: BodySegment) { pieces = [BodyPiece(segment: first, start: 0, count: 0)] }

    var pieceCount: Int { forgottenPieces + pieces.count }
    var last: BodyPiece { pieces[pieces.count - 1] }

    var allocatedBytes: Int {
        pieces.reduce(0) { $0 + $1.segment.allocatedBytes + MemoryLayout<BodyPiece>.stride }
    }

    mutating func add(_ segment: BodySegment) {
        pieces.append(BodyPiece(segment: segment, start: count, count: 0))
    }

    mutating func publish(_ added: Int) {
        pieces[pieces.count - 1].count += added
        count += added
    }

    /// Takes out the pieces that end before `offset`; the last one stays.
    mutating func forget(before offset: Int) -> ContiguousArray<BodyPiece> {
        var number = 0
        while number < pieces.count - 1, pieces[number + 1].start <= offset { number += 1 }
        guard number > 0 else { return [] }
        let forgotten = ContiguousArray(pieces[..<number])
        pieces.removeFirst(number)
        forgottenPieces += number
        return forgotten
    }

    func run(at offset: Int) -> BodyRun? {
        guard offset >= pieces[0].start && offset < count else { return nil }
        var low = 0
        var high = pieces.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if pieces[middle].start <= offset { low = middle } else { high = middle - 1 }
        }
        let piece = pieces[low]
        return BodyRun(segment: piece.segment, range: offset - piece.start..<piece.count)
    }

    /// Gives back the unused rest of the last segment when it is worth a copy; readers of the old segment keep it.
    mutating func trimLast() {
        let last = last
        guard last.segment.capacity - last.count > max(last.segment.capacity / 16, 64) else { return }
        let exact = BodySegment(copying: last.segment.bytes(0..<last.count))
        pieces[pieces.count - 1] = BodyPiece(segment: exact, start: last.start, count: last.count)
    }
}

/// A complete body in segments, unchanging, shareable between stored responses and threads.
package final class StoredBody: Sendable {
    private let pieces: BodyPieces
    /// What the allocator spent on it.
    let allocatedBytes: Int

    init(_ pieces: BodyPieces) {
        self.pieces = pieces
        allocatedBytes = pieces.allocatedBytes + Self.objectBytes
    }

    package var count: Int { pieces.count }

    /// The bytes from `offset` up to the end of their segment; nil at the end.
    package func run(at offset: Int) -> BodyRun? { pieces.run(at: offset) }

    /// This object and the head of its array, as the allocator rounds them.
    private static let objectBytes = 96
}
